//! The options and the output that replays and discards have in common.

use clap::Args;
use hookyard_store::ReplaySummary;

use crate::cli::Failure;

/// The options of every replay.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    /// Replay everything that is stored; required if you give no id and no filter
    #[arg(long)]
    pub(crate) all: bool,
    /// Only count what would be replayed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Start at most this many per second
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

/// The words for what a command does to jobs or messages.
pub(crate) struct Words {
    /// What the command selects, such as `event`.
    pub(crate) selected: &'static str,
    /// What the command changes, such as `job`.
    pub(crate) changed: &'static str,
    /// The verb after `will`, such as `run again`.
    pub(crate) verb: &'static str,
    /// What is happening to leased jobs or messages, such as `attempted`.
    pub(crate) leased: &'static str,
}

impl Words {
    /// Refuses a command that selects nothing in particular, unless it has the option `--all`.
    pub(crate) fn require_selection(&self, is_unfiltered: bool, all: bool) -> Result<(), Failure> {
        if !is_unfiltered || all {
            return Ok(());
        }

        let Self { selected, verb, .. } = self;
        Err(Failure::Arguments(format!(
            "every stored {selected} would {verb}: give ids or a filter, or --all if you mean \
             everything"
        )))
    }

    /// Returns the result of a replay as one line. `target` follows the verb, such as ` on revision
    /// 0a1b`.
    pub(crate) fn result(
        &self,
        summary: ReplaySummary,
        options: &ReplayOptions,
        target: &str,
    ) -> String {
        if options.json {
            self.result_as_json(summary, options.dry_run)
        } else {
            self.result_as_text(summary, options.dry_run, target)
        }
    }

    fn result_as_json(&self, summary: ReplaySummary, dry_run: bool) -> String {
        let ReplaySummary {
            replayed,
            leased,
            created,
            ..
        } = summary;
        let created = if created > 0 {
            format!(",\"created\":{created}")
        } else {
            String::new()
        };

        format!(
            "{{\"{}s\":{replayed}{created},\"leased\":{leased},\"dry_run\":{dry_run}}}",
            self.changed
        )
    }

    fn result_as_text(&self, summary: ReplaySummary, dry_run: bool, target: &str) -> String {
        let ReplaySummary {
            replayed,
            leased,
            created,
            ..
        } = summary;
        let count = self.count(replayed);
        let will = if dry_run { "would" } else { "will" };
        let verb = self.verb;
        let created = if created > 0 {
            format!(", {created} of them for events without a job for the plugin")
        } else {
            String::new()
        };

        let left = self.left_unchanged(leased, dry_run);
        format!("{count} {will} {verb}{target}{created}{left}")
    }

    /// Returns a count with its noun, such as `1 job` or `2 jobs`.
    pub(crate) fn count(&self, count: u64) -> String {
        if count == 1 {
            format!("1 {}", self.changed)
        } else {
            format!("{count} {}s", self.changed)
        }
    }

    /// Returns the end of a result: how many jobs or messages were leased and so left unchanged.
    pub(crate) fn left_unchanged(&self, leased: u64, dry_run: bool) -> String {
        let (is, was) = match leased {
            0 => return String::new(),
            1 => ("is", "was"),
            _ => ("are", "were"),
        };
        let was = if dry_run { "would be" } else { was };

        let verb = self.leased;
        format!("; {leased} that {is} being {verb} {was} left unchanged")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        selected: "event",
        changed: "job",
        verb: "run again",
        leased: "attempted",
    };

    fn summary(replayed: u64, leased: u64, created: u64) -> ReplaySummary {
        ReplaySummary {
            replayed,
            leased,
            created,
            ..ReplaySummary::default()
        }
    }

    #[test]
    fn replay_result_as_text() {
        let text = |summary, dry_run, target| WORDS.result_as_text(summary, dry_run, target);

        assert_eq!(text(summary(1, 0, 0), false, ""), "1 job will run again");
        assert_eq!(
            text(summary(0, 0, 0), false, " on it"),
            "0 jobs will run again on it"
        );
        assert_eq!(
            text(summary(7, 2, 0), true, ""),
            "7 jobs would run again; 2 that are being attempted would be left unchanged"
        );
        assert_eq!(
            text(summary(7, 0, 3), false, ""),
            "7 jobs will run again, 3 of them for events without a job for the plugin"
        );
    }

    #[test]
    fn replay_result_as_json() {
        assert_eq!(
            WORDS.result_as_json(summary(7, 0, 3), false),
            r#"{"jobs":7,"created":3,"leased":0,"dry_run":false}"#
        );
        assert_eq!(
            WORDS.result_as_json(summary(7, 2, 0), true),
            r#"{"jobs":7,"leased":2,"dry_run":true}"#
        );
    }

    #[test]
    fn unfiltered_replay_needs_all() {
        assert!(WORDS.require_selection(true, false).is_err());
        assert!(WORDS.require_selection(true, true).is_ok());
        assert!(WORDS.require_selection(false, false).is_ok());
    }
}
