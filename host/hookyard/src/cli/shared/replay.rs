//! What running events again and sending messages again have in common: what is refused, and what is answered.

use std::path::Path;

use clap::Args;
use hookyard_store::ReplaySummary;

use super::Stored;
use crate::cli::Failure;

/// The options of every replay.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Replay everything in the store; required if you name no id and no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Count what would be replayed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Start at most this many a second
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub(crate) rate: Option<f64>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("must be a number above zero".to_owned()),
    }
}

/// The words in which it is told.
pub(crate) struct Words {
    /// What is meant, one and many of them.
    pub(crate) one: &'static str,
    pub(crate) many: &'static str,
    /// What becomes of them, such as `run again`.
    pub(crate) fate: &'static str,
    /// Of what one asks for.
    pub(crate) asked: &'static str,
    /// Why one is left alone.
    pub(crate) busy: &'static str,
}

impl Words {
    /// Refuses a order that names nothing, unless it says that everything is meant.
    pub(crate) fn must_name_some(&self, names_none: bool, all: bool) -> Result<(), Failure> {
        if !names_none || all {
            return Ok(());
        }
        let Self { fate, asked, .. } = self;
        let way_out = format!(
            "name {asked}s, or narrow them down by a filter; --all takes everything that is stored"
        );
        Err(Failure::Arguments(format!(
            "every stored {asked} would {fate}: {way_out}"
        )))
    }

    /// What was done, or would be, in a line.
    pub(crate) fn answer(
        &self,
        replayed: ReplaySummary,
        again: &ReplayOptions,
        more: &str,
    ) -> String {
        match again.json {
            true => self.in_json(replayed, again.dry_run),
            false => self.in_words(replayed, again.dry_run, more),
        }
    }

    fn in_json(
        &self,
        ReplaySummary {
            replayed: again,
            leased,
            created: made,
            ..
        }: ReplaySummary,
        dry_run: bool,
    ) -> String {
        let made = if made > 0 {
            format!(",\"made\":{made}")
        } else {
            String::new()
        };
        format!(
            "{{\"{}\":{again}{made},\"leased\":{leased},\"dry_run\":{dry_run}}}",
            self.many
        )
    }

    fn in_words(
        &self,
        ReplaySummary {
            replayed: again,
            leased,
            created: made,
            ..
        }: ReplaySummary,
        dry_run: bool,
        more: &str,
    ) -> String {
        let will = if dry_run { "would" } else { "will" };
        let made = match made {
            0 => String::new(),
            made => format!(", {made} of them for events that the plugin had not been given"),
        };
        format!(
            "{} {will} {}{more}{made}{}",
            self.count(again),
            self.fate,
            self.left_alone(leased, dry_run)
        )
    }

    /// Such as `1 job`.
    pub(crate) fn count(&self, count: u64) -> String {
        if count == 1 {
            format!("1 {}", self.one)
        } else {
            format!("{count} {}", self.many)
        }
    }

    /// What is said of those that are busy, after the rest.
    pub(crate) fn left_alone(&self, leased: u64, dry_run: bool) -> String {
        let were = if dry_run { "would be" } else { "were" };
        match leased {
            0 => String::new(),
            leased => format!("; {leased} {were} left alone, being {} now", self.busy),
        }
    }
}

/// The inbox in which it is to be done, or only counted.
pub(crate) fn open(path: &Path, dry_run: bool) -> Result<Stored, Failure> {
    if dry_run {
        super::open_for_reading(path)
    } else {
        super::open_for_change(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        one: "job",
        many: "jobs",
        fate: "run again",
        asked: "event",
        busy: "attempted",
    };

    #[test]
    fn what_was_done_is_told_in_a_line() {
        let replayed = |again, leased| ReplaySummary {
            replayed: again,
            leased,
            ..ReplaySummary::default()
        };
        assert_eq!(
            WORDS.in_words(replayed(1, 0), false, ""),
            "1 job will run again"
        );
        assert_eq!(
            WORDS.in_words(replayed(0, 0), false, " on it"),
            "0 jobs will run again on it"
        );
        let expected = "7 jobs would run again; 2 would be left alone, being attempted now";
        assert_eq!(WORDS.in_words(replayed(7, 2), true, ""), expected);
        let made = ReplaySummary {
            replayed: 7,
            created: 3,
            ..ReplaySummary::default()
        };
        let expected =
            "7 jobs will run again, 3 of them for events that the plugin had not been given";
        assert_eq!(WORDS.in_words(made, false, ""), expected);
        assert_eq!(
            WORDS.in_json(made, false),
            r#"{"jobs":7,"made":3,"leased":0,"dry_run":false}"#
        );
        assert_eq!(
            WORDS.in_json(replayed(7, 2), true),
            r#"{"jobs":7,"leased":2,"dry_run":true}"#
        );
    }

    #[test]
    fn everything_has_to_be_said() {
        assert!(WORDS.must_name_some(true, false).is_err());
        assert!(WORDS.must_name_some(true, true).is_ok());
        assert!(WORDS.must_name_some(false, false).is_ok());
    }
}
