//! What `events` and `outbox` have in common: how what is stored is found, listed and shown, and done again.
//!
//! Works beside a host and without one.

pub(crate) mod again;
pub(crate) mod list;
pub(crate) mod text;

use std::path::Path;

use hookyard_inbox_sqlite::SqliteInbox;

use crate::cli::Failure;
use crate::config;

/// The inbox that the configuration at `path` names, to be read.
pub(crate) fn to_read(path: &Path) -> Result<SqliteInbox, Failure> {
    let settings = config::read(path).result?;
    Ok(SqliteInbox::open_read_only(&settings.inbox).map_err(anyhow::Error::from)?)
}

/// The same, to be changed.
pub(crate) fn to_change(path: &Path) -> Result<SqliteInbox, Failure> {
    let settings = config::read(path).result?;
    Ok(SqliteInbox::open_beside(&settings.inbox).map_err(anyhow::Error::from)?)
}
