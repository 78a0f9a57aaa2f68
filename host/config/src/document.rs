//! TOML files that people write, read so that every fault is found in one go.
//!
//! serde stops at the first fault and forgets line numbers; here the parsed document keeps its spans and is walked by
//! hand. What a file may say is written once, in the code that reads it: each key that is asked for is a key that is
//! known, and whatever is left over when a table has been read is reported, with the nearest known key.
//!
//! This room knows nothing of what the keys mean; `config`, `provider` and `release` do.

pub mod fault;
mod section;
mod entry;
mod scalar;

pub use entry::Entry;
pub use fault::{Fault, Faults, Sink};
pub use scalar::{Rate, Scalar, Share, Size, duration};
#[cfg(test)]
pub use section::asked;
pub use section::{Section, unknown};

use toml::de::DeTable;

/// Where a value stands, and where to complain about it.
#[derive(Clone, Copy)]
pub struct Origin<'d> {
    file: &'d str,
    text: &'d str,
    sink: &'d Sink,
}

impl Origin<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self
            .text
            .as_bytes()
            .iter()
            .take(offset)
            .filter(|b| **b == b'\n')
            .count()
    }

    fn fault(&self, offset: usize, path: &str, message: impl ToString) {
        self.sink.push(|| self.at(offset, path, message));
    }

    fn note(&self, offset: usize, path: &str, message: impl ToString) {
        self.sink.push_note(|| self.at(offset, path, message));
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

/// Parses `text` and has `read` walk its root table. Faults go to `sink` under the name `file`.
///
/// With broken syntax nothing is read: half a document gives faults that aren't there.
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
            origin.fault(
                error.span().map_or(0, |span| span.start),
                "",
                error.message().replace('\n', ", "),
            );
        }
        return None;
    }
    let root = Section::new(origin, String::new(), 0, Some(table.get_ref()));
    let value = read(&root);
    root.finish();
    value
}
