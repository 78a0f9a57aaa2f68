//! An error with its causes, for those who tell it at the edge: logs, the CLI, records of what failed.

use std::error::Error;

/// An error and its causes, from the outermost in, on one line. A cause that its parent repeats word for word is left
/// out.
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
    fn each_cause_is_told_once() {
        let inner = Layer("permission denied", None);
        let middle = Layer(
            "the file can't be opened: permission denied",
            Some(Box::new(inner)),
        );
        let outer = Layer("no inbox", Some(Box::new(middle)));
        assert_eq!(
            chain(&outer),
            "no inbox: the file can't be opened: permission denied"
        );
    }
}
