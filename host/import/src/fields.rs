//! `--fields`: which parts of the events a package has.

use crate::document::{child, unescaped};
use crate::error::{Error, Fault, short};
use crate::names::is_match;
use crate::package::Event;
use crate::types::{Form, Type, Types, Use};

/// A rule about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRule {
    /// A pattern for the case or the type of the events. `None` for all events.
    event: Option<String>,
    /// The keys to the field, with `*` for the items of a list and `{}` for the values of a map.
    path: Vec<String>,
    pub(crate) action: Action,
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The field is left out.
    Drop,
    /// The field is kept as JSON text.
    Json,
    /// The field is an option.
    Option,
    /// The field is kept, and the fields beside it are left out unless they are kept as well.
    Keep,
}

impl Action {
    const ALL: [Self; 4] = [Self::Drop, Self::Json, Self::Option, Self::Keep];

    /// Returns the name in `import.toml`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Json => "json",
            Self::Option => "option",
            Self::Keep => "keep",
        }
    }

    /// Returns the action of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

impl FieldRule {
    /// Reads the value of an option: `EVENT=` and pointers that commas separate. A pointer after
    /// `-` is left out; other pointers are all that is kept.
    ///
    /// # Errors
    ///
    /// Fails if a pointer does not begin with `/`.
    pub fn parse(text: &str) -> Result<Vec<Self>, Error> {
        let (event, pointers) = match text.split_once('=') {
            Some((event, pointers)) => (Some(event.to_owned()), pointers),
            None => (None, text),
        };
        let rule = |written: &str| {
            let (action, pointer) = match written.strip_prefix('-') {
                Some(pointer) => (Action::Drop, pointer),
                None => (Action::Keep, written),
            };
            Self::new(event.clone(), pointer, action)
        };
        pointers.split(',').map(|it| rule(it.trim())).collect()
    }

    /// Makes a rule for the field at a JSON pointer.
    ///
    /// # Errors
    ///
    /// Fails if the pointer does not begin with `/`.
    pub fn new(event: Option<String>, pointer: &str, action: Action) -> Result<Self, Error> {
        let Some(pointer) = pointer.strip_prefix('/') else {
            let reason = format!(
                "`{}` is not a pointer to a field; write EVENT=-/POINTER to leave a field out, or \
                 EVENT=/POINTER to keep only this one",
                short(pointer)
            );
            return Err(Error::general(Fault::Options(reason)));
        };
        Ok(Self {
            event,
            path: pointer.split('/').map(unescaped).collect(),
            action,
        })
    }

    fn is_about(&self, event: &Event) -> bool {
        let is_match = |it: &String| is_match(it, &event.case) || is_match(it, &event.event_type);
        self.event.as_ref().is_none_or(is_match)
    }

    /// Returns the event and the pointer as `import.toml` has them.
    pub(crate) fn key(&self) -> String {
        format!("{}{}", self.event.as_deref().unwrap_or("*"), self.pointer())
    }

    fn pointer(&self) -> String {
        self.path
            .iter()
            .fold(String::new(), |pointer, key| child(&pointer, key))
    }
}

/// Applies rules to the types of events. The other events that share a type keep the type.
///
/// # Errors
///
/// Fails if no event has the field of a rule.
pub(crate) fn apply(
    types: &mut Types,
    events: &mut [Event],
    rules: &[FieldRule],
) -> Result<(), Error> {
    let mut is_used = vec![false; rules.len()];
    for event in events {
        let about: Vec<_> = (0..rules.len())
            .filter(|it| rules[*it].is_about(event))
            .collect();
        let kept = about
            .iter()
            .filter(|place| rules[**place].action == Action::Keep);
        let kept: Vec<_> = kept
            .map(|place| (*place, rules[*place].path.as_slice()))
            .collect();
        if !kept.is_empty() {
            event.ty = keep(types, event.ty, &kept, &mut is_used);
        }
        for place in about {
            let rule = &rules[place];
            if rule.action != Action::Keep
                && let Some(changed) = edited(types, event.ty, rule)
            {
                event.ty = changed;
                is_used[place] = true;
            }
        }
    }
    match is_used.iter().position(|is_used| !is_used) {
        Some(place) => {
            let pointer = short(&rules[place].pointer());
            Err(Error::general(Fault::UnknownField(pointer)))
        }
        None => Ok(()),
    }
}

fn edited(types: &mut Types, used: Use, rule: &FieldRule) -> Option<Use> {
    let mut change = |types: &mut Types, ty: &mut Type, place: usize| {
        let Form::Record(fields) = &mut ty.form else {
            return;
        };
        match rule.action {
            Action::Drop => drop(fields.remove(place)),
            Action::Json => fields[place].ty = types.of(Form::Any),
            Action::Option => fields[place].is_required = false,
            Action::Keep => {}
        }
    };
    types.edit(used, &rule.path, &mut change)
}

/// Returns a type with only the fields at some paths. A path to a field keeps all of the field.
fn keep(types: &mut Types, used: Use, paths: &[(usize, &[String])], is_used: &mut [bool]) -> Use {
    if let Some((place, _)) = paths.iter().find(|(_, path)| path.is_empty()) {
        is_used[*place] = true;
        return used;
    }
    let below = |step: &str| -> Vec<(usize, &[String])> {
        let matching = paths.iter().filter(|(_, path)| path[0] == step);
        matching.map(|(place, path)| (*place, &path[1..])).collect()
    };
    let mut ty = types.get(used.id).clone();
    match &mut ty.form {
        Form::List(part) => *part = keep(types, *part, &below("*"), is_used),
        Form::Map(part) => *part = keep(types, *part, &below("{}"), is_used),
        Form::Record(fields) => {
            fields.retain(|field| !below(&field.key).is_empty());
            for field in fields {
                field.ty = keep(types, field.ty, &below(&field.key), is_used);
            }
        }
        _ => {}
    }
    let id = types.add(ty);
    Use { id, ..used }
}
