//! What `check` tells: a line for each thing, for people or for machines.

use std::fmt::Display;

use serde::Serialize;

use crate::cli::Failure;
use crate::output;

/// Writes to standard output, and counts what is bad.
pub(super) struct Report {
    is_json: bool,
    bad: usize,
}

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Note,
    Bad,
}

#[derive(Serialize)]
struct Line {
    verdict: Verdict,
    text: String,
}

impl Report {
    pub(super) const fn new(is_json: bool) -> Self {
        Self { is_json, bad: 0 }
    }

    /// As it should be.
    pub(super) fn ok(&self, text: impl Display) -> Result<(), Failure> {
        self.tell(Verdict::Ok, text)
    }

    /// To be looked at; it stops nothing.
    pub(super) fn note(&self, text: impl Display) -> Result<(), Failure> {
        self.tell(Verdict::Note, text)
    }

    /// It would be refused.
    pub(super) fn bad(&mut self, text: impl Display) -> Result<(), Failure> {
        self.bad += 1;
        self.tell(Verdict::Bad, text)
    }

    /// What the command comes to.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.bad > 0 {
            Err(Failure::Reported)
        } else {
            Ok(())
        }
    }

    fn tell(&self, verdict: Verdict, text: impl Display) -> Result<(), Failure> {
        let text = text.to_string();
        output::line(match self.is_json {
            true => in_json(verdict, text),
            false => in_words(verdict, &text),
        })
    }
}

fn in_json(verdict: Verdict, text: String) -> String {
    serde_json::to_string(&Line { verdict, text }).expect("texts make JSON")
}

/// Some faults come with lines to add: these stand below the first.
fn in_words(verdict: Verdict, text: &str) -> String {
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
    fn a_line_for_each_reader() {
        assert_eq!(
            in_words(Verdict::Ok, "providers topi"),
            "ok    providers topi"
        );
        assert_eq!(
            in_words(Verdict::Bad, "refused; add:\n[grants]"),
            "BAD   refused; add:\n      [grants]"
        );
        assert_eq!(
            in_json(Verdict::Note, "two\nlines".into()),
            r#"{"verdict":"note","text":"two\nlines"}"#
        );
    }
}
