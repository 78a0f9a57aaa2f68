//! What `check` reads from the store: the active plugins, and the events that no plugin handles.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use hookyard_model::{PluginRef, SourceRef, chain};
use hookyard_store::{Events, Jobs, Releases, Tally};
use hookyard_store_sqlite::SqliteStore;

use super::report::Report;
use crate::cli::Failure;
use crate::cli::shared::UNREADABLE;
use crate::way_out;

/// Reports a note for each source with unrouted events and for each plugin with held events.
///
/// A store that does not exist is not created.
pub(super) async fn report(path: &Path, report: &Report) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }

    match count(path).await {
        Ok((unrouted, held)) => {
            for tally in &unrouted {
                report.note(unrouted_as_text(tally))?;
            }
            for tally in &held {
                report.note(held_as_text(tally))?;
            }
            Ok(())
        }
        Err(error) => {
            let error = chain(error.as_ref());
            report.note(format_args!("cannot count waiting events: {error}"))
        }
    }
}

/// Returns the plugins that are active according to the store, or none if it cannot be read.
pub(super) async fn active_plugins(path: &Path) -> BTreeSet<PluginRef> {
    let Ok(store) = SqliteStore::open_read_only(path) else {
        return BTreeSet::new();
    };
    hookyard_release::serving(&store.revisions(None).await.unwrap_or_default())
}

async fn count(path: &Path) -> anyhow::Result<(Vec<Tally<SourceRef>>, Vec<Tally<PluginRef>>)> {
    let store = SqliteStore::open_read_only(path)?;
    let unrouted = store.unrouted().await.context(UNREADABLE)?;
    let held = store.held().await.context(UNREADABLE)?;
    Ok((unrouted, held))
}

fn unrouted_as_text(tally: &Tally<SourceRef>) -> String {
    let Tally { of, count, oldest } = tally;
    let events = events(*count, "waits", "wait");
    let way_out = way_out::unrouted(of);
    format!("source /{of}: {events} for a plugin, the oldest since {oldest}; {way_out}")
}

fn held_as_text(tally: &Tally<PluginRef>) -> String {
    let Tally { of, count, oldest } = tally;
    let events = events(*count, "is held", "are held");
    let discard = way_out::discard_held(of);
    format!("plugin {of}: {events}, the oldest since {oldest}; discard them with {discard}")
}

fn events(count: u64, verb_of_one: &str, verb_of_many: &str) -> String {
    if count == 1 {
        format!("1 event {verb_of_one}")
    } else {
        format!("{count} events {verb_of_many}")
    }
}
