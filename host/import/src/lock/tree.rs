//! The paths of an event as a tree, in which the fields of a record have folded names.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_shape::fold;

use super::{Locked, LockedEvent, Word};

/// A type and what it consists of.
#[derive(Debug)]
pub(crate) struct Node<'l> {
    pub(crate) path: &'l str,
    pub(crate) locked: &'l Locked,
    /// The fields of a record by their folded names.
    pub(crate) fields: BTreeMap<String, Node<'l>>,
    /// The folded names of the keys of a record that no field has.
    pub(crate) left_out: BTreeSet<String>,
    /// The type of the items of a list, or of the values of a map.
    pub(crate) item: Option<Box<Node<'l>>>,
}

impl<'l> Node<'l> {
    /// Returns the type of the body, or `None` if the event has no paths.
    pub(crate) fn of(event: &'l LockedEvent) -> Option<Self> {
        Self::at(event, "")
    }

    /// Returns the type at a path.
    pub(crate) fn at(event: &'l LockedEvent, path: &str) -> Option<Self> {
        let (path, locked) = event.paths.get_key_value(path)?;
        let mut node = Self {
            path,
            locked,
            fields: BTreeMap::new(),
            left_out: BTreeSet::new(),
            item: None,
        };
        match locked.word {
            Word::Record => node.add_fields(event),
            Word::List => node.item = Self::at(event, &format!("{path}/*")).map(Box::new),
            Word::Map => node.item = Self::at(event, &format!("{path}/{{}}")).map(Box::new),
            _ => {}
        }
        Some(node)
    }

    fn add_fields(&mut self, event: &'l LockedEvent) {
        for path in keys_below(event, self.path) {
            let Some(field) = Self::at(event, path) else {
                continue;
            };
            let name = fold(&field.key());
            if field.locked.word == Word::LeftOut {
                self.left_out.insert(name);
            } else {
                self.fields.insert(name, field);
            }
        }
    }

    /// Returns the sender's key that the path ends with.
    pub(crate) fn key(&self) -> String {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        last.replace("~1", "/").replace("~0", "~")
    }
}

/// Returns the paths that are one step below a path.
fn keys_below<'l>(event: &'l LockedEvent, path: &str) -> impl Iterator<Item = &'l String> {
    let start = format!("{path}/");
    let end = format!("{path}0"); // The character after `/` is `0`.
    let depth = start.len();
    event
        .paths
        .range(start..end)
        .map(|(path, _)| path)
        .filter(move |path| !path[depth..].contains('/'))
}
