//! Faults in files that operators write.
//!
//! Readers collect faults instead of stopping at the first one, so that one run shows all of them.
//! A fault is one line: the file, the line, the key, and what to do. A fault never repeats a value
//! that may be a secret.

use std::cell::RefCell;
use std::fmt;

use hookyard_model::excerpt;

/// The maximum number of faults, and of notes, of one reading. A tenant may have written the file,
/// so the number must be limited.
const FAULTS_MAX: usize = 100;

/// A problem in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, as the operator named it.
    pub file: String,
    /// The line, counted from 1. `None` if the fault concerns the whole file.
    pub line: Option<usize>,
    /// The dotted path of the key. Empty if the fault concerns the whole file.
    pub path: String,
    /// The problem and how to solve it.
    pub message: String,
}

impl Fault {
    /// Returns the fault with its text made safe to print: shortened, without control characters.
    fn printable(self) -> Self {
        Self {
            path: excerpt(&self.path),
            message: excerpt(&self.message),
            ..self
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All faults of one reading. Not empty when it is the payload of an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(fault, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults and notes while files are read. A note does not make a file invalid.
#[derive(Debug, Default)]
pub struct Sink {
    faults: RefCell<BoundedFaults>,
    notes: RefCell<BoundedFaults>,
    advice: RefCell<BoundedFaults>,
}

/// Up to [`FAULTS_MAX`] faults or notes, and the number of further ones.
#[derive(Debug, Default)]
struct BoundedFaults {
    kept: Vec<Fault>,
    left_out: usize,
}

impl BoundedFaults {
    /// Adds a fault. Calls `make` only if there is room, because finding the line takes time.
    fn push(&mut self, make: impl FnOnce() -> Fault) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(make().printable());
        } else {
            self.left_out += 1;
        }
    }

    /// Returns the faults, sorted by file and line. A last fault gives the number of further
    /// `things`.
    fn into_list(self, things: &str) -> Vec<Fault> {
        let mut list = self.kept;
        list.sort();
        list.dedup();

        if self.left_out > 0 {
            let file = list.last().map(|fault| fault.file.clone());
            list.push(Fault {
                file: file.unwrap_or_default(),
                line: None,
                path: String::new(),
                message: format!("and {} more {things}", self.left_out),
            });
        }
        list
    }
}

impl Sink {
    /// Adds a fault.
    pub fn push(&self, fault: impl FnOnce() -> Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Adds a fault that concerns a whole file.
    pub fn push_file(&self, file: impl fmt::Display, message: impl fmt::Display) {
        self.push(|| Fault {
            file: file.to_string(),
            line: None,
            path: String::new(),
            message: message.to_string(),
        });
    }

    /// Adds a note.
    pub fn push_note(&self, note: impl FnOnce() -> Fault) {
        self.notes.borrow_mut().push(note);
    }

    /// Adds advice, which only `hookyard check` prints: it concerns what the operator may know and
    /// want.
    pub fn push_advice(&self, advice: impl FnOnce() -> Fault) {
        self.advice.borrow_mut().push(advice);
    }

    /// Takes all advice so far out of the sink, sorted by file and line.
    pub fn take_advice(&self) -> Vec<Fault> {
        self.advice.take().into_list("notes")
    }

    /// Returns the number of faults so far.
    pub fn count(&self) -> usize {
        let faults = self.faults.borrow();
        faults.kept.len() + faults.left_out
    }

    /// Takes all notes so far out of the sink, sorted by file and line.
    pub fn take_notes(&self) -> Vec<Fault> {
        self.notes.take().into_list("notes")
    }

    /// Returns `value` if there are no faults, and the faults sorted by file and line otherwise.
    ///
    /// # Errors
    ///
    /// Returns the faults if there are any, or if `value` is `None`.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Faults> {
        let faults = self.faults.into_inner().into_list("faults");
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(Faults(faults)),
        }
    }
}
