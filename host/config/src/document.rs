//! A reader of TOML files that reports every fault at once.
//!
//! Serde stops at the first fault and loses line numbers. This module keeps the spans of the parsed
//! document, and the code that knows a file's keys walks the document by hand. Every key that the
//! code asks for is a known key; the keys that remain when a table has been read are reported with
//! the nearest known key.
//!
//! This module does not know what any key means.

mod entry;
pub mod fault;
mod scalar;
mod section;

pub use entry::Entry;
pub use fault::{Fault, Faults, Sink};
pub use scalar::{Rate, Scalar, Share, ShareOfEvents, Size, duration};
#[cfg(test)]
pub use section::asked;
pub use section::{Section, unknown};

use toml::de::DeTable;

/// The file that a value comes from, and the sink for the faults of that file.
#[derive(Clone, Copy)]
pub struct Origin<'d> {
    file: &'d str,
    text: &'d str,
    sink: &'d Sink,
}

impl Origin<'_> {
    /// Returns the line of a byte offset, counted from 1.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    fn fault(&self, offset: usize, path: &str, message: impl ToString) {
        self.sink.push(|| self.at(offset, path, message));
    }

    fn note(&self, offset: usize, path: &str, message: impl ToString) {
        self.sink.push_note(|| self.at(offset, path, message));
    }

    fn advise(&self, offset: usize, path: &str, message: impl ToString) {
        self.sink.push_advice(|| self.at(offset, path, message));
    }

    fn at(&self, offset: usize, path: &str, message: impl ToString) -> Fault {
        Fault {
            file: self.file.to_owned(),
            line: Some(self.line(offset)),
            path: path.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Parses `text` and passes its root table to `read`. Faults go to `sink` under the name `file`.
///
/// Returns `None` if the syntax is broken or if `read` returns `None`. Broken syntax is reported
/// without calling `read`, because half a document would produce misleading faults.
pub fn read<T>(
    file: &str,
    text: &str,
    sink: &Sink,
    read: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Option<T> {
    let origin = Origin { file, text, sink };
    let (table, errors) = DeTable::parse_recoverable(text);

    if !errors.is_empty() {
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            origin.fault(offset, "", error.message().replace('\n', ", "));
        }
        return None;
    }

    let root = Section::new(origin, String::new(), 0, Some(table.get_ref()));
    let value = read(&root);
    root.finish();

    value
}
