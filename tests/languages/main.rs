//! Tests plugins of all languages on the real host, with one suite.
//!
//! For each language, the suite makes folders with `hookyard new`, builds them with `hookyard
//! build`, drops the components into the folder of a host, and sends signed events. A language
//! whose tools are not installed is left out, and the last lines say how to install the tools.
//!
//! `HOOKYARD_LANGUAGES=all` turns a missing tool into a failure. `UPDATE=1` measures every language
//! and writes `docs/languages.md`.

mod bench;
mod behaviours;
mod examples;
mod figures;
mod folder;
mod language;
mod page;
mod reload;
mod typed;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use bench::Bench;
use language::{LANGUAGES, Language};
use page::Page;

/// A check of the suite.
pub(crate) struct Case {
    /// The name of the check, which is also its row in `docs/languages.md`.
    pub(crate) name: &'static str,
    /// Whether the check makes sense for the language.
    pub(crate) concerns: fn(&Language) -> bool,
    /// Checks the language, and returns a remark for the table.
    pub(crate) run: fn(&Bench) -> anyhow::Result<Option<String>>,
}

impl Case {
    const fn of_all(name: &'static str, run: fn(&Bench) -> anyhow::Result<Option<String>>) -> Self {
        Self {
            name,
            concerns: |_| true,
            run,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let is_strict = std::env::var("HOOKYARD_LANGUAGES").is_ok_and(|value| value == "all");
    let page = Arc::new(Page::default());

    let mut trials = Vec::new();
    let mut left_out = Vec::new();
    for language in LANGUAGES {
        let missing = language.missing();
        if let (Some(missing), false) = (&missing, is_strict) {
            left_out.push(format!("{}: {missing} is not installed", language.name));
        }
        let is_left_out = missing.is_some() && !is_strict;
        let bench = Arc::new(Bench::new(language));
        for case in cases().filter(|case| (case.concerns)(language)) {
            let trial = trial(&bench, case, &page).with_ignored_flag(is_left_out);
            trials.push(trial);
        }
    }

    let conclusion = libtest_mimic::run(&arguments, trials);
    if !left_out.is_empty() {
        println!("Left out, because tools are missing:");
        left_out.iter().for_each(|line| println!("  {line}"));
        println!(
            "To install all tools and test every language: bash tests/languages/install && \
             HOOKYARD_LANGUAGES=all cargo test --test languages"
        );
    }
    if std::env::var_os("UPDATE").is_some() && !conclusion.has_failed() {
        page.write().expect("docs/languages.md can be written");
    }
    conclusion.exit_code()
}

/// Returns all checks, in the order of the table.
fn cases() -> impl Iterator<Item = &'static Case> {
    typed::CASES
        .iter()
        .chain(examples::CASES)
        .chain(behaviours::CASES)
        .chain(reload::CASES)
        .chain(figures::CASES)
}

fn trial(bench: &Arc<Bench>, case: &'static Case, page: &Arc<Page>) -> Trial {
    let (bench, page) = (Arc::clone(bench), Arc::clone(page));
    let name = format!("{}::{}", bench.language.name, case.name.replace(' ', "_"));

    Trial::test(name, move || {
        let remark = (case.run)(&bench).map_err(|error| Failed::from(format!("{error:#}")))?;
        page.note(bench.language, case.name, remark);
        Ok(())
    })
}
