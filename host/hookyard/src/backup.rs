//! `hookyard backup`: a whole copy of the inbox, while a host serves from it.

use std::path::Path;

use anyhow::Context;
use hookyard_store_sqlite::SqliteInbox;

use crate::cli::Failure;
use crate::output;
use hookyard_config as config;

/// Copies the inbox that the configuration at `path` names to `file`, which must not exist.
pub(crate) fn backup(path: &Path, file: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let inbox = SqliteInbox::open_read_only(&settings.store.url).map_err(anyhow::Error::from)?;
    let bytes = inbox.backup(file).context("there is no backup")?;
    match json {
        true => {
            output::line(serde_json::json!({ "file": file.display().to_string(), "bytes": bytes }))
        }
        false => output::line(format_args!(
            "{} holds the inbox as it was: {bytes} bytes",
            file.display()
        )),
    }
}
