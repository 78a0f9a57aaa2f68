//! A table that is being read.
//!
//! A section remembers which keys were asked for. When the table has been read, the other keys are
//! unknown and are reported.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::num::NonZeroUsize;

use toml::de::DeTable;

use super::{Entry, Origin, Scalar, Size};

/// The minimum Jaro-Winkler similarity at which a known key is suggested for an unknown one.
const SIMILARITY_MIN: f64 = 0.7;

/// A table of a document.
///
/// The table may be absent. An absent table has no keys and no faults, so that readers do not need
/// a separate case for defaults.
pub struct Section<'d> {
    origin: Origin<'d>,
    path: String,
    offset: usize,
    table: Option<&'d DeTable<'d>>,
    known: RefCell<Vec<&'static str>>,
    /// Required keys that are absent, each with the message of its fault.
    missing: RefCell<Vec<(&'static str, String)>>,
    /// Whether the operator chooses the keys. No key is unknown then.
    is_open: Cell<bool>,
}

impl<'d> Section<'d> {
    /// Returns the section for `table` at the dotted `path`.
    pub fn new(
        origin: Origin<'d>,
        path: String,
        offset: usize,
        table: Option<&'d DeTable<'d>>,
    ) -> Self {
        Self {
            origin,
            path,
            offset,
            table,
            known: RefCell::default(),
            missing: RefCell::default(),
            is_open: Cell::new(false),
        }
    }

    /// Returns the value of `key` if the key is present. The key counts as known from now on.
    pub fn entry(&self, key: &'static str) -> Option<Entry<'d>> {
        self.known.borrow_mut().push(key);
        #[cfg(test)]
        asked::note(self.origin.file, key);
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Entry::new(self.origin, self.join(key), value))
    }

    /// Returns the value of `key` as a `T`. Returns `None` if the key is absent or its value is
    /// faulty; a faulty value is reported.
    pub fn get<T: Scalar>(&self, key: &'static str) -> Option<T> {
        self.entry(key)?.get()
    }

    /// Returns the value of `key`, or `default` if the key is absent or its value is faulty.
    pub fn get_or<T: Scalar>(&self, key: &'static str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// Like [`get_or`](Self::get_or), for a number that must be at least 1.
    pub fn positive_or(&self, key: &'static str, default: usize) -> usize {
        self.get(key).map_or(default, NonZeroUsize::get)
    }

    /// Like [`get_or`](Self::get_or), for a size in memory, in bytes.
    pub fn size_or(&self, key: &'static str, default: usize) -> usize {
        self.get(key).map_or(default, Size::in_memory)
    }

    /// Like [`get`](Self::get), but reports an absent key. The fault contains `what_for`, the
    /// purpose of the key.
    pub fn require<T: Scalar>(&self, key: &'static str, what_for: &str) -> Option<T> {
        match self.entry(key) {
            Some(entry) => entry.get(),
            None => {
                self.missing(key, what_for);
                None
            }
        }
    }

    /// Reports that the required `key` is absent.
    ///
    /// If an unknown key looks like a misspelling of `key`, only the misspelling is reported.
    pub fn missing(&self, key: &'static str, what_for: impl Display) {
        self.missing
            .borrow_mut()
            .push((key, format!("`{key}` is missing: {what_for}")));
    }

    /// Reads the table under `key` and reports its unknown keys. An absent table is read as a
    /// table without keys.
    pub fn table<T>(&self, key: &'static str, read: impl FnOnce(&Section<'d>) -> T) -> T {
        let section = self.entry(key).and_then(|entry| entry.section());
        let section =
            section.unwrap_or_else(|| Section::new(self.origin, self.join(key), self.offset, None));
        let value = read(&section);
        section.finish();
        value
    }

    /// Calls `read` with each key and value of a table whose keys the operator chooses.
    pub fn each(&self, mut read: impl FnMut(&'d str, Entry<'d>)) {
        self.is_open.set(true);
        for (name, value) in self.table.into_iter().flatten() {
            let mut entry = Entry::new(self.origin, self.join(name.get_ref()), value);
            entry.offset = name.span().start;
            read(name.get_ref(), entry);
        }
    }

    /// Reports with `message` those of `keys` that are present but were not asked for.
    ///
    /// The message is better than "unknown key" for keys that belong to another kind of table.
    pub fn refuse(&self, keys: &[&'static str], message: &str) {
        for key in keys {
            if !self.known.borrow().contains(key)
                && let Some(entry) = self.entry(key)
            {
                entry.fault(message);
            }
        }
    }

    /// Returns the number of faults so far, in all files.
    pub fn fault_count(&self) -> usize {
        self.origin.sink.count()
    }

    /// Reports a fault that concerns the whole table.
    pub fn fault(&self, message: impl ToString) {
        self.origin.fault(self.offset, &self.path, message);
    }

    /// Gives advice that concerns the whole table.
    pub fn advise(&self, message: impl ToString) {
        self.origin.advise(self.offset, &self.path, message);
    }

    /// Reports the unknown keys and the missing keys.
    pub fn finish(&self) {
        let known = self.known.borrow();
        let mut suggested = Vec::new();

        for (name, _) in self.table.into_iter().flatten() {
            let key: &str = name.get_ref();
            if self.is_open.get() || known.contains(&key) {
                continue;
            }
            let nearest = nearest(key, known.iter().copied());
            suggested.extend(nearest);
            let message = format!("unknown key{}", suggestion(nearest));
            self.origin
                .fault(name.span().start, &self.join(key), message);
        }

        for (key, message) in self.missing.borrow().iter() {
            if !suggested.contains(key) {
                self.fault(message);
            }
        }
    }

    /// Returns the dotted path of `key` in this table.
    fn join(&self, key: &str) -> String {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let key = if !key.is_empty() && key.bytes().all(is_bare) {
            key.to_owned()
        } else {
            format!("{key:?}")
        };

        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// Returns the message for an unknown name of some `kind`, with the nearest known name.
pub fn unknown<'k>(kind: &str, given: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    format!(
        "unknown {kind} `{given}`{}",
        suggestion(nearest(given, known))
    )
}

fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, given), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// The keys that this thread asked for. A test compares the keys with the documented ones.
#[cfg(test)]
pub mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local!(static ASKED: RefCell<BTreeSet<(String, &'static str)>> = RefCell::default());

    /// Records that a key of a file was asked for.
    pub fn note(file: &str, key: &'static str) {
        ASKED.with_borrow_mut(|asked| asked.insert((file.to_owned(), key)));
    }

    /// Returns the keys that were asked for in files whose names end with `file`.
    pub fn of(file: &str) -> BTreeSet<&'static str> {
        ASKED.with_borrow(|asked| {
            asked
                .iter()
                .filter(|(name, _)| name.ends_with(file))
                .map(|(_, key)| *key)
                .collect()
        })
    }
}
