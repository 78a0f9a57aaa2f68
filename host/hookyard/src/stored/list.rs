//! A long list, a page at a time, for people or for machines.

use std::io::{self, BufWriter, Write};

use anyhow::Context;
use serde::Serialize;

use crate::cli::Failure;

const PAGE: usize = 500;

/// Writes pages to standard output until one is empty or `limit` is reached. `page` is given the last of the page before
/// and how many are wanted.
pub(crate) async fn pages<T: Clone>(
    limit: Option<usize>,
    page: impl AsyncFn(Option<T>, usize) -> Result<Vec<T>, hookyard_inbox::Error>,
    mut write: impl FnMut(&[T], bool, &mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut left = limit.unwrap_or(usize::MAX);
    let mut last = None;
    while left > 0 {
        let is_first = last.is_none();
        let found = page(last.take(), left.min(PAGE)).await.context("what is stored can't be read")?;
        last = found.last().cloned();
        if found.is_empty() {
            break;
        }
        write(&found, is_first, &mut out).map_err(Failure::Output)?;
        left -= found.len();
    }
    out.flush().map_err(Failure::Output)
}

/// One JSON object on a line.
pub(crate) fn write_json(line: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
