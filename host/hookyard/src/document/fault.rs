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

/// Where faults are put while files are read.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Fault>>);

impl Sink {
    /// Adds one.
    pub(crate) fn push(&self, fault: Fault) {
        self.0.borrow_mut().push(fault);
    }

    /// Adds one that is about a file as a whole.
    pub(crate) fn push_file(&self, file: impl fmt::Display, message: impl fmt::Display) {
        self.push(Fault { file: file.to_string(), line: None, path: String::new(), message: message.to_string() });
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// The faults in the order of the files and their lines; `value` when there are none.
    pub(crate) fn into_result<T>(self, value: Option<T>) -> Result<T, Faults> {
        let mut faults = self.0.into_inner();
        faults.sort();
        faults.dedup();
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            _ => Err(Faults(faults)),
        }
    }
}
