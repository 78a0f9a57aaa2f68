//! Texts that guests chose, made fit for one line of a log.

/// One line of at most `bytes_max` bytes, with an ellipsis where it was cut; control characters become spaces.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let clean = |text: &str| text.replace(char::is_control, " ");
    let text = text.trim_end();
    if text.len() <= bytes_max {
        return clean(text);
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    clean(&text[..end]) + "…"
}

/// Bytes of a name that are told.
const NAME_BYTES_MAX: usize = 200;

/// A name that a component made, such as an import's, fit to be told.
pub(crate) fn named(name: &str) -> String {
    one_line(name, NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_line_is_one_line_and_bounded() {
        for (text, expected) in [
            ("plain", "plain"),
            ("two\nlines\r\n", "two lines"),
            ("\u{1b}[31mred", " [31mred"),
            ("exactly ten", "exactly te…"),
            ("äöüäöü", "äöüäö…"),
            ("123456789ä", "123456789…"),
        ] {
            assert_eq!(one_line(text, 10), expected, "{text}");
        }
    }
}
