//! Words for people: an error's whole chain, once, on one line; text from outside, with nothing hidden in it.

use std::error::Error;

/// An error and its causes, from the outermost in. A cause that its parent repeats word for word is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
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

/// The text with control characters written out, so that it can neither break a line nor colour a terminal.
pub(crate) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        out
    })
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
        let middle = Layer("the file can't be opened: permission denied", Some(Box::new(inner)));
        let outer = Layer("no inbox", Some(Box::new(middle)));
        assert_eq!(chain(&outer), "no inbox: the file can't be opened: permission denied");
    }
}
