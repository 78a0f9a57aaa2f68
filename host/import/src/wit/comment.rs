//! Comments of WIT: at most three lines, and nothing that could end them.

/// The maximum number of characters of a line, without its indentation.
const WIDTH: usize = 110;
/// The maximum number of lines.
const LINES_MAX: usize = 3;

/// Writes a text as a comment. An empty text writes nothing.
pub(super) fn comment(text: &str, indentation: &str, out: &mut String) {
    for line in lines(&inline(text)) {
        out.push_str(indentation);
        out.push_str("/// ");
        out.push_str(&line);
        out.push('\n');
    }
}

/// Returns a text in one line and without hidden characters.
pub(super) fn inline(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|c| *c == '\n' || !crate::note::is_hidden(*c))
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word: String = word.chars().take(WIDTH).collect();
        let is_full = lines.len() == LINES_MAX;
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(line) if is_full => {
                line.push_str(" …");
                break;
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_after_three_lines() {
        let mut out = String::new();
        comment(&"word ".repeat(200), "  ", &mut out);

        assert_eq!(out.lines().count(), 3);
        assert!(out.ends_with(" …\n"));
        assert!(
            out.lines()
                .all(|line| line.starts_with("  /// word") && line.len() < 120)
        );
    }

    #[test]
    fn line_breaks_and_hidden_characters_do_not_leave_the_comment() {
        let mut out = String::new();
        comment("a\nb\u{2028}c\rd\u{202e}e", "", &mut out);

        assert_eq!(out, "/// a bcde\n");
    }
}
