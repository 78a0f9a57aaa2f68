//! The part of a value that counts: the whole, what follows a prefix, or a pair of a list.

use std::borrow::Cow;

/// A part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The whole value.
    Whole,
    /// The text after this prefix, such as `sha256=`. The prefix must be there.
    After(String),
    /// The value of a name in a list of `name=value`, such as Stripe's `t=1,v1=ab`.
    Pair {
        /// The name.
        name: String,
        /// The character between two pairs.
        separator: char,
        /// Whether blanks around pairs are removed.
        trim: bool,
    },
}

impl Part {
    /// Returns every part of `value` of this kind.
    pub(crate) fn of<'a>(&self, value: Cow<'a, str>) -> Vec<Cow<'a, str>> {
        match value {
            whole if *self == Self::Whole => vec![whole],
            Cow::Borrowed(text) => self.cut(text).into_iter().map(Cow::Borrowed).collect(),
            Cow::Owned(text) => {
                let parts = self.cut(&text).into_iter();
                parts.map(|part| Cow::Owned(part.to_owned())).collect()
            }
        }
    }

    fn cut<'a>(&self, value: &'a str) -> Vec<&'a str> {
        match self {
            Self::Whole => vec![value],
            Self::After(prefix) => value.strip_prefix(prefix.as_str()).into_iter().collect(),
            Self::Pair {
                name,
                separator,
                trim,
            } => {
                let pairs = value
                    .split(*separator)
                    .map(|pair| {
                        if *trim {
                            pair.trim_matches([' ', '\t'])
                        } else {
                            pair
                        }
                    })
                    .filter_map(|pair| pair.split_once('='));
                pairs
                    .filter(|(found, _)| found == name)
                    .map(|(_, value)| value)
                    .collect()
            }
        }
    }

    /// Returns what a value without this part lacks; completes "the header `x` …".
    pub(super) fn lack(&self) -> String {
        match self {
            Self::Whole => "has no value".to_owned(),
            Self::After(prefix) => format!("does not begin with `{prefix}`"),
            Self::Pair { name, .. } => format!("has no pair `{name}`"),
        }
    }
}
