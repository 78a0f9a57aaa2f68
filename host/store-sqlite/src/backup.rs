//! A copy of the whole inbox, taken while it is in use.
//!
//! One read transaction spans the copy, so that it is the inbox of one moment however much is written meanwhile; the
//! log of changes grows for as long as it takes. It is written beside its place and moved there once it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::{open, reader};

/// Pages that are copied at once.
const PAGES: i32 = 256;

/// Why there's no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Backups overwrite nothing.
    #[error("{path} exists already; a backup overwrites nothing: name another file")]
    Exists {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// The file can't be written, moved or synced.
    #[error("the backup {path} can't be written")]
    File {
        /// Where the backup was to be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database can't be read, or the copy not be written.
    #[error("the inbox can't be copied to {path}")]
    Copy {
        /// Where the backup was to be.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// What was copied doesn't fit together: the inbox itself is damaged.
    #[error(
        "the copy of the inbox is damaged ({detail}), and so must be the inbox: keep the last good backup"
    )]
    Damaged {
        /// What SQLite found, as one line.
        detail: String,
    },
}

/// Copies the inbox at `from` to `to`.
pub(crate) fn write(from: &Path, to: &Path) -> Result<u64, BackupError> {
    // A symlink that leads nowhere exists as well.
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
    // SQLite is told to follow no symlink, so the folder is followed here.
    let folder = fs::canonicalize(folder).map_err(file)?;
    let name = to
        .file_name()
        .ok_or_else(|| file(io::ErrorKind::InvalidFilename.into()))?;
    let partial = crate::sibling(&folder.join(name), ".partial");
    // A backup that was cut off may have left a file there. Created here, so that the error names a folder that is missing
    // or full.
    hookyard_private::create_anew(&partial).map_err(file)?;
    let _removed_at_any_end = Partial(&partial);

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

/// A copy that isn't whole is of no use to anybody.
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
    // One file, whole in itself: no log of changes beside it. A host that opens it goes back to having one.
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
