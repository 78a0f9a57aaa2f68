//! `hookyard provider import`: the folder of a provider from the sender's own description.

mod affected;
mod printed;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use hookyard_import::diff::{self, Change, Class};
use hookyard_import::{
    BYTES_MAX, Document, Error, FieldRule, Folder, Imported, Options, Planned, Request, Required,
    Source, read_bodies,
};

use crate::cli::Failure;
use affected::Affected;

/// The arguments of `hookyard provider import`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The document, as JSON or YAML, or a folder with bodies
    #[arg(value_name = "DOCUMENT|FOLDER")]
    source: PathBuf,
    /// The provider's folder, which may not exist yet
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    /// The name of the provider [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
    /// The events to import: names and patterns with `*` [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    events: Vec<String>,
    /// A folder with bodies of the events, which correct the types
    #[arg(long, value_name = "FOLDER")]
    samples: Option<PathBuf>,
    /// Whose word counts for fields that are always there: the document's (trust), the document's
    /// corrected by bodies (samples), or nobody's (none) [default: samples]
    #[arg(long, value_name = "WORD", value_parser = required)]
    required: Option<Required>,
    /// Fields to leave out or to keep, such as `issues=-/issue/reactions`
    #[arg(long, value_name = "[EVENT=]POINTERS")]
    fields: Vec<String>,
    /// The schemas that are events, in a document without webhooks, such as `*Webhook`
    #[arg(long, value_name = "PATTERN")]
    schemas: Option<String>,
    /// Import the callbacks of operations too
    #[arg(long)]
    callbacks: bool,
    /// The JSON pointer to the type in bodies: the bodies of one type are one event
    #[arg(long, value_name = "POINTER")]
    group_by: Option<String>,
    /// The maximum size of the document, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = BYTES_MAX)]
    max_bytes: usize,
    /// Remove what the new description does not have anymore
    #[arg(long)]
    prune: bool,
    /// Require what the new description requires, even if stored events lack it
    #[arg(long)]
    tighten: bool,
    /// A folder with plugins: print which change concerns which plugin
    #[arg(long, value_name = "FOLDER")]
    plugins: Option<PathBuf>,
    /// Write the folder
    #[arg(long)]
    write: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// What an import makes of a folder.
struct Outcome {
    /// The provider's folder, as the operator wrote it.
    folder: PathBuf,
    imported: Imported,
    planned: Vec<Planned>,
    /// The lines that `[events]` of the present `provider.toml` lacks.
    missing_events: Vec<String>,
    /// Whether there was an import before.
    is_further: bool,
    is_written: bool,
    /// The plugins that were looked at.
    affected: Option<Vec<Affected>>,
}

/// Imports a description, and prints what the import makes of it.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let outcome = import(arguments)?;
    if arguments.json {
        printed::lines_of_json(&outcome)?;
    } else {
        printed::text(&outcome)?;
    }
    if outcome.is_breaking() {
        return Err(Failure::Breaking);
    }
    Ok(())
}

impl Outcome {
    fn is_breaking(&self) -> bool {
        match &self.affected {
            Some(plugins) => plugins
                .iter()
                .any(|plugin| diff::is_breaking(&plugin.changes)),
            None => diff::is_breaking(&self.imported.changes),
        }
    }
}

fn import(arguments: &Arguments) -> Result<Outcome, Failure> {
    let folder = Folder::open(&arguments.into).map_err(failure)?;
    let options = options(arguments, folder.options.clone().unwrap_or_default())?;
    let request = Request {
        name: name(arguments, &options)?,
        source: source(arguments)?,
        options,
        bodies: match &arguments.samples {
            Some(samples) => read_bodies(samples).map_err(failure)?,
            None => Vec::new(),
        },
        kept: folder.samples.clone(),
        previous: folder.lock.clone(),
        keep: diff::Options {
            prune: arguments.prune,
            tighten: arguments.tighten,
        },
    };
    let imported = hookyard_import::import(&request).map_err(failure)?;

    let planned = folder.plan(&imported, &request.options).map_err(failure)?;
    let missing_events = folder.missing_events(&imported).map_err(failure)?;
    let affected = match &arguments.plugins {
        Some(plugins) => Some(affected::find(plugins, &imported)?),
        None => None,
    };
    if arguments.write {
        folder.write(&planned).map_err(failure)?;
    }
    Ok(Outcome {
        folder: arguments.into.clone(),
        imported,
        planned,
        missing_events,
        is_further: folder.lock.is_some(),
        is_written: arguments.write,
        affected,
    })
}

/// Returns the options of the folder, with those of the command line in their place.
fn options(arguments: &Arguments, mut options: Options) -> Result<Options, Failure> {
    if let Some(name) = &arguments.name {
        options.name.clone_from(name);
    }
    if !arguments.events.is_empty() {
        options.events.clone_from(&arguments.events);
    }
    if !arguments.fields.is_empty() {
        let rules = arguments.fields.iter().map(|it| FieldRule::parse(it));
        let rules = rules.collect::<Result<Vec<_>, _>>().map_err(failure)?;
        options.fields = rules.concat();
    }
    if let Some(required) = arguments.required {
        options.required = required;
    }
    if arguments.schemas.is_some() {
        options.selection.schemas.clone_from(&arguments.schemas);
    }
    options.selection.callbacks |= arguments.callbacks;
    if arguments.group_by.is_some() {
        options.group_by.clone_from(&arguments.group_by);
    }
    Ok(options)
}

/// Returns the name of the provider: of the options, or of the folder.
fn name(arguments: &Arguments, options: &Options) -> Result<String, Failure> {
    if !options.name.is_empty() {
        return Ok(options.name.clone());
    }
    let name = arguments.into.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        let folder = arguments.into.display();
        Failure::Arguments(format!("{folder} has no name for a provider; use --name"))
    })
}

fn source(arguments: &Arguments) -> Result<Source, Failure> {
    let path = &arguments.source;
    if path.is_dir() {
        return read_bodies(path).map(Source::Bodies).map_err(failure);
    }
    let shown = path.display().to_string();
    let bytes = read(path, arguments.max_bytes)?;
    let document = Document::read(&shown, &bytes, arguments.max_bytes).map_err(failure)?;
    Ok(Source::Document(Box::new(document)))
}

/// Reads a file as far as one byte beyond the limit, so that a file that is too large is refused
/// and not held in memory.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read;

    let unreadable = || format!("cannot read {}", path.display());
    let file = fs::File::open(path).with_context(unreadable)?;
    let size = file.metadata().with_context(unreadable)?.len();
    let mut bytes = Vec::new();
    let beyond = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(beyond.min(size.saturating_add(1)))
        .read_to_end(&mut bytes)
        .with_context(unreadable)?;
    Ok(bytes)
}

fn required(name: &str) -> Result<Required, String> {
    let found = Required::ALL.into_iter().find(|(known, _)| *known == name);
    let names = Required::ALL.map(|(known, _)| known).join(", ");
    found
        .map(|(_, required)| required)
        .ok_or_else(|| format!("the words are {names}"))
}

fn failure(error: Error) -> Failure {
    Failure::Runtime(error.into())
}

/// The changes of a class.
fn count(changes: &[Change], class: Class) -> usize {
    let is_of_class = |change: &&Change| change.what.class() == class;
    changes.iter().filter(is_of_class).count()
}
