//! The output of `check`: a line for each finding, as text or as JSON.

use std::fmt::Display;

use serde::Serialize;

use crate::cli::Failure;
use crate::output;

/// Prints findings and counts the faults.
pub(super) struct Report {
    is_json: bool,
    faults: usize,
}

/// The verdict of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Note,
    Bad,
}

/// A finding as JSON.
#[derive(Serialize)]
struct Line {
    verdict: Verdict,
    text: String,
}

impl Report {
    pub(super) const fn new(is_json: bool) -> Self {
        Self { is_json, faults: 0 }
    }

    /// Prints a finding without a fault.
    pub(super) fn ok(&self, text: impl Display) -> Result<(), Failure> {
        self.print(Verdict::Ok, text)
    }

    /// Prints a finding that deserves a look, but does not fail the check.
    pub(super) fn note(&self, text: impl Display) -> Result<(), Failure> {
        self.print(Verdict::Note, text)
    }

    /// Prints a fault. It fails the check.
    pub(super) fn bad(&mut self, text: impl Display) -> Result<(), Failure> {
        self.faults += 1;
        self.print(Verdict::Bad, text)
    }

    /// Returns the result of the command: a failure if there was a fault.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.faults > 0 {
            Err(Failure::Reported)
        } else {
            Ok(())
        }
    }

    fn print(&self, verdict: Verdict, text: impl Display) -> Result<(), Failure> {
        let text = text.to_string();
        if self.is_json {
            output::line(as_json(verdict, text))
        } else {
            output::line(as_text(verdict, &text))
        }
    }
}

fn as_json(verdict: Verdict, text: String) -> String {
    serde_json::to_string(&Line { verdict, text }).expect("text can be written as JSON")
}

/// Returns a finding as text. Further lines, such as the grants to add, are indented.
fn as_text(verdict: Verdict, text: &str) -> String {
    let word = match verdict {
        Verdict::Ok => "ok",
        Verdict::Note => "note",
        Verdict::Bad => "BAD",
    };

    format!("{word:<4}  {}", text.replace('\n', "\n      "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_as_text_and_json() {
        assert_eq!(
            as_text(Verdict::Ok, "providers topi"),
            "ok    providers topi"
        );
        assert_eq!(
            as_text(Verdict::Bad, "refused; add:\n[grants]"),
            "BAD   refused; add:\n      [grants]"
        );
        assert_eq!(
            as_json(Verdict::Note, "two\nlines".into()),
            r#"{"verdict":"note","text":"two\nlines"}"#
        );
    }
}
