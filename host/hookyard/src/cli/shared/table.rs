//! Tables. For a file or a pipe, columns are as wide as their contents. On a terminal, a table is
//! no wider than the terminal.

use std::io::{self, IsTerminal, Write};

use hookyard_model::visible;

/// The number of spaces between two columns.
const GAP: usize = 2;
/// The minimum width of a column, in characters.
const COLUMN_MIN: usize = 6;
/// The last character of a cell that is cut.
const CUT: char = '…';

/// Returns the width of the terminal, in characters, if standard output is a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(io::stdout())
        .map(|(terminal_size::Width(width), _)| width.into())
}

/// Writes a table.
///
/// Each column is as wide as its contents. If a line would be wider than `width_max`, the widest
/// columns are cut, but never the first one, which identifies the row. Control characters in the
/// cells are written as escapes, because senders and guests can choose the text.
pub(crate) fn write_table<const N: usize>(
    header: Option<[&str; N]>,
    rows: impl IntoIterator<Item = [String; N]>,
    width_max: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let header = header.map(|header| header.map(str::to_owned));
    let rows: Vec<_> = header
        .into_iter()
        .chain(rows)
        .map(|row| row.map(|text| visible(&text)))
        .collect();

    let mut widths: [usize; N] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| length(&row[column]));
        lengths.max().unwrap_or(0)
    });
    if let Some(width_max) = width_max {
        fit(&mut widths, width_max);
    }

    for row in &rows {
        let cells: Vec<_> = row
            .iter()
            .zip(widths)
            .map(|(text, width)| format!("{:<width$}", cut(text, width)))
            .collect();
        writeln!(out, "{}", cells.join(&" ".repeat(GAP)).trim_end())?;
    }
    Ok(())
}

/// Narrows the widest column, character by character, until a line fits.
fn fit(widths: &mut [usize], width_max: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width_max);

    while over > 0 {
        let Some(widest) = widths.iter_mut().skip(1).max() else {
            return;
        };
        if *widest <= COLUMN_MIN {
            return;
        }
        *widest -= 1;
        over -= 1;
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain([CUT]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(rows: &[[&str; 3]], width_max: Option<usize>) -> String {
        let mut out = Vec::new();
        let rows = rows.iter().map(|row| row.map(str::to_owned));
        write_table(Some(["ID", "TYPE", "TEXT"]), rows, width_max, &mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn piped_table_is_complete() {
        let rows = [["1", "é", "x"], ["22", "a\nb", ""]];
        assert_eq!(
            written(&rows, None),
            "ID  TYPE  TEXT\n1   é     x\n22  a\\nb\n"
        );
        assert_eq!(written(&rows, Some(80)), written(&rows, None));
    }

    #[test]
    fn terminal_table_is_cut() {
        let rows = [[
            "0197308f-0000-7000",
            "order.created",
            "books waiting after 2 (retry: later)",
        ]];
        let expected = "\
ID                  TYPE         TEXT
0197308f-0000-7000  order.crea…  books wait…
";
        let text = written(&rows, Some(44));
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| length(line) <= 44));
        assert!(
            written(&rows, Some(9)).contains("\n0197308f-0000-7000  order…  books…\n"),
            "no column disappears"
        );
    }
}
