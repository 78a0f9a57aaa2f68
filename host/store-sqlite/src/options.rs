//! The bounds of the SQLite inbox, and why it did not open.

use std::path::PathBuf;

/// The bounds of an open inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many calls may wait for the writer; appends beyond it are refused as busy.
    pub queue_max: usize,
    /// How many bytes of bodies may wait for the writer; appends beyond it are refused as busy.
    pub queue_bytes_max: usize,
    /// How many calls share one commit at most.
    pub group_max: usize,
    /// What the calls of one commit may cost together, in rows written; a call that costs more has a commit of its own.
    pub group_weight_max: u64,
    /// How many reads may go on at once.
    pub readers: usize,
    /// A file up to this size is checked page by page when it is opened; a larger one is checked as it is read.
    pub check_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_max: 1024,
            queue_bytes_max: 64 << 20,
            group_max: 256,
            group_weight_max: 1024,
            readers: 4,
            check_bytes_max: 64 << 20,
        }
    }
}

/// Why the inbox did not open. Each is one line that names the file and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There's no such file, and it was to be read only.
    #[error(
        "there is no inbox at {path}; `hookyard serve` creates one. If a host is running, its inbox was moved or removed: keep the host running, and see \"When the database goes away\" in docs/operations.md"
    )]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The folder of the file can't be made.
    #[error("the folder of the inbox {path} can't be used")]
    Folder {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The lock file can't be made or locked.
    #[error("the lock file {path} can't be used")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database file can't be made or opened.
    #[error("the inbox {path} can't be opened")]
    File {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has several names.
    #[error(
        "the inbox {path} has {links} names (hard links), and SQLite would keep a log of changes for each of them; \
         remove the other names (`find -inum` finds them), or make a copy with `hookyard backup`"
    )]
    Linked {
        /// The database file.
        path: PathBuf,
        /// How many names it has.
        links: u64,
    },
    /// Another host has it.
    #[error(
        "another hookyard host has the inbox {path} open; stop it, or give this one an `store.url` of its own"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// It isn't an SQLite database at all.
    #[error("{path} is not a database; move it away, or set `store.url` to another file")]
    NotADatabase {
        /// The database file.
        path: PathBuf,
    },
    /// It's a database of something else.
    #[error("{path} is a database of another program; set `store.url` to another file")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// Its pages don't fit together.
    #[error(
        "the inbox {path} is damaged ({detail}); restore it from a backup, or move it away to begin anew"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite found, as one line.
        detail: String,
    },
    /// A later Hookyard wrote it.
    #[error(
        "the inbox {path} has schema {found}, this hookyard knows up to {known}; start the newer hookyard instead"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The file's schema version.
        found: i64,
        /// The latest that this build knows.
        known: i64,
    },
    /// A record that was needed at once is not as it was written.
    #[error("the inbox {path} can't be taken up")]
    Unreadable {
        /// The database file.
        path: PathBuf,
        /// Which.
        source: hookyard_store::Error,
    },
    /// The system gives no thread.
    #[error("the writer of the inbox {path} can't be started")]
    Thread {
        /// The database file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Anything else that SQLite says: no right to read it, the disk is full.
    #[error("the inbox {path} can't be opened")]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}
