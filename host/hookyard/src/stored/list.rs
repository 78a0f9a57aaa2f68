//! A long list, a page at a time, for people or for machines.

use std::io::{self, BufWriter, Write};

use anyhow::Context;
use serde::Serialize;

use crate::cli::Failure;
use crate::explain::visible;

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

/// Columns are as wide as these rows need. Senders' and guests' words have their control characters written out.
pub(crate) fn write_table<const N: usize>(
    head: Option<[&str; N]>,
    rows: impl IntoIterator<Item = [String; N]>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = head.map(|head| head.map(str::to_owned));
    let rows: Vec<_> = head.into_iter().chain(rows).map(|row| row.map(|text| visible(&text))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in &rows {
        let (last, columns) = row.split_last().expect("no table is without columns");
        for (text, width) in columns.iter().zip(widths) {
            write!(out, "{text:<width$}  ")?;
        }
        writeln!(out, "{last}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_it_must_be_and_hides_nothing() {
        let rows = [["1", "é"], ["22", "a\nb"]].map(|row| row.map(str::to_owned));
        let mut out = Vec::new();
        write_table(Some(["ID", "TEXT"]), rows, &mut out).expect("written");
        assert_eq!(String::from_utf8(out).expect("text"), "ID  TEXT\n1   é\n22  a\\nb\n");
    }
}
