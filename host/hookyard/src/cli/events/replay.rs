//! `hookyard events replay`: runs stored events again, and gives a plugin events that it has no job
//! for. A running host starts the jobs within moments.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use hookyard_model::{Clock, Revision};
use hookyard_store::{
    EventPage, EventSelection, EventSummary, Events, Releases, Replay, ReplaySummary,
};
use hookyard_store_sqlite::SqliteStore;

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::replay::{ReplayOptions, Words};
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    selected: "event",
    changed: "job",
    verb: "run again",
    leased: "attempted",
};

/// The maximum number of events that are searched for one without a job.
const SEARCHED_MAX: usize = 100;

/// The arguments of `hookyard events replay`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ids of the events, or their first digits
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    options: ReplayOptions,
    /// Run this revision instead of the active one; give as many of its first digits as needed
    #[arg(long, value_parser = revision_prefix)]
    revision: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

fn revision_prefix(text: &str) -> Result<String, String> {
    let is_hexadecimal = text
        .bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_hexadecimal && (1..=64).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("must be a revision, or its first hexadecimal digits".to_owned())
    }
}

/// Replays the events that the ids and the filters select.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        ids,
        options,
        revision,
        filters,
    } = arguments;
    let now = SystemClock.now();
    let filtered = filters.selection(now)?;
    let is_unfiltered = ids.is_empty() && filtered == EventSelection::default();
    WORDS.require_selection(is_unfiltered, options.all)?;
    require_plugin(&filtered)?;

    let access = StoreAccess::for_change(path, options.dry_run)?;
    access.check_event_names(&filtered).await?;
    let store = access.store;
    let selection = EventSelection {
        ids: ids::find_all::<EventSummary>(&store, &ids).await?,
        ..filtered
    };
    let revision = match &revision {
        Some(digits) => Some(find_revision(&store, digits).await?),
        None => None,
    };

    let replay = Replay {
        selection: selection.clone(),
        revision,
        rate: options.rate,
        now,
        dry_run: options.dry_run,
    };
    let summary = store
        .replay(replay)
        .await
        .context("not everything could be replayed")?;
    require_routed(&selection, summary)?;

    let target = revision
        .map(|revision| format!(" on revision {}", revision.short()))
        .unwrap_or_default();
    output::line(WORDS.result(summary, &options, &target))?;
    if !options.json {
        report_event_without_job(&store, selection, summary).await?;
    }
    Ok(())
}

/// Refuses to replay unrouted events unless a plugin is named. They have no job that could run
/// again: one must be created, for a plugin.
fn require_plugin(selection: &EventSelection) -> Result<(), Failure> {
    if !selection.names_unrouted() {
        return Ok(());
    }

    let way_out = if selection.plugin.is_none() {
        "name the plugin that must handle them: --plugin tenant/name"
    } else if selection.states.len() > 1 {
        "select them alone: --state unrouted and no other state"
    } else {
        return Ok(());
    };
    Err(Failure::Arguments(format!(
        "unrouted events have no job that could run again; {way_out}"
    )))
}

/// Returns the revision of any plugin that begins with these digits. A whole revision does not have
/// to be known.
async fn find_revision(store: &SqliteStore, digits: &str) -> anyhow::Result<Revision> {
    if let Ok(revision) = digits.parse() {
        return Ok(revision);
    }

    let records = store.revisions(None).await.context(UNREADABLE)?;
    let found: BTreeSet<_> = records
        .into_iter()
        .map(|record| record.revision)
        .filter(|revision| revision.to_string().starts_with(digits))
        .collect();
    match (found.first(), found.len()) {
        (Some(revision), 1) => Ok(*revision),
        (None, _) => Err(anyhow!(
            "no revision begins with {digits}; `hookyard plugins show` lists the revisions"
        )),
        (_, count) => Err(anyhow!(
            "{count} revisions begin with {digits}; give more digits"
        )),
    }
}

/// Fails if nothing was replayed because the plugin does not handle any of the selected events.
fn require_routed(selection: &EventSelection, summary: ReplaySummary) -> anyhow::Result<()> {
    let Some(plugin) = &selection.plugin else {
        return Ok(());
    };
    if summary.replayed > 0 || summary.not_routed == 0 {
        return Ok(());
    }

    let events = match summary.not_routed {
        1 => "1 event was".to_owned(),
        count => format!("{count} events were"),
    };
    bail!(
        "{events} found, but {plugin} does not handle the events of their source; a plugin handles \
         a source if it exports a handler for the source's provider, if `sources` in its settings \
         does not exclude the source, and if it is active; `hookyard plugins list` shows whether \
         it is"
    )
}

/// If nothing was replayed because an event has no job, says how to give the event to a plugin.
async fn report_event_without_job(
    store: &SqliteStore,
    selection: EventSelection,
    summary: ReplaySummary,
) -> anyhow::Result<()> {
    if summary.replayed > 0 || summary.leased > 0 {
        return Ok(());
    }

    let of_any_plugin = EventSelection {
        plugin: None,
        ..selection
    };
    let page = EventPage::first(of_any_plugin, SEARCHED_MAX);
    let events = store.events(page).await.context(UNREADABLE)?;
    if let Some(event) = events.iter().find(|event| event.jobs.is_empty()) {
        let id = event.id;
        let tenant = &event.source.tenant;
        output::error(format_args!(
            "event {id} has no job because no plugin handles it; give it to a plugin with \
             `hookyard events replay {id} --plugin {tenant}/<name>`"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        let line = Line::try_parse_from(["replay"].iter().chain(arguments))?;
        Ok(line.arguments)
    }

    #[test]
    fn replay_takes_ids_and_filters() {
        let id = "0197308f-0000-7000-8000-000000000001";
        let revision = "ab".repeat(32);
        let options = ["--rate", "2.5", "--dry-run", "--revision", &revision];
        let arguments =
            arguments(&[&[id, "--state", "dead"], &options[..]].concat()).expect("valid arguments");

        assert_eq!(arguments.ids, [id.parse::<IdPrefix>().expect("an id")]);
        assert_eq!(arguments.options.rate, Some(2.5));
        assert!(arguments.options.dry_run && !arguments.options.all);
        assert_eq!(arguments.revision, Some(revision));
    }

    #[test]
    fn invalid_replay_arguments_are_refused() {
        for wrong in [
            &["nonsense"][..],
            &["--rate", "0"],
            &["--rate", "NaN"],
            &["--revision", "abxy"],
        ] {
            assert!(arguments(wrong).is_err(), "{wrong:?}");
        }
    }
}
