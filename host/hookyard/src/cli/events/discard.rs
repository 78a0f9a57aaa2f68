//! `hookyard events discard`: ends jobs and unrouted events that nobody wants handled any more.
//! A running host notices within moments.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::Clock;
use hookyard_store::{Discard, DiscardSummary, EventSelection, EventSummary, Events};

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::replay::Words;
use crate::cli::shared::{StoreAccess, ids};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    selected: "event",
    changed: "job",
    verb: "be discarded",
    leased: "attempted",
};

/// The arguments of `hookyard events discard`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ids of the events, or their first digits
    ids: Vec<IdPrefix>,
    /// Discard everything that is not over; required if you give no id and no filter
    #[arg(long)]
    all: bool,
    /// Only count what would be discarded
    #[arg(long)]
    dry_run: bool,
    /// The reason to record, on one line
    #[arg(long, value_name = "TEXT", value_parser = reason, default_value = "by hand")]
    reason: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filters: Filters,
}

/// The maximum length of a reason, in characters.
const REASON_MAX: usize = 500;

fn reason(text: &str) -> Result<String, String> {
    let is_line = !text.trim().is_empty()
        && text.chars().count() <= REASON_MAX
        && !text.chars().any(char::is_control);
    if is_line {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be one line of at most {REASON_MAX} characters"
        ))
    }
}

/// Discards the events that the ids and the filters select.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        ids,
        all,
        dry_run,
        reason,
        json,
        filters,
    } = arguments;
    let now = SystemClock.now();
    let filtered = filters.selection(now)?;
    let is_unfiltered = ids.is_empty() && filtered == EventSelection::default();
    WORDS.require_selection(is_unfiltered, all)?;
    require_discardable_state(&filtered)?;

    let access = StoreAccess::for_change(path, dry_run)?;
    access.check_event_names(&filtered).await?;
    let selection = EventSelection {
        ids: ids::find_all::<EventSummary>(&access.store, &ids).await?,
        ..filtered
    };
    let discard = Discard {
        selection,
        reason,
        now,
        dry_run,
    };
    let summary = access
        .store
        .discard(discard)
        .await
        .context("not everything could be discarded")?;

    if json {
        output::line(as_json(summary, dry_run))
    } else {
        output::line(as_text(summary, dry_run))
    }
}

/// Refuses a selection of only such states in which nothing can be discarded.
fn require_discardable_state(selection: &EventSelection) -> Result<(), Failure> {
    let states = &selection.states;
    let is_final = |state: &String| matches!(state.as_str(), "done" | "leased" | "discarded");
    if states.is_empty() || !states.iter().all(is_final) {
        return Ok(());
    }

    Err(Failure::Arguments(
        "jobs that are done, leased or discarded cannot be discarded; name pending, waiting, held, \
         dead or unrouted"
            .to_owned(),
    ))
}

fn as_json(summary: DiscardSummary, dry_run: bool) -> String {
    let DiscardSummary {
        jobs,
        events,
        leased,
    } = summary;
    format!("{{\"jobs\":{jobs},\"unrouted\":{events},\"leased\":{leased},\"dry_run\":{dry_run}}}")
}

fn as_text(summary: DiscardSummary, dry_run: bool) -> String {
    let DiscardSummary {
        jobs,
        events,
        leased,
    } = summary;
    let unrouted = match events {
        0 => String::new(),
        1 => " and 1 unrouted event".to_owned(),
        events => format!(" and {events} unrouted events"),
    };
    let verb = match (dry_run, jobs, events) {
        (true, _, _) => "would be discarded",
        (false, 1, 0) => "was discarded",
        (false, _, _) => "were discarded",
    };

    let jobs = WORDS.count(jobs);
    let left = WORDS.left_unchanged(leased, dry_run);
    format!("{jobs}{unrouted} {verb}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(jobs: u64, events: u64, leased: u64) -> DiscardSummary {
        DiscardSummary {
            jobs,
            events,
            leased,
        }
    }

    #[test]
    fn discard_result_as_text() {
        assert_eq!(as_text(summary(1, 0, 0), false), "1 job was discarded");
        assert_eq!(
            as_text(summary(0, 1, 0), false),
            "0 jobs and 1 unrouted event were discarded"
        );
        assert_eq!(
            as_text(summary(7, 2, 1), true),
            "7 jobs and 2 unrouted events would be discarded; 1 that is being attempted would be \
             left unchanged"
        );
    }

    #[test]
    fn discard_result_as_json() {
        assert_eq!(
            as_json(summary(7, 2, 1), false),
            r#"{"jobs":7,"unrouted":2,"leased":1,"dry_run":false}"#
        );
    }
}
