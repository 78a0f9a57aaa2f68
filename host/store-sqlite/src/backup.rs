//! Backups: copies of the whole store, taken while hosts use it.
//!
//! A read transaction spans the copy, so the copy is the store at one moment, however much is
//! written meanwhile. The write-ahead log grows until the copy is complete. The copy is written
//! next to its destination and moved there when it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::{open, reader};

/// The number of pages that are copied at once.
const PAGES: i32 = 256;

/// The reason for which a backup failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file exists. A backup never overwrites a file.
    #[error("{path} already exists, and a backup overwrites nothing; choose another file")]
    Exists {
        /// The path of the backup.
        path: PathBuf,
    },
    /// The file cannot be written, moved or synced.
    #[error("the backup {path} cannot be written")]
    File {
        /// The path of the backup.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The database cannot be read, or the copy cannot be written.
    #[error("the store cannot be copied to {path}")]
    Copy {
        /// The path of the backup.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
    /// The copy is damaged, and so the store itself is damaged.
    #[error(
        "the copy of the store is damaged ({detail}), so the store itself must be damaged; keep the last good backup"
    )]
    Damaged {
        /// The fault that SQLite found, in one line.
        detail: String,
    },
}

/// Copies the store at `from` to `to`.
pub(crate) fn write(from: &Path, to: &Path) -> Result<u64, BackupError> {
    // A symlink to a missing file exists as well.
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists {
            path: to.to_owned(),
        });
    }

    let file = |source| BackupError::File {
        path: to.to_owned(),
        source,
    };
    let folder = to
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // SQLite must not follow symlinks, so the symlinks of the folder are followed here.
    let folder = fs::canonicalize(folder).map_err(file)?;
    let name = to
        .file_name()
        .ok_or_else(|| file(io::ErrorKind::InvalidFilename.into()))?;
    let partial = crate::sibling(&folder.join(name), ".partial");
    // An interrupted backup may have left a file there. The file is created here, so that the error
    // names a folder that is missing or full.
    hookyard_private::create_anew(&partial).map_err(file)?;
    let _removed_on_exit = Partial(&partial);

    copy(from, &partial).map_err(|source| BackupError::Copy {
        path: to.to_owned(),
        source,
    })??;
    File::open(&partial)
        .and_then(|copy| copy.sync_all())
        .map_err(file)?;
    fs::rename(&partial, to).map_err(file)?;
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(file)?;
    fs::metadata(to).map(|copy| copy.len()).map_err(file)
}

/// Removes the partial copy, which is of no use after any end.
struct Partial<'p>(&'p Path);

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}

fn copy(from: &Path, to: &Path) -> rusqlite::Result<Result<(), BackupError>> {
    let source = reader::connect(from)?;
    let transaction = source.unchecked_transaction()?;
    // A transaction begins with its first read.
    transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })?;

    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = Connection::open_with_flags(to, flags)?;
    target.busy_timeout(open::BUSY_TIMEOUT)?;

    let backup = Backup::new(&source, &mut target)?;
    while backup.step(PAGES)? != StepResult::Done {}
    drop(backup);
    // Makes the copy one file without a write-ahead log. A host that opens it switches back to a
    // write-ahead log.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;

    let found: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    target.close().map_err(|(_, error)| error)?;

    Ok(match found.lines().last() {
        Some("ok") => Ok(()),
        detail => Err(BackupError::Damaged {
            detail: detail.unwrap_or_default().to_owned(),
        }),
    })
}
