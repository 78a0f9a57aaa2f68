//! Prints the demo's output: sections, aligned columns, and colours on a terminal. Counts
//! unexpected results.

use std::io::IsTerminal;

/// The style of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Good,
    Bad,
    Quiet,
    Bold,
}

/// A cell of a row.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    look: Look,
}

/// Returns a cell without colour.
pub(crate) fn plain(text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        look: Look::Plain,
    }
}

/// Returns a dim cell.
pub(crate) fn quiet(text: impl Into<String>) -> Cell {
    Cell {
        text: text.into(),
        look: Look::Quiet,
    }
}

/// Returns a green or red cell.
pub(crate) fn verdict(text: impl Into<String>, is_good: bool) -> Cell {
    Cell {
        text: text.into(),
        look: if is_good { Look::Good } else { Look::Bad },
    }
}

pub(crate) struct Paper {
    has_colour: bool,
    section: usize,
    unexpected: Vec<String>,
}

impl Paper {
    pub(crate) fn new() -> Self {
        let has_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            has_colour,
            section: 0,
            unexpected: Vec::new(),
        }
    }

    /// Begins a numbered section.
    pub(crate) fn section(&mut self, title: &str) {
        self.section += 1;
        println!(
            "\n{}\n",
            self.paint(Look::Bold, &format!("{}. {title}", self.section))
        );
    }

    /// Prints a line of text.
    pub(crate) fn say(&self, text: &str) {
        println!("   {text}");
    }

    /// Prints a dim line.
    pub(crate) fn aside(&self, text: &str) {
        println!("   {}", self.paint(Look::Quiet, text));
    }

    /// Prints an empty line.
    pub(crate) fn gap(&self) {
        println!();
    }

    /// Prints rows with aligned columns. The last column has any width.
    pub(crate) fn table(&self, rows: &[Vec<Cell>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.text.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = widths[column] - cell.text.chars().count();
                let is_last = column + 1 == row.len();
                line += &self.paint(cell.look, &cell.text);
                line += &" ".repeat(if is_last { 0 } else { padding + 2 });
            }
            println!("   {}", line.trim_end());
        }
    }

    /// Records and prints an unexpected result.
    pub(crate) fn unexpected(&mut self, what: impl Into<String>) {
        let what = what.into();
        println!(
            "   {}",
            self.paint(Look::Bad, &format!("unexpected: {what}"))
        );
        self.unexpected.push(what);
    }

    /// Records an unexpected result if `holds` is false.
    pub(crate) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.unexpected(what());
        }
    }

    /// Returns whether nothing was unexpected.
    pub(crate) fn is_as_it_should_be(&self) -> bool {
        self.unexpected.is_empty()
    }

    /// Prints the result of the demo.
    pub(crate) fn summary(&mut self, sentences: &[String]) {
        self.section("The result");
        for sentence in sentences {
            self.say(sentence);
        }
        let verdict = match self.unexpected.len() {
            0 => self.paint(Look::Good, "Everything is as expected."),
            1 => self.paint(Look::Bad, "One result was unexpected; it is marked above."),
            many => self.paint(
                Look::Bad,
                &format!("{many} results were unexpected; they are marked above."),
            ),
        };
        println!("\n   {verdict}");
    }

    /// Prints the error that ended the demo.
    pub(crate) fn failure(&self, error: &anyhow::Error) {
        eprintln!(
            "\n   {}",
            self.paint(
                Look::Bad,
                &format!("The demo ended with an error: {error:#}")
            )
        );
    }

    fn paint(&self, look: Look, text: &str) -> String {
        let code = match look {
            _ if !self.has_colour || text.is_empty() => return text.to_owned(),
            Look::Plain => return text.to_owned(),
            Look::Good => "32",
            Look::Bad => "31",
            Look::Quiet => "2",
            Look::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Returns the text on one line of at most `width`, without control characters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match clean.char_indices().nth(width) {
        None => clean,
        Some(_) => clean.chars().take(width - 1).chain(['…']).collect(),
    }
}
