//! `hookyard events replay`: has stored events run again, and gives a plugin events that came before it was there. A host
//! that is running takes them up within moments.

use std::path::Path;

use anyhow::{Context, anyhow};
use hookyard_inbox::{Inbox, Replay, Replayed, Selection};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{Clock, EventId, PluginName};

use crate::cli::{Failure, ReplayOptions};
use crate::output;
use crate::stored::again::{self, Words};
use crate::system::SystemClock;

const WORDS: Words = Words { one: "job", many: "jobs", fate: "run again", asked: "event", busy: "attempted" };

/// Replays what is selected in the inbox that the configuration at `path` names.
pub(crate) async fn replay(path: &Path, ids: Vec<EventId>, options: ReplayOptions) -> Result<(), Failure> {
    let ReplayOptions { filters, again, revision } = options;
    let now = SystemClock.now();
    let selection = Selection { ids, ..filters.selection(now)? };
    WORDS.must_name_some(selection == Selection::default(), again.all)?;
    must_name_plugin(&selection)?;
    let inbox = again::open(path, again.dry_run)?;
    must_be_stored(&inbox, &selection.ids).await?;

    let plugin = selection.plugin.clone();
    let replay = Replay { selection, revision, rate: again.rate, now, dry_run: again.dry_run };
    let replayed = inbox.replay(replay).await.context("not everything could be made to run again")?;
    if let Some(plugin) = plugin.filter(|_| replayed.again == 0 && replayed.untaken > 0) {
        return Err(not_given(&plugin, replayed).into());
    }

    let on = revision.map(|revision| format!(" on revision {}", revision.short())).unwrap_or_default();
    output::line(WORDS.answer(replayed, &again, &on))
}

/// Unrouted events have no job to run again: one is made for a plugin, which has to be named.
fn must_name_plugin(selection: &Selection) -> Result<(), Failure> {
    if selection.reaches_unrouted() && selection.state.is_some() {
        let way_out = "name the plugin that is to be given them: --plugin tenant/name";
        return Err(Failure::Arguments(format!("unrouted events have no job that could run again; {way_out}")));
    }
    Ok(())
}

/// Why no job was made.
fn not_given(plugin: &PluginName, Replayed { untaken, .. }: Replayed) -> anyhow::Error {
    let events = if untaken == 1 { "1 event was".to_owned() } else { format!("{untaken} events were") };
    let way_out = "a plugin is given the events of the sources that it has a handler for and that `sources` in its \
                   settings leave it, once a host has made it active; `hookyard plugins list` says whether it is";
    anyhow!("{events} found, and {plugin} is not given the events of their source; {way_out}")
}

/// Nothing is done where one of the events isn't there.
pub(super) async fn must_be_stored(inbox: &SqliteInbox, ids: &[EventId]) -> anyhow::Result<()> {
    for id in ids {
        let found = inbox.read(*id).await.context("the events can't be read")?;
        anyhow::ensure!(found.is_some(), "no event {id} is stored");
    }
    Ok(())
}
