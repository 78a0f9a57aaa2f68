//! `hookyard rehearse`: rehearses a component before it is dropped into the plugin folder.
//!
//! The command reads the folder and the store, and changes neither. The command works with and
//! without a running host.

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
use crate::cli::shared::UNREADABLE;
use crate::engine;
use crate::output;
use hookyard_config::document;
use hookyard_config::files;
use hookyard_config::tables::rehearsal::EVENTS_MAX;
use hookyard_config::{self as config, Settings};
use hookyard_release::rehearsal::{Material, Rehearsal, Report};
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
    #[arg(long, value_name = "COUNT", value_parser = event_count)]
    last: Option<usize>,
    /// The time after which no further attempt begins, such as 30s or 5m; the default is 10m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time_max: Option<Duration>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn event_count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| *count <= EVENTS_MAX)
        .ok_or_else(|| format!("must be a whole number, no more than {EVENTS_MAX}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    document::duration(text).ok_or_else(|| "must be a time, such as 30s or 5m".to_owned())
}

/// The default of `--time-max`. An operator who waits can afford more time than a host.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Rehearses the component and prints the report. Differences from the active revision are a
/// failure.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let plugin = plugin_of(&arguments)?;
    let file = &arguments.file;
    let code = read_component(file, settings.plugins.file_max)?;
    let (material, active) = open_store(&settings, &plugin).await?;

    let engine = engine::command_engine(&settings).context("cannot run plugins")?;
    let component = Component {
        code: &code,
        fixtures: &file.with_extension("fixtures"),
    };
    let prepared = prepare(
        &Desired::from(&settings),
        &engine,
        &plugin,
        component,
        active,
    )
    .map_err(|reason| anyhow!("{} would be refused: {reason}", file.display()))?;

    let rehearsal = Rehearsal {
        events: arguments.last.unwrap_or(prepared.events),
        time_max: arguments.time_max.unwrap_or(TIME_MAX),
        ..prepared
    };
    let report = rehearsal.run(&material).await;

    print(&plugin, &report, arguments.json)?;
    if report.has_findings() {
        return Err(Failure::Reported);
    }
    Ok(())
}

/// Prints a report as JSON or as text.
fn print(plugin: &PluginRef, report: &Report, is_json: bool) -> Result<(), Failure> {
    if is_json {
        output::line(report.json())
    } else if report.is_empty() {
        output::line(format_args!(
            "{plugin}: nothing to rehearse with: no fixtures, and no stored events"
        ))
    } else {
        let candidate = report.candidate.short();
        let (summary, text) = (report.summary(), report.text());
        output::text(format_args!("{plugin} {candidate}: {summary}\n\n{text}"))
    }
}

/// Reads the component. It may be as large as a file in the plugin folder.
fn read_component(file: &Path, size_max: u64) -> anyhow::Result<Vec<u8>> {
    match files::read(file.parent().unwrap_or(file), file, size_max) {
        Ok(content) => Ok(content.bytes),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => bail!(
            "{} would be refused: {error} (plugins.file_max)",
            file.display()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Returns the plugin that the component would be. By default, the file has its name.
fn plugin_of(arguments: &Arguments) -> Result<PluginRef, Failure> {
    let Arguments {
        file,
        tenant,
        plugin,
        ..
    } = arguments;
    let name = match plugin {
        Some(name) => name.clone(),
        None => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            PluginName::new(&stem).map_err(|error| {
                Failure::Arguments(format!("{error}; give the name of the plugin as --plugin"))
            })?
        }
    };

    Ok(PluginRef {
        tenant: tenant.clone(),
        name,
    })
}

/// Opens the store to rehearse with. Returns its values and events, and the active revision of the
/// plugin.
///
/// A store that does not exist yet is not created: it has no values, no events and no revisions.
async fn open_store(
    settings: &Settings,
    plugin: &PluginRef,
) -> anyhow::Result<(Material, Option<Revision>)> {
    let store = match SqliteStore::open_read_only(&settings.store.url) {
        Ok(store) => Arc::new(store),
        Err(OpenError::Missing { .. }) => {
            let material = Material {
                values: Arc::new(EmptyStore),
                recent: Arc::new(EmptyStore),
            };
            return Ok((material, None));
        }
        Err(error) => return Err(error.into()),
    };

    let records = store.revisions(Some(plugin)).await.context(UNREADABLE)?;
    let active = records.iter().find(|record| record.step == Step::Active);
    let material = Material {
        values: store.clone(),
        recent: store.clone(),
    };
    Ok((material, active.map(|record| record.revision)))
}
