//! `hookyard rehearse`: a rehearsal by hand, before the drop, beside a running host or without one. It reads the folder
//! and the inbox, and changes neither.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use hookyard_model::{PluginName, PluginRef, Revision, Step};
use hookyard_store::{EmptyStore, Releases};
use hookyard_store_sqlite::{OpenError, SqliteInbox};

use crate::cli::{Failure, Rehearse};
use crate::output;
use crate::serve;
use hookyard_config::files;
use hookyard_config::{self as config, Settings};
use hookyard_release::rehearsal::{Material, Rehearsal};
use hookyard_release::{Component, Desired, prepare};

/// By hand there's time; it's asked for how much.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Rehearses a component and prints what was found. Findings make it fail.
pub(crate) async fn rehearse(path: &Path, arguments: Rehearse) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let plugin = named(&arguments)?;
    let file = &arguments.file;
    let code = read(file, settings.plugins.file_max)?;
    let (material, serving) = open(&settings, &plugin).await?;
    let engine = serve::passing_engine(&settings).context("no plugin can be run")?;
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
        Err(Failure::Told)
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
fn named(arguments: &Rehearse) -> Result<PluginRef, Failure> {
    let Rehearse {
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
    let inbox = match SqliteInbox::open_read_only(&settings.store.url) {
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
