//! A table being read: it remembers which keys were asked for, and so knows which ones nobody knows.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use toml::de::DeTable;

use super::{Entry, Origin, Scalar};

/// How far a typing error may be from the key that was meant.
const SIMILARITY_MIN: f64 = 0.7;

/// A table that is there or not; one that is not has no keys and no faults, so defaults need no case of their own.
pub struct Section<'d> {
    origin: Origin<'d>,
    path: String,
    offset: usize,
    table: Option<&'d DeTable<'d>>,
    known: RefCell<Vec<&'static str>>,
    /// Keys that have to be there and are not, each with what is said of that.
    missing: RefCell<Vec<(&'static str, String)>>,
    /// Whether the operator chooses the keys, so that none is unknown.
    is_open: Cell<bool>,
}

impl<'d> Section<'d> {
    pub fn new(
        origin: Origin<'d>,
        path: String,
        offset: usize,
        table: Option<&'d DeTable<'d>>,
    ) -> Self {
        let (known, missing) = (RefCell::default(), RefCell::default());
        Self {
            origin,
            path,
            offset,
            table,
            known,
            missing,
            is_open: Cell::new(false),
        }
    }

    /// The value of `key`, when it's there.
    pub fn entry(&self, key: &'static str) -> Option<Entry<'d>> {
        self.known.borrow_mut().push(key);
        #[cfg(test)]
        asked::note(self.origin.file, key);
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Entry::new(self.origin, self.join(key), value))
    }

    /// The value of `key` as a `T`; absent or faulty is none.
    pub fn get<T: Scalar>(&self, key: &'static str) -> Option<T> {
        self.entry(key)?.get()
    }

    /// As `get`; absence is a fault that says what the key is for.
    pub fn require<T: Scalar>(&self, key: &'static str, what_for: &str) -> Option<T> {
        match self.entry(key) {
            Some(entry) => entry.get(),
            None => {
                self.missing(key, what_for);
                None
            }
        }
    }

    /// A fault: `key` is not there and has to be. If a key is there that may be it, wrongly typed, that is said instead.
    pub fn missing(&self, key: &'static str, what_for: impl Display) {
        self.missing
            .borrow_mut()
            .push((key, format!("`{key}` is missing: {what_for}")));
    }

    /// Reads the table under `key`; an absent one is read as one without keys. Leftover keys are faults.
    pub fn table<T>(&self, key: &'static str, read: impl FnOnce(&Section<'d>) -> T) -> T {
        let section = self.entry(key).and_then(|entry| entry.section());
        let section =
            section.unwrap_or_else(|| Section::new(self.origin, self.join(key), self.offset, None));
        let value = read(&section);
        section.finish();
        value
    }

    /// Reads each key and value of a table whose keys the operator chooses.
    pub fn each(&self, mut read: impl FnMut(&'d str, Entry<'d>)) {
        self.is_open.set(true);
        for (name, value) in self.table.into_iter().flatten() {
            let mut entry = Entry::new(self.origin, self.join(name.get_ref()), value);
            entry.offset = name.span().start;
            read(name.get_ref(), entry);
        }
    }

    /// Reports those of `keys` that are there and that nobody asked for, with a reason that is better than "unknown".
    pub fn refuse(&self, keys: &[&'static str], message: &str) {
        for key in keys {
            if !self.known.borrow().contains(key)
                && let Some(entry) = self.entry(key)
            {
                entry.fault(message);
            }
        }
    }

    /// How many faults there are so far, in all files.
    pub fn fault_count(&self) -> usize {
        self.origin.sink.count()
    }

    /// A fault of the table as a whole.
    pub fn fault(&self, message: impl ToString) {
        self.origin.fault(self.offset, &self.path, message);
    }

    /// Reports the keys that nobody asked for, and those that are missing.
    pub fn finish(&self) {
        let known = self.known.borrow();
        let mut meant = Vec::new();
        for (name, _) in self.table.into_iter().flatten() {
            let key: &str = name.get_ref();
            if !self.is_open.get() && !known.contains(&key) {
                let nearest = nearest(key, known.iter().copied());
                meant.extend(nearest);
                self.origin.fault(
                    name.span().start,
                    &self.join(key),
                    format!("unknown key{}", suggestion(nearest)),
                );
            }
        }
        for (key, message) in self.missing.borrow().iter() {
            if !meant.contains(key) {
                self.fault(message);
            }
        }
    }

    fn join(&self, key: &str) -> String {
        let plain = !key.is_empty()
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let key = if plain {
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

/// Says that what was given as a `kind` is not known, and which one may have been meant.
pub fn unknown<'k>(kind: &str, given: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    format!(
        "unknown {kind} `{given}`{}",
        suggestion(nearest(given, known))
    )
}

fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let near = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(known, given), known))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    near.map(|(_, known)| known)
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// Which keys were asked for in this thread, so that a test can compare them with what is documented.
#[cfg(test)]
pub mod asked {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local!(static ASKED: RefCell<BTreeSet<(String, &'static str)>> = RefCell::default());

    pub fn note(file: &str, key: &'static str) {
        ASKED.with_borrow_mut(|asked| asked.insert((file.to_owned(), key)));
    }

    /// The keys that were asked for in files whose names end so.
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
