//! A change, its class, and its words.

use std::fmt;

use serde_json::json;

use super::Effect;

/// The maximum number of values or types that a line names.
const NAMES_MAX: usize = 12;
/// The maximum length of a name of the document in a line, in characters.
const NAME_CHARS_MAX: usize = 64;

/// A difference between the old and the new description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case of the event.
    pub case: String,
    /// The path in the body in the sender's spelling, or an empty text.
    pub path: String,
    /// What changed at the path.
    pub what: What,
}

/// What a change means for plugins that were compiled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Something is new that compiled plugins skip.
    Additive,
    /// Compiled plugins decode the new bodies. What they read, or the new WIT, may differ.
    Changed,
    /// Compiled plugins cannot decode all new bodies.
    Breaking,
}

/// What changed at a path of an event, or of an event as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The old description does not have the event.
    EventAdded,
    /// The new description does not have the event.
    EventGone,
    /// The sender writes more types for the event.
    TypesAdded(Vec<String>),
    /// The sender writes fewer types for the event.
    TypesGone(Vec<String>),
    /// The sender writes other types for the event.
    TypesChanged {
        /// The types that only the old description has.
        gone: Vec<String>,
        /// The types that only the new description has.
        added: Vec<String>,
    },
    /// The old description does not have the field.
    FieldAdded,
    /// The new description does not have the field.
    FieldRemoved {
        /// Whether the field was an option.
        was_option: bool,
    },
    /// Several keys of the new description match the field.
    KeysForOneField,
    /// The value may be absent or null, and was not an option.
    MayBeAbsent,
    /// The value was an option, and is always there now.
    AlwaysThere,
    /// A variant of values has other values.
    Values {
        /// The values that only the new description has.
        added: Vec<String>,
        /// The values that only the old description has.
        removed: Vec<String>,
    },
    /// A string has a list of values now, or does not have it anymore.
    Opened {
        /// The old type in the words of the lock file.
        from: &'static str,
        /// The new type in the words of the lock file.
        to: &'static str,
    },
    /// The type is another one.
    Type {
        /// The old type in the words of the lock file.
        from: &'static str,
        /// The new type in the words of the lock file.
        to: &'static str,
        /// What a plugin with the old type makes of new values.
        effect: Effect,
    },
}

impl What {
    /// Returns what the change means for plugins that were compiled before.
    pub const fn class(&self) -> Class {
        match self {
            Self::EventAdded
            | Self::TypesAdded(_)
            | Self::FieldAdded
            | Self::Values { .. }
            | Self::Opened { .. } => Class::Additive,
            Self::EventGone
            | Self::TypesGone(_)
            | Self::FieldRemoved { was_option: true }
            | Self::AlwaysThere => Class::Changed,
            Self::TypesChanged { .. }
            | Self::FieldRemoved { was_option: false }
            | Self::KeysForOneField
            | Self::MayBeAbsent => Class::Breaking,
            Self::Type { effect, .. } => match effect {
                Effect::None | Effect::Silent(_) => Class::Changed,
                Effect::Undecodable(_) => Class::Breaking,
            },
        }
    }
}

impl Class {
    /// Returns the first character of a line.
    pub const fn mark(self) -> char {
        match self {
            Self::Additive => '+',
            Self::Changed => '~',
            Self::Breaking => '!',
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Additive => "additive",
            Self::Changed => "changed",
            Self::Breaking => "breaking",
        }
    }
}

impl Change {
    /// Returns the change as an object of JSON.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "class": self.what.class().name(),
            "event": self.case,
            "path": self.path,
            "change": self.what.to_string(),
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what.class().mark(), self.case)?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path.escape_debug())?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventAdded => f.write_str("new event; compiled plugins receive it as `other`"),
            Self::EventGone => f.write_str("not sent anymore; the case stays until --prune"),
            Self::TypesAdded(added) => write!(f, "also sent as {}", named(added)),
            Self::TypesGone(gone) => write!(f, "not sent as {} anymore", named(gone)),
            Self::TypesChanged { gone, added } => write!(
                f,
                "sent as {} and not as {}; compiled plugins receive it as `other` until [events] \
                 has the line",
                named(added),
                named(gone)
            ),
            Self::FieldAdded => f.write_str("new field; compiled plugins skip it"),
            Self::FieldRemoved { was_option: true } => {
                f.write_str("not sent anymore; compiled plugins read `none`")
            }
            Self::FieldRemoved { was_option: false } => f.write_str(
                "not sent anymore; compiled plugins cannot decode the event, because they require it",
            ),
            Self::KeysForOneField => f.write_str(
                "several keys match this field; compiled plugins cannot decode events that have two",
            ),
            Self::MayBeAbsent => f.write_str(
                "may be absent or null; compiled plugins cannot decode such events, because they \
                 require it",
            ),
            Self::AlwaysThere => f.write_str("always there; stays an option without --tighten"),
            Self::Values { added, removed } => values(added, removed, f),
            Self::Opened { from, to } => write!(f, "{from} → {to}; compiled plugins take both"),
            Self::Type { from, to, effect } => write!(f, "{from} → {to}; {effect}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("compiled plugins read the same as before"),
            Self::Silent(what) => write!(f, "compiled plugins receive no error: {what}"),
            Self::Undecodable(why) => {
                write!(f, "compiled plugins cannot decode all of them: {why}")
            }
        }
    }
}

fn values(added: &[String], removed: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !added.is_empty() {
        write!(
            f,
            "new values {}; compiled plugins receive `other`",
            named(added)
        )?;
    }
    if !added.is_empty() && !removed.is_empty() {
        f.write_str("; ")?;
    }
    if !removed.is_empty() {
        write!(f, "not sent anymore: {}", named(removed))?;
    }
    Ok(())
}

/// Returns quoted names of a document, at most [`NAMES_MAX`] of them.
fn named(names: &[String]) -> String {
    let quoted = |name: &String| match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    };
    let mut shown: Vec<String> = names.iter().take(NAMES_MAX).map(quoted).collect();
    if names.len() > NAMES_MAX {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
