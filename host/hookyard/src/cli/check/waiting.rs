//! What `check` learns from a store that is there: events that wait for a plugin, events that are held, and what serves.
//! Nothing is created.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use hookyard_model::{PluginRef, SourceRef};
use hookyard_store::{Events, Jobs, Releases, Tally};
use hookyard_store_sqlite::SqliteStore;

use super::report::Report;
use crate::cli::Failure;
use crate::serve::unserved::way_out_of_unrouted;
use hookyard_model::chain;

/// Reports a note for each source, and each plugin, whose events wait.
pub(super) async fn tell(path: &Path, report: &Report) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }

    match count(path).await {
        Ok((unrouted, held)) => {
            for tally in &unrouted {
                report.note(format_args!("source /{}", told_unrouted(tally)))?;
            }
            for tally in &held {
                report.note(format_args!("plugin {}", told_held(tally)))?;
            }
            Ok(())
        }
        Err(error) => report.note(format_args!(
            "waiting events can't be counted: {}",
            chain(error.as_ref())
        )),
    }
}

/// The plugins that serve by the record; none where that can't be read.
pub(super) async fn serving(path: &Path) -> BTreeSet<PluginRef> {
    let Ok(inbox) = SqliteStore::open_read_only(path) else {
        return BTreeSet::new();
    };
    hookyard_release::serving(&inbox.revisions(None).await.unwrap_or_default())
}

async fn count(path: &Path) -> anyhow::Result<(Vec<Tally<SourceRef>>, Vec<Tally<PluginRef>>)> {
    let inbox = SqliteStore::open_read_only(path)?;
    let unrouted = inbox.unrouted().await.context("the inbox can't be read")?;
    Ok((
        unrouted,
        inbox.held().await.context("the inbox can't be read")?,
    ))
}

fn told_unrouted(
    Tally {
        of: source,
        count,
        oldest,
    }: &Tally<SourceRef>,
) -> String {
    let way_out = way_out_of_unrouted(source);
    format!(
        "{source}: {} for a plugin, the oldest since {oldest}; {way_out}",
        events(*count, "waits", "wait")
    )
}

fn told_held(
    Tally {
        of: plugin,
        count,
        oldest,
    }: &Tally<PluginRef>,
) -> String {
    let held = events(*count, "is held", "are held");
    format!(
        "{plugin}: {held} for it, the oldest since {oldest}; end them by `hookyard events discard --plugin {plugin} --state held`"
    )
}

fn events(count: u64, one: &str, many: &str) -> String {
    if count == 1 {
        format!("1 event {one}")
    } else {
        format!("{count} events {many}")
    }
}
