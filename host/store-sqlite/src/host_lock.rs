//! The right to be the only host of an inbox, whatever name its file is opened by.
//!
//! Two locks make that right. The lock on `<file>.lock` can be asked about by other processes (`has_host`). The lock on
//! the database file itself belongs to the file rather than to a name, so a symlink, a moved folder or a removed
//! `.lock` lets no second host in. Both are `flock` locks: they end with the process, and Linux keeps them apart from
//! the `fcntl` locks of SQLite.
//!
//! Closing any descriptor of a file drops all `fcntl` locks that the process holds on that file (POSIX). The lock must
//! therefore be taken before SQLite opens the database, and dropped after SQLite has closed it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// The locks; they end when this is dropped, or with the process.
pub(crate) struct HostLock {
    database: File,
    _beside: File,
}

impl HostLock {
    /// Takes both locks on the database at `path`, and creates the file where there is none.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = lock_path(path);
        let in_use = || OpenError::InUse {
            path: path.to_owned(),
        };

        let fault = |source| OpenError::Lock {
            path: lock_path.clone(),
            source,
        };
        let beside = hookyard_private::open(&lock_path).map_err(fault)?;
        lock(&beside)
            .map_err(fault)?
            .then_some(())
            .ok_or_else(in_use)?;

        let fault = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };
        let database = hookyard_private::open(path).map_err(fault)?;
        refuse_links(path, &database.metadata().map_err(fault)?)?;
        // Elsewhere than on Linux, `flock` may exclude the `fcntl` locks of SQLite in the same process.
        if cfg!(target_os = "linux") {
            lock(&database)
                .map_err(fault)?
                .then_some(())
                .ok_or_else(in_use)?;
        }

        Ok(Self {
            database,
            _beside: beside,
        })
    }

    /// The database file.
    pub(crate) fn database(&self) -> &File {
        &self.database
    }
}

/// Whether some host has the inbox at `path` open now.
///
/// Asks the file beside the database alone: closing the database here would drop the locks of an inbox that this
/// process may have open.
pub(crate) fn has_host(path: &Path) -> bool {
    let is_held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::options()
        .write(true)
        .open(lock_path(path))
        .is_ok_and(is_held)
}

/// Refuses a database that has several names: SQLite keeps a log of changes for each name, and a writer that comes by
/// another name damages the database (<https://www.sqlite.org/howtocorrupt.html>, section 2.5).
pub(crate) fn refuse_links(path: &Path, database: &std::fs::Metadata) -> Result<(), OpenError> {
    match database.nlink() {
        0 | 1 => Ok(()),
        _ if database.is_dir() => Ok(()),
        links => Err(OpenError::Linked {
            path: path.to_owned(),
            links,
        }),
    }
}

fn lock(file: &File) -> std::io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    crate::sibling(database, ".lock")
}
