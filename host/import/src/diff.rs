//! What a new description of a sender means for the plugins that were compiled before.
//!
//! Types are compared by their paths in `import.lock`, so the order of a document, its comments and
//! the names of its types make no difference. A plugin was compiled with the old types and receives
//! bodies as the new description has them: a change breaks if the host cannot decode such a body.
//! [`compare`] lists the changes. [`keep`] lists what the new types keep of the old types, so that
//! stored events can be replayed and the sources of plugins still compile. [`concerning`] chooses the
//! changes that concern a plugin.

use std::collections::BTreeSet;

use crate::lock::tree::Node;
use crate::lock::{Lock, LockedEvent};

pub use change::{Change, Class, What};
pub use concern::concerning;
pub use effect::Effect;
pub use keep::{Keep, Keeping, Options, keep};
pub use version::{next_version, versions_line};

use effect::effect;
use pair::{Pair, pairs};

mod change;
mod concern;
mod effect;
mod keep;
mod pair;
#[cfg(test)]
mod tests;
mod version;

/// Lists the changes by event, then path.
pub fn compare(old: &Lock, new: &Lock) -> Vec<Change> {
    let mut changes = Vec::new();
    let cases: BTreeSet<&String> = old.events.keys().chain(new.events.keys()).collect();
    for case in cases {
        let whats = match (old.events.get(case), new.events.get(case)) {
            (Some(old), Some(new)) => compare_event(old, new),
            (Some(_), None) => vec![(String::new(), What::EventGone)],
            (None, _) => vec![(String::new(), What::EventAdded)],
        };
        changes.extend(whats.into_iter().map(|(path, what)| Change {
            case: case.clone(),
            path,
            what,
        }));
    }
    changes
}

/// Whether a plugin that was compiled before cannot decode all new bodies.
pub fn is_breaking(changes: &[Change]) -> bool {
    let breaks = |change: &Change| change.what.class() == Class::Breaking;
    changes.iter().any(breaks)
}

fn compare_event(old: &LockedEvent, new: &LockedEvent) -> Vec<(String, What)> {
    let types = compare_types(&old.types, &new.types);
    let mut changes: Vec<_> = types
        .map(|what| (String::new(), what))
        .into_iter()
        .collect();
    if let (Some(old), Some(new)) = (Node::of(old), Node::of(new)) {
        let mut below: Vec<_> = pairs(&old, &new).iter().flat_map(compare_pair).collect();
        below.sort_by(|(one, _), (another, _)| one.cmp(another));
        changes.extend(below);
    }
    changes
}

/// Compares the types that the sender writes for an event.
fn compare_types(old: &[String], new: &[String]) -> Option<What> {
    let lacking = |types: &[String], from: &[String]| -> Vec<String> {
        let is_lacking = |name: &&String| !from.contains(name);
        types.iter().filter(is_lacking).cloned().collect()
    };
    let (gone, added) = (lacking(old, new), lacking(new, old));
    match (gone.is_empty(), added.is_empty()) {
        (true, true) => None,
        (true, false) => Some(What::TypesAdded(added)),
        (false, true) => Some(What::TypesGone(gone)),
        (false, false) => Some(What::TypesChanged { gone, added }),
    }
}

fn compare_pair(pair: &Pair<'_>) -> Vec<(String, What)> {
    match pair {
        Pair::Added(new) => vec![(new.path.to_owned(), What::FieldAdded)],
        Pair::Removed(old) => {
            let was_option = old.locked.is_option;
            vec![(old.path.to_owned(), What::FieldRemoved { was_option })]
        }
        Pair::Doubled(old) => vec![(old.path.to_owned(), What::KeysForOneField)],
        Pair::Both(old, new) => {
            let option = match (old.locked.is_option, new.locked.is_option) {
                (false, true) => Some(What::MayBeAbsent),
                (true, false) => Some(What::AlwaysThere),
                _ => None,
            };
            let of_type = effect(&old.locked.word, &new.locked.word);
            let whats = option.into_iter().chain(of_type);
            whats.map(|what| (new.path.to_owned(), what)).collect()
        }
    }
}
