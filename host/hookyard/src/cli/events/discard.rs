//! `hookyard events discard`: ends events that nobody wants handled any more. A host that is running notices within moments.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::Clock;
use hookyard_store::{Discard, DiscardSummary, EventSelection, Events};

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::ids;
use crate::cli::shared::replay::{self, Words};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    one: "job",
    many: "jobs",
    fate: "be discarded",
    asked: "event",
    busy: "attempted",
};

/// The arguments of `hookyard events discard`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ids of the events, or their first digits
    ids: Vec<IdPrefix>,
    /// Discard everything that is not finished; required if you name no id and no filter
    #[arg(long)]
    all: bool,
    /// Count what would be discarded, and change nothing
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

/// Characters of a reason at most.
const REASON_MAX: usize = 500;

fn reason(text: &str) -> Result<String, String> {
    let is_line = !text.trim().is_empty()
        && text.chars().count() <= REASON_MAX
        && !text.chars().any(char::is_control);
    if is_line {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be one line of no more than {REASON_MAX} characters"
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
    WORDS.must_name_some(ids.is_empty() && filtered == EventSelection::default(), all)?;
    must_name_what_is_open(&filtered)?;
    let stored = replay::open(path, dry_run)?;
    stored.must_know_names_of(&filtered).await?;
    let selection = EventSelection {
        ids: ids::events(&stored.inbox, &ids).await?,
        ..filtered
    };

    let discard = Discard {
        selection,
        reason,
        now,
        dry_run,
    };
    let discarded = stored
        .inbox
        .discard(discard)
        .await
        .context("not everything could be discarded")?;
    output::line(if json {
        in_json(discarded, dry_run)
    } else {
        in_words(discarded, dry_run)
    })
}

/// Refuses states that nothing can be discarded in.
fn must_name_what_is_open(selection: &EventSelection) -> Result<(), Failure> {
    let EventSelection { states, .. } = selection;
    let is_closed = |state: &String| ["done", "leased", "discarded"].contains(&state.as_str());
    if states.is_empty() || !states.iter().all(is_closed) {
        return Ok(());
    }
    let why = "what is done, being attempted or discarded can't be discarded; name pending, waiting, held, dead or unrouted";
    Err(Failure::Arguments(why.to_owned()))
}

fn in_json(
    DiscardSummary {
        jobs,
        events,
        leased,
    }: DiscardSummary,
    dry_run: bool,
) -> String {
    format!("{{\"jobs\":{jobs},\"unrouted\":{events},\"leased\":{leased},\"dry_run\":{dry_run}}}")
}

fn in_words(
    DiscardSummary {
        jobs,
        events,
        leased,
    }: DiscardSummary,
    dry_run: bool,
) -> String {
    let unrouted = match events {
        0 => String::new(),
        1 => " and 1 unrouted event".to_owned(),
        events => format!(" and {events} unrouted events"),
    };
    let end = match (dry_run, jobs, events) {
        (true, _, _) => "would be discarded",
        (false, 1, 0) => "was discarded",
        (false, _, _) => "were discarded",
    };
    format!(
        "{}{unrouted} {end}{}",
        WORDS.count(jobs),
        WORDS.left_alone(leased, dry_run)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_counts_each_kind() {
        let discarded = |jobs, events, leased| DiscardSummary {
            jobs,
            events,
            leased,
        };
        assert_eq!(in_words(discarded(1, 0, 0), false), "1 job was discarded");
        assert_eq!(
            in_words(discarded(0, 1, 0), false),
            "0 jobs and 1 unrouted event were discarded"
        );
        let expected = "7 jobs and 2 unrouted events would be discarded; 1 would be left alone, being attempted now";
        assert_eq!(in_words(discarded(7, 2, 1), true), expected);
        let expected = r#"{"jobs":7,"unrouted":2,"leased":1,"dry_run":false}"#;
        assert_eq!(in_json(discarded(7, 2, 1), false), expected);
    }
}
