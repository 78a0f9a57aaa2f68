//! What `events` and `outbox` have in common: how what is stored is found, listed and shown, and done again.
//!
//! Works beside a host and without one.

pub(crate) mod filters;
pub(crate) mod id_prefix;
pub(crate) mod ids;
pub(crate) mod list;
pub(crate) mod listing;
pub(crate) mod names;
pub(crate) mod replay;
pub(crate) mod table;
pub(crate) mod text;

use std::path::Path;

use hookyard_store_sqlite::SqliteStore;

use crate::cli::Failure;
use hookyard_config::{self as config, Settings};

/// A configuration and the inbox that it names.
pub(crate) struct Stored {
    pub(crate) settings: Settings,
    pub(crate) inbox: SqliteStore,
}

/// The inbox that the configuration at `path` names, to be read.
pub(crate) fn open_for_reading(path: &Path) -> Result<Stored, Failure> {
    let settings = config::read(path).result?;
    let inbox = SqliteStore::open_read_only(&settings.store.url).map_err(anyhow::Error::from)?;
    Ok(Stored { settings, inbox })
}

/// The same, to be changed.
pub(crate) fn open_for_change(path: &Path) -> Result<Stored, Failure> {
    let settings = config::read(path).result?;
    let inbox = SqliteStore::open_beside(&settings.store.url).map_err(anyhow::Error::from)?;
    Ok(Stored { settings, inbox })
}
