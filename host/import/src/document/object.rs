//! An object whose keys keep their order and are found quickly.

use super::{Node, Place};

/// A JSON object.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Object {
    entries: Vec<Entry>,
    /// The indexes of the entries, sorted by key.
    sorted: Vec<u32>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// The position of the key.
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Object {
    /// Makes an object of entries in their order.
    ///
    /// # Errors
    ///
    /// Fails with the entry whose key another entry has already.
    pub(crate) fn new(entries: Vec<Entry>) -> Result<Self, (Place, String)> {
        let mut sorted: Vec<u32> = (0u32..).take(entries.len()).collect();
        let key = |place: &u32| entries[*place as usize].key.as_str();
        sorted.sort_by(|one, another| key(one).cmp(key(another)));

        let twice = sorted
            .windows(2)
            .find(|pair| key(&pair[0]) == key(&pair[1]));
        if let Some(&[_, second]) = twice {
            let entry = &entries[second as usize];
            return Err((entry.place, entry.key.clone()));
        }
        Ok(Self { entries, sorted })
    }

    /// Returns the value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let of = |place: &u32| self.entries[*place as usize].key.as_str();
        let found = self.sorted.binary_search_by(|place| of(place).cmp(key));
        found
            .ok()
            .map(|found| &self.entries[self.sorted[found] as usize].node)
    }

    /// Returns the entries in the order of the document.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the keys in the order of the document.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }
}
