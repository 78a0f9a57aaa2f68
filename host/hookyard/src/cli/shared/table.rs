//! Rows in columns: as wide as they need to be for a file or a pipe, and no wider than the terminal for a person.

use std::io::{self, IsTerminal, Write};

use hookyard_model::visible;

/// Characters between two columns.
const GAP: usize = 2;
/// No column is cut to fewer characters.
const COLUMN_MIN: usize = 6;
const CUT: char = '…';

/// How many characters fit on a line of standard output, where that is a terminal.
pub(crate) fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(io::stdout())
        .map(|(terminal_size::Width(width), _)| width.into())
}

/// Columns are as wide as these rows need, unless a line would be wider than `width_max`: then the widest columns are cut,
/// but never the first, which names the row. Senders' and guests' words have their control characters written out.
pub(crate) fn write_table<const N: usize>(
    head: Option<[&str; N]>,
    rows: impl IntoIterator<Item = [String; N]>,
    width_max: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let head = head.map(|head| head.map(str::to_owned));
    let rows: Vec<_> = head
        .into_iter()
        .chain(rows)
        .map(|row| row.map(|text| visible(&text)))
        .collect();
    let needed = |column: usize| {
        rows.iter()
            .map(|row| length(&row[column]))
            .max()
            .unwrap_or(0)
    };
    let mut widths: [usize; N] = std::array::from_fn(needed);
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

/// Takes from the widest column until a line fits.
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
    fn a_table_is_as_wide_as_it_must_be_and_hides_nothing() {
        let rows = [["1", "é", "x"], ["22", "a\nb", ""]];
        assert_eq!(
            written(&rows, None),
            "ID  TYPE  TEXT\n1   é     x\n22  a\\nb\n"
        );
        assert_eq!(written(&rows, Some(80)), written(&rows, None));
    }

    #[test]
    fn a_line_is_no_wider_than_the_terminal_and_its_name_is_whole() {
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
            "no column goes away"
        );
    }
}
