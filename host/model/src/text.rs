//! Makes text from outside safe for a log line or a terminal.
//!
//! A reader must see all of the text, and see it as it is: hidden characters are written out, long
//! text is cut, and several lines become one.

/// The maximum number of characters in an [`excerpt`].
const EXCERPT_CHARS_MAX: usize = 400;

/// Returns whether a character is invisible, or changes how other characters are displayed.
///
/// These are Unicode's control and format characters (zero width, direction, tags), line and
/// paragraph separators, spaces other than the ordinary space, unassigned code points, and
/// characters that are drawn as nothing.
pub fn is_hidden(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // Unicode classifies these as letters, marks and symbols, but they are drawn as nothing.
    let is_drawn_as_nothing = matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    );

    is_drawn_as_nothing || !is_printable(c)
}

/// Returns whether the standard library considers a character printable.
fn is_printable(c: char) -> bool {
    // `escape_debug` escapes a combining mark only at the beginning of a text, so a letter
    // precedes.
    let mut text = [b'a', 0, 0, 0, 0];
    let length = c.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) == Some(c)
}

/// Returns the text with its hidden characters written out, as in `\u{202e}`.
pub fn visible(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }

    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Joins the lines of a text into one line, for a log.
pub fn one_line(lines: &str) -> String {
    lines.replace(":\n", ": ").replace('\n', "; ")
}

/// Returns the beginning of a text from outside, with its hidden characters written out.
///
/// The text is cut because a key or a misplaced value can be as long as its file.
pub fn excerpt(text: &str) -> String {
    let start = first_chars(text);
    let excerpt = first_chars(&visible(&start));

    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        excerpt + "…"
    } else {
        excerpt
    }
}

fn first_chars(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_escapes_hidden_characters_only() {
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
