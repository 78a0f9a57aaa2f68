//! Faults in files that an operator wrote: collected, never stopped at, so that one run shows them all.
//!
//! A fault is one line: the file, the line, the key and what to do. It never repeats a value that may be a secret.

use std::cell::RefCell;
use std::fmt;

use hookyard_model::excerpt;

/// Faults, and notes, that are kept of one reading. A tenant may have written the file.
const FAULTS_MAX: usize = 100;

/// One thing wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file, as the operator would name it.
    pub file: String,
    /// From 1; none when it's the file as a whole.
    pub line: Option<usize>,
    /// The dotted path of the key; empty for the file as a whole.
    pub path: String,
    /// What is wrong and how to put it right.
    pub message: String,
}

impl Fault {
    /// The same, with names and words that others wrote as they may be told.
    fn told(self) -> Self {
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

/// All faults of one reading; never empty when it's an error's payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

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
pub struct Sink {
    faults: RefCell<Bounded>,
    notes: RefCell<Bounded>,
}

/// Up to `FAULTS_MAX` faults or notes, and the number of the others.
#[derive(Debug, Default)]
struct Bounded {
    kept: Vec<Fault>,
    left_out: usize,
}

impl Bounded {
    /// Adds one, which is made only where there's room for it: its line takes time to find.
    fn push(&mut self, make: impl FnOnce() -> Fault) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(make().told());
        } else {
            self.left_out += 1;
        }
    }

    /// All in the order of the files and their lines, and a last one that says how many were left out.
    fn into_list(self, what: &str) -> Vec<Fault> {
        let Self {
            kept: mut list,
            left_out,
        } = self;
        list.sort();
        list.dedup();
        if left_out > 0 {
            let file = list
                .last()
                .map(|fault| fault.file.clone())
                .unwrap_or_default();
            list.push(Fault {
                file,
                line: None,
                path: String::new(),
                message: format!("and {left_out} more {what}"),
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

    /// Adds a fault of a file as a whole.
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

    /// The number of faults so far.
    pub fn count(&self) -> usize {
        let faults = self.faults.borrow();
        faults.kept.len() + faults.left_out
    }

    /// All notes so far, in the order of the files and their lines. The sink keeps none of them.
    pub fn take_notes(&self) -> Vec<Fault> {
        self.notes.take().into_list("notes")
    }

    /// The faults in the order of the files and their lines; `value` when there are none.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Faults> {
        let faults = self.faults.into_inner().into_list("faults");
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(Faults(faults)),
        }
    }
}
