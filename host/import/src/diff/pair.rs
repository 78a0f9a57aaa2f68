//! Walks through the old and the new types of an event together.

use crate::lock::tree::Node;

/// A type in the old and the new description.
pub(super) enum Pair<'p> {
    /// The type at a path of both.
    Both(&'p Node<'p>, &'p Node<'p>),
    /// A field of the new description alone.
    Added(&'p Node<'p>),
    /// A field of the old description alone.
    Removed(&'p Node<'p>),
    /// A field of the old description, for which the new description has several keys.
    Doubled(&'p Node<'p>),
}

/// Returns the pairs of two types and of the types below. Below a field of one description alone
/// there are no pairs.
pub(super) fn pairs<'p>(old: &'p Node<'p>, new: &'p Node<'p>) -> Vec<Pair<'p>> {
    let mut found = Vec::new();
    walk(old, new, &mut found);
    found
}

fn walk<'p>(old: &'p Node<'p>, new: &'p Node<'p>, found: &mut Vec<Pair<'p>>) {
    found.push(Pair::Both(old, new));
    if old.locked.word != new.locked.word {
        return;
    }
    if let (Some(old), Some(new)) = (&old.item, &new.item) {
        walk(old, new, found);
    }
    for (name, field) in &old.fields {
        match new.fields.get(name) {
            Some(new) => walk(field, new, found),
            None if new.left_out.contains(name) => found.push(Pair::Doubled(field)),
            None => found.push(Pair::Removed(field)),
        }
    }
    let is_added = |(name, _): &(&String, _)| !old.fields.contains_key(*name);
    let added = new.fields.iter().filter(is_added);
    found.extend(added.map(|(_, field)| Pair::Added(field)));
}
