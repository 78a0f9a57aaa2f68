//! Words for people: an error's whole chain, once, on one line; text from outside, with nothing hidden in it.

pub(crate) use hookyard_model::{chain, visible};

/// Lines as one, for a log.
pub(crate) fn in_a_line(lines: &str) -> String {
    lines.replace(":\n", ": ").replace('\n', "; ")
}

/// Characters that are told of a text that others wrote: a key, or a text in the wrong place, can be as long as its file.
const EXCERPT_CHARS_MAX: usize = 400;

/// A text that others wrote, as it is told: cut, and with nothing hidden in it.
pub(crate) fn excerpt(text: &str) -> String {
    let cut = |text: &str| -> String { text.chars().take(EXCERPT_CHARS_MAX).collect() };
    let told = cut(&visible(&cut(text)));
    if text.chars().nth(EXCERPT_CHARS_MAX).is_some() {
        told + "…"
    } else {
        told
    }
}
