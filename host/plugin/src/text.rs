//! Texts that guests chose, made fit for one line of a log.

use hookyard_model::visible;

/// One line of at most `bytes_max` bytes, with an ellipsis where it was cut. Control characters become spaces, and others
/// that nobody sees are written out.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let clean = |text: &str| visible(&text.replace(char::is_control, " "));
    let text = text.trim_end();
    if text.len() <= bytes_max {
        return clean(text);
    }
    let end = (0..=bytes_max)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    clean(&text[..end]) + "…"
}

/// Bytes of a name that are told.
const NAME_BYTES_MAX: usize = 200;

/// A name that a component made, such as an import's, fit to be told.
pub(crate) fn named(name: &str) -> String {
    one_line(name, NAME_BYTES_MAX)
}

/// Names that are told of one list. A component can have thousands.
const LISTED_MAX: usize = 10;

/// The first names of a list that a component made, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    let told: Vec<_> = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| named(name))
        .collect();
    match names.len().saturating_sub(LISTED_MAX) {
        _ if told.is_empty() => "nothing".to_owned(),
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{listed, one_line};

    #[test]
    fn a_list_is_bounded_in_number_and_length() {
        assert_eq!(listed(&[]), "nothing");
        assert_eq!(listed(&["a", "b"]), "a, b");
        let told = listed(&[&*"x".repeat(10_000); 5000]);
        assert!(
            told.len() < 3000 && told.ends_with("… and 4990 more"),
            "{told}"
        );
    }

    #[test]
    fn a_line_is_one_line_and_bounded() {
        for (text, expected) in [
            ("plain", "plain"),
            ("two\nlines\r\n", "two lines"),
            ("\u{1b}[31mred", " [31mred"),
            ("exactly ten", "exactly te…"),
            ("äöüäöü", "äöüäö…"),
            ("123456789ä", "123456789…"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(one_line(text, 10), expected, "{text}");
        }
    }
}
