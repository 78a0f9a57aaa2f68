//! What the new types keep of the old types.
//!
//! Stored events are replayed, and they are as the old description had them. So a field that is new
//! is an option, and so is a field that was one. A field and an event that the new description does
//! not have stay until `--prune`, so that plugins that use them still compile.

use std::collections::BTreeMap;

use super::{Effect, Pair, What, effect, pairs};
use crate::lock::tree::Node;
use crate::lock::{Lock, Locked, LockedEvent, Word};

/// What the user wants of the old types.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What the new description does not have is removed.
    pub prune: bool,
    /// What the new description requires is not an option.
    pub tighten: bool,
}

/// A part of the old types that the new types keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The case of the event.
    pub case: String,
    /// The path in the body, in the spelling of the new description where it has the path.
    pub path: String,
    /// What is kept at the path.
    pub what: Keeping,
}

/// What is kept at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeping {
    /// The type is an option.
    Option,
    /// The number has this wider type.
    Number(Word),
    /// The variant also has these values.
    Values(Vec<String>),
    /// A field that the new description does not have: its type, an option, and the types below by
    /// their paths.
    Field(BTreeMap<String, Locked>),
    /// An event that the new description does not have.
    Event(LockedEvent),
}

/// Lists what the new types keep of the old types, by event, then path. A path comes before the
/// paths below.
pub fn keep(old: &Lock, new: &Lock, options: Options) -> Vec<Keep> {
    let mut kept = Vec::new();
    for (case, event) in &old.events {
        let keeps = match new.events.get(case) {
            Some(new) => keep_of_event(event, new, options),
            None if options.prune => Vec::new(),
            None => vec![(String::new(), Keeping::Event(event.clone()))],
        };
        kept.extend(keeps.into_iter().map(|(path, what)| Keep {
            case: case.clone(),
            path,
            what,
        }));
    }
    kept
}

fn keep_of_event(
    event: &LockedEvent,
    new: &LockedEvent,
    options: Options,
) -> Vec<(String, Keeping)> {
    let (Some(old), Some(new)) = (Node::of(event), Node::of(new)) else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    for pair in pairs(&old, &new) {
        match pair {
            Pair::Added(new) => kept.extend(option(new, options)),
            Pair::Removed(old) if !options.prune => {
                let path = old.path.to_owned();
                kept.push((path, Keeping::Field(field(event, old.path))));
            }
            Pair::Removed(_) | Pair::Doubled(_) => {}
            Pair::Both(old, new) => {
                if old.locked.is_option {
                    kept.extend(option(new, options));
                }
                let word = word(&old.locked.word, &new.locked.word, options);
                kept.extend(word.map(|what| (new.path.to_owned(), what)));
            }
        }
    }
    kept.sort_by(|(one, _), (another, _)| one.cmp(another));
    kept
}

/// Keeps an option where the new description requires the value.
fn option(new: &Node<'_>, options: Options) -> Option<(String, Keeping)> {
    let is_kept = !new.locked.is_option && !options.tighten;
    is_kept.then(|| (new.path.to_owned(), Keeping::Option))
}

fn word(old: &Word, new: &Word, options: Options) -> Option<Keeping> {
    match effect(old, new)? {
        What::Values { removed, .. } if !options.prune && !removed.is_empty() => {
            Some(Keeping::Values(removed))
        }
        What::Type {
            effect: Effect::None,
            ..
        } if is_integer(old) && is_integer(new) && !options.tighten => {
            Some(Keeping::Number(old.clone()))
        }
        _ => None,
    }
}

const fn is_integer(word: &Word) -> bool {
    matches!(word, Word::S32 | Word::S64 | Word::U32 | Word::U64)
}

/// Returns the types of a field that the new description does not have.
fn field(event: &LockedEvent, path: &str) -> BTreeMap<String, Locked> {
    let is_inside = |below: &str| {
        let rest = below.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let inside = event.paths.iter().filter(|(below, _)| is_inside(below));
    let mut types: BTreeMap<String, Locked> = inside
        .map(|(below, locked)| (below.clone(), locked.clone()))
        .collect();
    if let Some(field) = types.get_mut(path) {
        field.is_option = true;
    }
    types
}
