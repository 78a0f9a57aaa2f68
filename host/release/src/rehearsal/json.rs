//! A reader of JSON files that people write. It reports every fault with its file and path, and
//! unknown keys with the nearest known key.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value};

use hookyard_config::document::unknown;
use hookyard_model::excerpt;

/// The maximum number of faults of one fixture. A tenant writes fixtures, so the number must be
/// limited.
pub(super) const FAULTS_MAX: usize = 20;

/// Collects the faults of one file.
#[derive(Debug)]
pub(super) struct FaultSink {
    file: String,
    faults: RefCell<Vec<String>>,
    /// The number of faults beyond `FAULTS_MAX`.
    left_out: Cell<usize>,
}

impl FaultSink {
    pub(super) fn new(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            faults: RefCell::default(),
            left_out: Cell::new(0),
        }
    }

    pub(super) fn push(&self, path: &str, message: impl std::fmt::Display) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() == FAULTS_MAX {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }

        faults.push(excerpt(&format!("{}: {path}: {message}", self.file)));
    }

    /// Returns the value, or the faults if there are any.
    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Vec<String>> {
        let mut faults = self.faults.into_inner();
        if self.left_out.get() > 0 {
            faults.push(format!(
                "{}: and {} more faults",
                self.file,
                self.left_out.get()
            ));
        }

        value.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

/// A value and its path.
pub(super) struct Node<'v> {
    pub(super) value: &'v Value,
    pub(super) path: String,
    sink: &'v FaultSink,
}

impl<'v> Node<'v> {
    pub(super) fn new(value: &'v Value, path: impl Into<String>, sink: &'v FaultSink) -> Self {
        Self {
            value,
            path: path.into(),
            sink,
        }
    }

    pub(super) fn fault(&self, message: impl std::fmt::Display) {
        self.sink.push(&self.path, message);
    }

    pub(super) fn text(&self) -> Option<&'v str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.fault("must be a string");
        }
        text
    }

    /// Converts a string with `read`, and reports the error.
    pub(super) fn read<T, E: std::fmt::Display>(
        &self,
        read: impl FnOnce(&'v str) -> Result<T, E>,
    ) -> Option<T> {
        read(self.text()?).map_err(|error| self.fault(error)).ok()
    }

    pub(super) fn items(&self) -> Vec<Node<'v>> {
        let Some(items) = self.value.as_array() else {
            self.fault("must be a list");
            return Vec::new();
        };
        let item = |(n, value)| Node::new(value, format!("{}[{n}]", self.path), self.sink);
        items.iter().enumerate().map(item).collect()
    }

    /// Returns the members of an object whose keys the writer chooses.
    pub(super) fn members(&self) -> Vec<(&'v str, Node<'v>)> {
        let member = |(key, value): (&'v String, &'v Value)| {
            (key.as_str(), Node::new(value, self.join(key), self.sink))
        };
        self.map().into_iter().flatten().map(member).collect()
    }

    /// Reads an object with known keys. Keys that `read` does not ask for are faults.
    pub(super) fn object<T>(&self, read: impl FnOnce(&Object<'_, 'v>) -> Option<T>) -> Option<T> {
        let object = Object {
            node: self,
            members: self.map()?,
            known: RefCell::default(),
        };
        let value = read(&object);

        let known = object.known.into_inner();
        for key in object
            .members
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
        {
            self.sink
                .push(&self.join(key), unknown("key", key, known.iter().copied()));
        }
        value
    }

    fn map(&self) -> Option<&'v Map<String, Value>> {
        let map = self.value.as_object();
        if map.is_none() {
            self.fault("must be an object");
        }
        map
    }

    fn join(&self, key: &str) -> String {
        step(&self.path, key)
    }
}

/// Returns the path of a member.
pub(super) fn step(path: &str, key: &str) -> String {
    let is_plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_plain {
        format!("{path}.{key}")
    } else {
        format!("{path}[{key:?}]")
    }
}

/// An object with known keys.
pub(super) struct Object<'n, 'v> {
    node: &'n Node<'v>,
    members: &'v Map<String, Value>,
    known: RefCell<Vec<&'static str>>,
}

impl<'v> Object<'_, 'v> {
    pub(super) fn entry(&self, key: &'static str) -> Option<Node<'v>> {
        self.known.borrow_mut().push(key);
        Some(Node::new(
            self.members.get(key)?,
            self.node.join(key),
            self.node.sink,
        ))
    }

    pub(super) fn fault(&self, message: impl std::fmt::Display) {
        self.node.fault(message);
    }
}
