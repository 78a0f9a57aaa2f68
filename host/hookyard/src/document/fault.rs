//! Faults in files that an operator wrote: collected, never stopped at, so that one run shows them all.
//!
//! A fault is one line: the file, the line, the key and what to do. It never repeats a value that may be a secret.

use std::cell::RefCell;
use std::fmt;

/// One thing wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    /// The file, as the operator would name it.
    pub(crate) file: String,
    /// From 1; none when it's the file as a whole.
    pub(crate) line: Option<usize>,
    /// The dotted path of the key; empty for the file as a whole.
    pub(crate) path: String,
    /// What is wrong and how to put it right.
    pub(crate) message: String,
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

/// All faults of one reading; never empty when it's an error's payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(fault, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults and notes while files are read. A note is something odd that stops nothing.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    faults: RefCell<Vec<Fault>>,
    notes: RefCell<Vec<Fault>>,
}

impl Sink {
    /// Adds a fault.
    pub(crate) fn push(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// Adds a fault of a file as a whole.
    pub(crate) fn push_file(&self, file: impl fmt::Display, message: impl fmt::Display) {
        self.push(Fault { file: file.to_string(), line: None, path: String::new(), message: message.to_string() });
    }

    /// Adds a note.
    pub(crate) fn push_note(&self, note: Fault) {
        self.notes.borrow_mut().push(note);
    }

    /// The number of faults so far.
    pub(crate) fn count(&self) -> usize {
        self.faults.borrow().len()
    }

    /// All notes so far, in the order of the files and their lines. The sink keeps none of them.
    pub(crate) fn take_notes(&self) -> Vec<Fault> {
        sorted(self.notes.take())
    }

    /// The faults in the order of the files and their lines; `value` when there are none.
    pub(crate) fn into_result<T>(self, value: Option<T>) -> Result<T, Faults> {
        let faults = sorted(self.faults.into_inner());
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(Faults(faults)),
        }
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort();
    faults.dedup();
    faults
}
