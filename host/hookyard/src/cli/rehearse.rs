//! `hookyard rehearse`: a rehearsal by hand, before the drop, beside a running host or without one. It reads the folder
//! and the inbox, and changes neither.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use hookyard_model::{PluginName, PluginRef, Revision, Step, TenantName};
use hookyard_store::{EmptyStore, Releases};
use hookyard_store_sqlite::{OpenError, SqliteStore};

use crate::cli::Failure;
use crate::engine;
use crate::output;
use hookyard_config::document;
use hookyard_config::files;
use hookyard_config::rehearsal::EVENTS_MAX;
use hookyard_config::{self as config, Settings};
use hookyard_release::rehearsal::{Material, Rehearsal};
use hookyard_release::{Component, Desired, prepare};

/// The arguments of `hookyard rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component
    file: PathBuf,
    /// The tenant of the plugin
    #[arg(long, value_name = "NAME")]
    tenant: TenantName,
    /// The name of the plugin, if it differs from the name of the file
    #[arg(long, value_name = "NAME")]
    plugin: Option<PluginName>,
    /// The number of recent events to use, instead of the configured number
    #[arg(long, value_name = "COUNT", value_parser = last)]
    last: Option<usize>,
    /// The time after which no further event is tried, such as 30s or 5m; the default is 10m
    #[arg(long, value_name = "TIME", value_parser = time)]
    time_max: Option<Duration>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn last(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= EVENTS_MAX);
    count.ok_or_else(|| format!("must be a whole number, no more than {EVENTS_MAX}"))
}

fn time(text: &str) -> Result<Duration, String> {
    document::duration(text).ok_or_else(|| "must be a time, such as 30s or 5m".to_owned())
}

/// By hand there's time; it's asked for how much.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Rehearses a component and prints what was found. Findings make it fail.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let plugin = named(&arguments)?;
    let file = &arguments.file;
    let code = read(file, settings.plugins.file_max)?;
    let (material, serving) = open(&settings, &plugin).await?;
    let engine = engine::command_engine(&settings).context("no plugin can be run")?;
    let component = Component {
        code: &code,
        fixtures: &file.with_extension("fixtures"),
    };
    let prepared = prepare(
        &Desired::from(&settings),
        &engine,
        &plugin,
        component,
        serving,
    );
    let prepared =
        prepared.map_err(|reason| anyhow!("{} would be refused: {reason}", file.display()))?;
    let events = arguments.last.unwrap_or(prepared.events);
    let rehearsal = Rehearsal {
        events,
        time_max: arguments.time_max.unwrap_or(TIME_MAX),
        ..prepared
    };
    let report = rehearsal.run(&material).await;
    match arguments.json {
        true => output::line(report.json())?,
        false if report.is_empty() => output::line(format_args!(
            "{plugin}: nothing to rehearse with: no fixtures, and no stored events"
        ))?,
        false => {
            let head = format!(
                "{plugin} {}: {}",
                report.candidate.short(),
                report.summary()
            );
            output::text(format_args!("{head}\n\n{}", report.text()))?;
        }
    }
    if report.has_findings() {
        Err(Failure::Reported)
    } else {
        Ok(())
    }
}

/// The component, where it's no larger than the folder's may be.
fn read(file: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    match files::read(file.parent().unwrap_or(file), file, bytes_max) {
        Ok(content) => Ok(content.bytes),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            bail!(
                "{} would be refused: {error} (plugins.file_max)",
                file.display()
            )
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be read", file.display())),
    }
}

/// The plugin that it would be: by the file's name, unless another is given.
fn named(arguments: &Arguments) -> Result<PluginRef, Failure> {
    let Arguments {
        file,
        tenant,
        plugin,
        ..
    } = arguments;
    let plugin = match plugin {
        Some(plugin) => plugin.clone(),
        None => {
            let stem = file
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            PluginName::new(&stem)
                .map_err(|error| Failure::Arguments(format!("{error}; name it by --plugin")))?
        }
    };
    Ok(PluginRef {
        tenant: tenant.clone(),
        name: plugin,
    })
}

/// What there is to rehearse with, and what serves by the record. Without an inbox there's none of it.
async fn open(
    settings: &Settings,
    plugin: &PluginRef,
) -> anyhow::Result<(Material, Option<Revision>)> {
    let inbox = match SqliteStore::open_read_only(&settings.store.url) {
        Err(OpenError::Missing { .. }) => {
            let inbox = Arc::new(EmptyStore);
            return Ok((
                Material {
                    values: inbox.clone(),
                    recent: inbox,
                },
                None,
            ));
        }
        opened => Arc::new(opened?),
    };
    let revisions = inbox
        .revisions(Some(plugin))
        .await
        .context("the inbox can't be read")?;
    let serving = revisions
        .iter()
        .find(|known| known.step == Step::Active)
        .map(|known| known.revision);
    Ok((
        Material {
            values: inbox.clone(),
            recent: inbox,
        },
        serving,
    ))
}
