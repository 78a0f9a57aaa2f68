//! The lock that makes a process the only host of a store, whatever path its file is opened by.
//!
//! Two locks are needed. Other processes can test the lock on `<file>.lock` (`has_host`). The lock
//! on the database file belongs to the file and not to a path, so a symlink, a moved folder or a
//! removed `.lock` cannot let a second host in. Both are `flock` locks: they end with the process,
//! and Linux keeps them separate from the `fcntl` locks of SQLite.
//!
//! When a process closes any descriptor of a file, it loses all of its `fcntl` locks on that file
//! (POSIX). The lock must therefore be taken before SQLite opens the database, and dropped after
//! SQLite has closed it.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::OpenError;

/// The locks of a host. They end when this is dropped, or with the process.
pub(crate) struct HostLock {
    database: File,
    _beside: File,
}

impl HostLock {
    /// Takes both locks on the database at `path`, and creates the file if it is missing.
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
        // On other systems `flock` may conflict with the `fcntl` locks of SQLite in the same
        // process.
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

    /// Returns the database file.
    pub(crate) fn database(&self) -> &File {
        &self.database
    }
}

/// Returns whether a host has the store at `path` open.
///
/// Only tests the lock on the file next to the database. Closing the database file here would drop
/// the locks of a store that this process may have open.
pub(crate) fn has_host(path: &Path) -> bool {
    let is_held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::options()
        .write(true)
        .open(lock_path(path))
        .is_ok_and(is_held)
}

/// Fails if a database has several names. SQLite keeps a write-ahead log for each name, and a
/// writer that uses another name damages the database (<https://www.sqlite.org/howtocorrupt.html>,
/// section 2.5).
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
