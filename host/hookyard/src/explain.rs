//! Words for people: an error's whole chain, once, on one line; text from outside, with nothing hidden in it.

pub(crate) use hookyard_model::chain;

/// Lines as one, for a log.
pub(crate) fn in_a_line(lines: &str) -> String {
    lines.replace(":\n", ": ").replace('\n', "; ")
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
