//! `hookyard events discard`: ends events that nobody wants handled any more. A host that is running notices within moments.

use std::path::Path;

use anyhow::Context;
use hookyard_model::Clock;
use hookyard_store::{Discard, Discarded, Inbox, Selection};

use crate::cli::prefix::IdPrefix;
use crate::cli::{DiscardOptions, Failure};
use crate::output;
use crate::stored::again::{self, Words};
use crate::stored::ids;
use crate::system::SystemClock;

const WORDS: Words = Words {
    one: "job",
    many: "jobs",
    fate: "be discarded",
    asked: "event",
    busy: "attempted",
};

/// Discards what is selected in the inbox that the configuration at `path` names.
pub(super) async fn discard(
    path: &Path,
    ids: Vec<IdPrefix>,
    options: DiscardOptions,
) -> Result<(), Failure> {
    let DiscardOptions {
        all,
        dry_run,
        reason,
        json,
        filters,
    } = options;
    let now = SystemClock.now();
    let filtered = filters.selection(now)?;
    WORDS.must_name_some(ids.is_empty() && filtered == Selection::default(), all)?;
    must_name_what_is_open(&filtered)?;
    let stored = again::open(path, dry_run)?;
    stored.must_know_names_of(&filtered).await?;
    let selection = Selection {
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
fn must_name_what_is_open(selection: &Selection) -> Result<(), Failure> {
    let Selection { states, .. } = selection;
    let is_closed = |state: &String| ["done", "leased", "discarded"].contains(&state.as_str());
    if states.is_empty() || !states.iter().all(is_closed) {
        return Ok(());
    }
    let why = "what is done, being attempted or discarded can't be discarded; name pending, waiting, held, dead or unrouted";
    Err(Failure::Arguments(why.to_owned()))
}

fn in_json(
    Discarded {
        jobs,
        events,
        leased,
    }: Discarded,
    dry_run: bool,
) -> String {
    format!("{{\"jobs\":{jobs},\"unrouted\":{events},\"leased\":{leased},\"dry_run\":{dry_run}}}")
}

fn in_words(
    Discarded {
        jobs,
        events,
        leased,
    }: Discarded,
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
        let discarded = |jobs, events, leased| Discarded {
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
