//! `hookyard events replay`: has stored events run again, and gives a plugin events that came before it was there. A host
//! that is running takes them up within moments.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use hookyard_model::{Clock, PluginName, Revision};
use hookyard_store::{EventPage, EventSelection, Events, Releases, Replay, ReplaySummary};
use hookyard_store_sqlite::SqliteStore;

use super::filters::Filters;
use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::ids;
use crate::cli::shared::replay::{self, ReplayOptions, Words};
use crate::clock::SystemClock;
use crate::output;

const WORDS: Words = Words {
    one: "job",
    many: "jobs",
    fate: "run again",
    asked: "event",
    busy: "attempted",
};

/// Events that are looked at for one without a job.
const LOOKED_AT_MAX: usize = 100;

/// The arguments of `hookyard events replay`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The ids of the events, or their first digits
    ids: Vec<IdPrefix>,
    #[command(flatten)]
    options: ReplayOptions,
    /// Run on this revision instead of the active one; give as many of its first digits as needed
    #[arg(long, value_parser = revision)]
    revision: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

fn revision(text: &str) -> Result<String, String> {
    let is_prefix = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if is_prefix {
        Ok(text.to_owned())
    } else {
        Err("must be a revision, or its first hexadecimal digits".to_owned())
    }
}

/// Replays the events that the ids and the filters select.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments {
        ids,
        options: again,
        revision,
        filters,
    } = arguments;
    let now = SystemClock.now();
    let filtered = filters.selection(now)?;
    WORDS.must_name_some(
        ids.is_empty() && filtered == EventSelection::default(),
        again.all,
    )?;
    must_name_plugin(&filtered)?;
    let stored = replay::open(path, again.dry_run)?;
    stored.must_know_names_of(&filtered).await?;
    let selection = EventSelection {
        ids: ids::events(&stored.inbox, &ids).await?,
        ..filtered
    };
    let revision = match &revision {
        Some(digits) => Some(named_revision(&stored.inbox, digits).await?),
        None => None,
    };

    let (plugin, found) = (
        selection.plugin.clone(),
        EventSelection {
            plugin: None,
            ..selection.clone()
        },
    );
    let replay = Replay {
        selection,
        revision,
        rate: again.rate,
        now,
        dry_run: again.dry_run,
    };
    let replayed = stored
        .inbox
        .replay(replay)
        .await
        .context("not everything could be made to run again")?;
    if let Some(plugin) = plugin.filter(|_| replayed.replayed == 0 && replayed.not_routed > 0) {
        return Err(not_given(&plugin, replayed).into());
    }

    let on = revision
        .map(|revision| format!(" on revision {}", revision.short()))
        .unwrap_or_default();
    output::line(WORDS.answer(replayed, &again, &on))?;
    if replayed.replayed == 0 && replayed.leased == 0 && !again.json {
        tell_without_job(&stored.inbox, found).await?;
    }
    Ok(())
}

/// Says of an event that was found and has no job how it can be run.
async fn tell_without_job(inbox: &SqliteStore, selection: EventSelection) -> anyhow::Result<()> {
    let found = inbox
        .events(EventPage::first(selection, LOOKED_AT_MAX))
        .await
        .context("the events can't be read")?;
    if let Some(event) = found.iter().find(|event| event.jobs.is_empty()) {
        let id = event.id;
        output::error(format_args!(
            "{id} was found and has no job, since no plugin has taken it; give it to a plugin by `hookyard events replay \
             {id} --plugin {}/<name>`",
            event.source.tenant
        ));
    }
    Ok(())
}

/// Unrouted events have no job to run again: one is made for a plugin, which has to be named.
fn must_name_plugin(selection: &EventSelection) -> Result<(), Failure> {
    let way_out = match selection.names_unrouted() {
        true if selection.plugin.is_none() => {
            "name the plugin that is to be given them: --plugin tenant/name"
        }
        true if selection.states.len() > 1 => {
            "ask for them alone: --state unrouted and no other state"
        }
        _ => return Ok(()),
    };
    Err(Failure::Arguments(format!(
        "unrouted events have no job that could run again; {way_out}"
    )))
}

/// The revision of any plugin whose digits begin like this. All 64 digits need not be known yet.
async fn named_revision(inbox: &SqliteStore, digits: &str) -> anyhow::Result<Revision> {
    if let Ok(revision) = digits.parse() {
        return Ok(revision);
    }
    let known = inbox
        .revisions(None)
        .await
        .context("the inbox can't be read")?
        .into_iter()
        .map(|known| known.revision);
    let found: BTreeSet<_> = known
        .filter(|revision| revision.to_string().starts_with(digits))
        .collect();
    match (found.first(), found.len()) {
        (Some(revision), 1) => Ok(*revision),
        (None, _) => Err(anyhow!(
            "no revision begins with {digits}; `hookyard plugins show` tells which there are"
        )),
        (_, count) => Err(anyhow!(
            "{count} revisions begin with {digits}; give more digits"
        )),
    }
}

/// Why no job was made.
fn not_given(
    plugin: &PluginName,
    ReplaySummary {
        not_routed: untaken,
        ..
    }: ReplaySummary,
) -> anyhow::Error {
    let events = if untaken == 1 {
        "1 event was".to_owned()
    } else {
        format!("{untaken} events were")
    };
    let way_out = "a plugin is given the events of the sources that it has a handler for and that `sources` in its \
                   settings leave it, once a host has made it active; `hookyard plugins list` says whether it is";
    anyhow!("{events} found, and {plugin} is not given the events of their source; {way_out}")
}
