//! Makes texts that guests chose fit for one line of a log.

use hookyard_model::visible;

/// The maximum size of the reason in a fault, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 400;
/// The maximum size of a shown name, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// The maximum number of names that are shown of a list. A component can have thousands of them.
const LISTED_MAX: usize = 10;

/// Returns the text as one line of at most `bytes_max` bytes, with an ellipsis where it was cut.
///
/// Control characters become spaces. Other invisible characters are written as escapes.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let clean = |text: &str| visible(&text.replace(char::is_control, " "));
    let text = text.trim_end();

    if text.len() <= bytes_max {
        return clean(text);
    }
    clean(&text[..text.floor_char_boundary(bytes_max)]) + "…"
}

/// Returns a name that a component chose, such as the name of an import, fit to be shown.
pub(crate) fn shown_name(name: &str) -> String {
    one_line(name, NAME_BYTES_MAX)
}

/// Returns the first names of a list that a component chose, and the number of the other names.
pub(crate) fn shown_names(names: &[&str]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(LISTED_MAX)
        .map(|name| shown_name(name))
        .collect();

    match names.len().saturating_sub(LISTED_MAX) {
        _ if shown.is_empty() => "nothing".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{one_line, shown_names};

    #[test]
    fn shown_names_are_bounded() {
        assert_eq!(shown_names(&[]), "nothing");
        assert_eq!(shown_names(&["a", "b"]), "a, b");

        let shown = shown_names(&[&*"x".repeat(10_000); 5000]);
        assert!(
            shown.len() < 3000 && shown.ends_with("… and 4990 more"),
            "{shown}"
        );
    }

    #[test]
    fn line_is_cut_and_cleaned() {
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
