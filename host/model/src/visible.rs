//! Text from outside, made fit for a log line or a terminal: whoever reads it sees all of it, and sees it as it is.

/// Whether a character shows nothing of its own, or changes how others show: Unicode's controls and format characters (zero
/// width, direction, tags), line and paragraph separators, spaces other than the usual one, what isn't assigned, and what is
/// drawn as nothing.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // These are letters, marks and symbols by their category, and are drawn as nothing all the same.
    let is_drawn_as_nothing = matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    is_drawn_as_nothing || !is_printable(c)
}

/// By the standard library's table. It escapes a combining mark at the beginning of a text only, so there's a letter first.
fn is_printable(c: char) -> bool {
    let mut text = [b'a', 0, 0, 0, 0];
    let length = c.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// The text with its hidden characters written out, as in `\u{202e}`.
pub fn visible(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if is_hidden(c) {
                out.extend(c.escape_default())
            } else {
                out.push(c)
            }
            out
        })
}

/// Lines as one, for a log.
pub fn in_a_line(lines: &str) -> String {
    lines.replace(":\n", ": ").replace('\n', "; ")
}

/// Characters that are told of a text that others wrote: a key, or a text in the wrong place, can be as long as its file.
const EXCERPT_CHARS_MAX: usize = 400;

/// A text that others wrote, as it is told: cut, and with nothing hidden in it.
pub fn excerpt(text: &str) -> String {
    let cut = |text: &str| -> String { text.chars().take(EXCERPT_CHARS_MAX).collect() };
    let told = cut(&visible(&cut(text)));
    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        told + "…"
    } else {
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_written_out_and_others_stay() {
        for plain in [
            "",
            "plain",
            "two words",
            "äöü",
            "e\u{301}",
            "日本語",
            "العربية",
            "👍",
            "\\ \"",
            "\u{fffd}…",
        ] {
            assert_eq!(visible(plain), plain);
        }
        for (hidden, expected) in [
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("hook\u{200b}yard:", "hook\\u{200b}yard:"),
            ("\u{feff}\u{2060}\u{ad}", "\\u{feff}\\u{2060}\\u{ad}"),
            ("\u{202e}\u{2066}\u{61c}", "\\u{202e}\\u{2066}\\u{61c}"),
            ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
            ("\u{e0041}\u{e01ef}", "\\u{e0041}\\u{e01ef}"),
            ("\u{3164}\u{2800}\u{fe0f}", "\\u{3164}\\u{2800}\\u{fe0f}"),
            ("\u{a0}\u{3000}\u{e000}", "\\u{a0}\\u{3000}\\u{e000}"),
        ] {
            assert_eq!(visible(hidden), expected);
        }
    }
}
