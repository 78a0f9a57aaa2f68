//! The position in the JSON, for error messages: `$.data.fees[2].amount`.

use std::borrow::Cow;
use std::fmt::Write as _;

use hookyard_model::is_hidden;

/// The maximum length of a shown key, in characters.
const KEY_CHARS_MAX: usize = 64;

/// The steps from the whole event to a part of it.
#[derive(Debug, Default)]
pub struct Path<'de>(Vec<Step<'de>>);

/// A step into an object or an array.
#[derive(Debug)]
pub enum Step<'de> {
    /// The member of an object with this key.
    Key(Cow<'de, str>),
    /// The element of an array with this index.
    Index(usize),
}

impl<'de> Path<'de> {
    /// Returns the path that has these steps, the innermost first.
    pub fn from_inside(mut steps: Vec<Step<'de>>) -> Self {
        steps.reverse();
        Self(steps)
    }

    /// Goes one step further in.
    pub fn push(&mut self, step: Step<'de>) {
        self.0.push(step);
    }

    /// Goes one step back.
    pub fn pop(&mut self) {
        self.0.pop();
    }
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) if is_plain(key) => write!(f, ".{key}"),
            Step::Key(key) => {
                f.write_str("[\"")?;
                key.chars().take(KEY_CHARS_MAX).try_for_each(|c| match c {
                    '"' | '\\' => write!(f, "\\{c}"),
                    c if is_hidden(c) => write!(f, "{}", c.escape_default()),
                    c => f.write_char(c),
                })?;
                f.write_str(if key.chars().nth(KEY_CHARS_MAX).is_some() {
                    "…\"]"
                } else {
                    "\"]"
                })
            }
        })
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= KEY_CHARS_MAX
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_shown_like_javascript() {
        let mut path = Path::default();
        assert_eq!(path.to_string(), "$");
        path.push(Step::Key("data".into()));
        path.push(Step::Index(2));
        path.push(Step::Key("a \"b\"\n".into()));
        assert_eq!(path.to_string(), "$.data[2][\"a \\\"b\\\"\\n\"]");
        path.pop();
        path.push(Step::Key("k".repeat(1000).into()));
        assert!(path.to_string().len() < 100);
    }
}
