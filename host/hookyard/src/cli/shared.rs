//! The parts that several commands have in common.
//!
//! `events`, `outbox` and `refused` do the same with three kinds of stored items. [`item::Item`] describes such
//! a kind. Filters, ids, lists and replays work with any kind.

#[cfg(feature = "develop")]
pub(crate) mod author;
pub(crate) mod filters;
pub(crate) mod id_prefix;
pub(crate) mod ids;
pub(crate) mod item;
pub(crate) mod list;
pub(crate) mod names;
pub(crate) mod replay;
pub(crate) mod table;
pub(crate) mod text;
#[cfg(feature = "develop")]
pub(crate) mod imports;
#[cfg(feature = "develop")]
pub(crate) mod provider;
#[cfg(feature = "develop")]
pub(crate) mod report;

use std::path::Path;

use hookyard_config::{self as config, Settings};
use hookyard_store_sqlite::SqliteStore;

use crate::cli::Failure;

/// The context of every error on reading the store.
pub(crate) const UNREADABLE: &str = "the store cannot be read";

/// The configuration and the store that it names.
pub(crate) struct StoreAccess {
    pub(crate) settings: Settings,
    pub(crate) store: SqliteStore,
}

impl StoreAccess {
    /// Opens the store that the configuration at `path` names, for reading.
    pub(crate) fn read_only(path: &Path) -> Result<Self, Failure> {
        let settings = config::read(path).result?;
        let store =
            SqliteStore::open_read_only(&settings.store.url).map_err(anyhow::Error::from)?;
        Ok(Self { settings, store })
    }

    /// Opens the store for changes, next to a host that may be running.
    pub(crate) fn read_write(path: &Path) -> Result<Self, Failure> {
        let settings = config::read(path).result?;
        let store = SqliteStore::open_beside(&settings.store.url).map_err(anyhow::Error::from)?;
        Ok(Self { settings, store })
    }

    /// Opens the store for a change, or for a dry run of the change.
    pub(crate) fn for_change(path: &Path, dry_run: bool) -> Result<Self, Failure> {
        if dry_run {
            Self::read_only(path)
        } else {
            Self::read_write(path)
        }
    }
}
