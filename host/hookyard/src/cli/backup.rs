//! `hookyard backup`: copies the store to a file, also while a host serves from it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use hookyard_store_sqlite::SqliteStore;

use super::Failure;
use crate::output;

/// The arguments of `hookyard backup`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to create; an existing file is never overwritten
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Copies the store that the configuration at `path` names.
pub(crate) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let settings = hookyard_config::read(path).result?;
    let store = SqliteStore::open_read_only(&settings.store.url).map_err(anyhow::Error::from)?;
    let bytes = store
        .backup(&arguments.file)
        .context("the backup was not made")?;

    let file = arguments.file.display();
    if arguments.json {
        output::line(serde_json::json!({ "file": file.to_string(), "bytes": bytes }))
    } else {
        output::line(format_args!("copied the store to {file}: {bytes} bytes"))
    }
}
