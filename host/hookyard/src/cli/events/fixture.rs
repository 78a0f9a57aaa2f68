//! `hookyard events fixture`: makes a fixture of a stored event.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use hookyard_develop::fixture::{self, Expected, Made};
use hookyard_model::{Attempt, PluginName, PluginRef};
use hookyard_release::rehearsal::{Material, Original};
use hookyard_release::{Desired, prepare_revision};
use hookyard_schemes::JsonPointer;
use hookyard_store::{EventRecord, EventSummary, Events, JobRecord};

use crate::cli::Failure;
use crate::cli::shared::id_prefix::IdPrefix;
use crate::cli::shared::{StoreAccess, UNREADABLE, ids};
use crate::engine;
use crate::output;

/// The arguments of `hookyard events fixture`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of the event, or its first digits
    id: IdPrefix,
    /// The plugin, if several plugins handled the event
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    /// Replace the value at this JSON pointer in the event's body, as in /user/email
    #[arg(long, value_name = "POINTER")]
    redact: Vec<JsonPointer>,
    /// Expect what happened, also if the attempt failed; by default, a failed attempt is expected to
    /// be done
    #[arg(long)]
    as_happened: bool,
    /// Write the fixture to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes a fixture of the last attempt of an event.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let StoreAccess { settings, store } = StoreAccess::read_only(path)?;
    let store = Arc::new(store);
    let id = ids::find::<EventSummary>(&store, &arguments.id).await?;
    let record = store.read(id).await.context(UNREADABLE)?;
    let record = record.ok_or_else(|| anyhow!("no event {id} is stored"))?;
    let job = job(&record, arguments.plugin.as_ref())?;
    let attempt = last_attempt(job)?;
    let plugin = PluginRef {
        tenant: record.event.source.tenant.clone(),
        name: job.plugin.clone(),
    };

    let engine = engine::command_engine(&settings).context("cannot run plugins")?;
    let desired = Desired::from(&settings);
    let rehearsal = prepare_revision(&desired, &engine, &plugin, attempt.revision)
        .map_err(|reason| anyhow!("the plugin {plugin} cannot be run again: {reason}"))?;
    let material = Material {
        values: store.clone(),
        recent: store,
    };
    let original = Original {
        event: id,
        attempt: attempt.number,
        started_at: attempt.started_at,
    };
    let captured = rehearsal.capture(&material, original).await;
    let captured = captured.map_err(|reason| anyhow!(reason))?;
    let captured = captured.ok_or_else(|| anyhow!("no event {id} is stored"))?;

    let expected = if arguments.as_happened {
        Expected::Happened
    } else {
        Expected::Done
    };
    let made = fixture::make(&fixture::Original {
        captured: &captured,
        attempt,
        config: rehearsal.candidate.config(),
        redact: &arguments.redact,
        expected,
    });
    let made = made.map_err(Failure::Arguments)?;
    if rehearsal.candidate.revision() != attempt.revision {
        output::error(format_args!(
            "note: the revision {} of the attempt is no longer kept, so {} ran",
            attempt.revision.short(),
            rehearsal.candidate.revision().short()
        ));
    }
    write(&made, arguments.out.as_deref())
}

/// Returns the job of the plugin, or the only job.
fn job<'r>(record: &'r EventRecord, plugin: Option<&PluginName>) -> anyhow::Result<&'r JobRecord> {
    let names: Vec<_> = record.jobs.iter().map(|job| job.plugin.as_str()).collect();
    let names = names.join(", ");

    match (plugin, &record.jobs[..]) {
        (_, []) => bail!("no plugin handled the event"),
        (None, [only]) => Ok(only),
        (None, _) => bail!("several plugins handled the event; name one with --plugin: {names}"),
        (Some(plugin), jobs) => {
            let job = jobs.iter().find(|job| job.plugin == *plugin);
            job.ok_or_else(|| {
                anyhow!("the plugin {plugin} did not handle the event; these did: {names}")
            })
        }
    }
}

fn last_attempt(job: &JobRecord) -> anyhow::Result<&Attempt> {
    let last = job.attempts.last().map(|(_, attempt)| attempt);
    last.ok_or_else(|| anyhow!("the plugin {} has not attempted the event yet", job.plugin))
}

fn write(made: &Made, out: Option<&Path>) -> Result<(), Failure> {
    for note in &made.notes {
        output::error(format_args!("note: {note}"));
    }
    match out {
        None => output::text(&made.text),
        Some(file) => {
            std::fs::write(file, &made.text)
                .with_context(|| format!("cannot write {}", file.display()))?;
            Ok(())
        }
    }
}
