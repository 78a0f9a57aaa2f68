//! `docs/languages.md`: the table of languages and behaviours, as the suite found them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use hookyard_testkit::workspace;

use crate::language::{LANGUAGES, Language};
use crate::{Case, cases};

const BEGIN: &str = "<!-- The suite in tests/languages writes the tables from here: UPDATE=1. -->";
const END: &str = "<!-- to here. -->";
/// The cases from this one on have figures instead of marks.
const FIRST_FIGURE: &str = "component";

/// What the suite found.
#[derive(Default)]
pub(crate) struct Page(Mutex<BTreeMap<(&'static str, &'static str), Option<String>>>);

impl Page {
    /// Notes that a case passed, with a remark for the table.
    pub(crate) fn note(&self, language: &Language, case: &'static str, remark: Option<String>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((language.name, case), remark);
    }

    /// Writes the tables into the page. The rest of the page is written by hand.
    pub(crate) fn write(&self) -> Result<()> {
        let path = workspace::root().join("docs/languages.md");
        let page = fs::read_to_string(&path)?;
        let (before, rest) = page.split_once(BEGIN).unwrap_or((&page, END));
        let (_, after) = rest.split_once(END).unwrap_or((rest, "\n"));
        let all: Vec<_> = cases().collect();
        let first = all.iter().position(|case| case.name == FIRST_FIGURE);
        let (behaviours, figures) = all.split_at(first.unwrap_or(all.len()));
        let (marks, figures) = (self.marks(behaviours), self.figures(figures));
        fs::write(
            path,
            format!("{before}{BEGIN}\n\n{marks}\n{figures}\n{END}{after}"),
        )?;
        Ok(())
    }

    /// Returns a table with a row for each behaviour and a column for each language.
    fn marks(&self, cases: &[&Case]) -> String {
        let mut table = String::from("| |");
        LANGUAGES.iter().for_each(|it| {
            let _ = write!(table, " {} |", it.name);
        });
        table.push_str("\n| --- |");
        LANGUAGES.iter().for_each(|_| table.push_str(" --- |"));

        for case in cases {
            let _ = write!(table, "\n| {} |", case.name);
            for language in LANGUAGES {
                let _ = write!(table, " {} |", self.cell(language, case, "yes"));
            }
        }
        table.push('\n');
        table
    }

    /// Returns a table with a row for each language and a column for each figure.
    fn figures(&self, cases: &[&Case]) -> String {
        let mut table = String::from("| |");
        cases.iter().for_each(|it| {
            let _ = write!(table, " {} |", it.name);
        });
        table.push_str("\n| --- |");
        cases.iter().for_each(|_| table.push_str(" --- |"));

        for language in LANGUAGES {
            let _ = write!(table, "\n| {} |", language.name);
            for case in cases {
                let _ = write!(table, " {} |", self.cell(language, case, ""));
            }
        }
        table.push('\n');
        table
    }

    fn cell(&self, language: &Language, case: &Case, passed: &str) -> String {
        if !(case.concerns)(language) {
            return "-".into();
        }
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match found.get(&(language.name, case.name)) {
            None => "not run".into(),
            Some(None) => passed.into(),
            Some(Some(remark)) => remark.clone(),
        }
    }
}
