//! Formats an error together with its causes, for logs, the CLI and stored records.

use std::error::Error;

/// Returns an error and its causes on one line, from the outermost to the innermost.
///
/// A cause whose text already ends the text of its parent is left out.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();

    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }

    text.replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn chain_names_each_cause_once() {
        let inner = Layer("permission denied", None);
        let middle = Layer(
            "cannot open the file: permission denied",
            Some(Box::new(inner)),
        );
        let outer = Layer("cannot open the store", Some(Box::new(middle)));

        assert_eq!(
            chain(&outer),
            "cannot open the store: cannot open the file: permission denied"
        );
    }
}
