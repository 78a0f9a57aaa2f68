//! Which fields are always there: what the document says, corrected by bodies.
//!
//! Senders' documents call fields required that are missing from what they send. So a field is an
//! option if a body shows the need. A body also corrects the type of a field.

mod bodies;
mod fixes;
#[cfg(test)]
mod tests;

use crate::package::Event;
use crate::types::{Form, Rewrite, Types, Use};

pub(crate) use bodies::learn;
pub(crate) use fixes::Fixes;

/// Whose word counts for the fields that are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Required {
    /// The document's.
    Trust,
    /// The document's, corrected by bodies and by the last import.
    #[default]
    Samples,
    /// Nobody's: every field is an option.
    None,
}

impl Required {
    /// Every value with its name in options.
    pub const ALL: [(&'static str, Self); 3] = [
        ("trust", Self::Trust),
        ("samples", Self::Samples),
        ("none", Self::None),
    ];

    /// Returns the name in options.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.into_iter().find(|(_, value)| *value == self);
        named.map_or("samples", |(name, _)| name)
    }
}

/// Makes every field an option, except for those that the rule for types reads.
pub(crate) fn none(types: &mut Types, events: &mut [Event], pointers: &[String]) {
    let mut rewrite = Rewrite::new(types, |types, id, mut ty| {
        if let Form::Record(fields) = &mut ty.form {
            fields
                .iter_mut()
                .for_each(|field| field.is_required = false);
        }
        let _ = id;
        Use {
            id: types.add(ty),
            is_nullable: false,
        }
    });
    for event in events.iter_mut() {
        event.ty = rewrite.apply(event.ty);
    }
    for event in events {
        for pointer in pointers {
            event.ty = required(types, event.ty, pointer);
        }
    }
}

/// Makes the fields along a pointer required.
fn required(types: &mut Types, used: Use, pointer: &str) -> Use {
    let keys: Vec<_> = pointer
        .split('/')
        .skip(1)
        .map(crate::document::unescaped)
        .collect();
    let mut changed = used;
    for end in 1..=keys.len() {
        let edited = types.edit(changed, &keys[..end], &mut |_, ty, place| {
            if let Form::Record(fields) = &mut ty.form {
                fields[place].is_required = true;
            }
        });
        changed = edited.unwrap_or(changed);
    }
    changed
}

/// Counts the fields that are required in the types of events, each type once.
pub(crate) fn count(types: &mut Types, events: &[Event]) -> usize {
    let mut count = 0;
    let mut rewrite = Rewrite::new(types, |_, id, ty| {
        if let Form::Record(fields) = &ty.form {
            count += fields
                .iter()
                .filter(|it| it.is_required && !it.ty.is_nullable)
                .count();
        }
        Use {
            id,
            is_nullable: false,
        }
    });
    for event in events {
        rewrite.apply(event.ty);
    }
    count
}
