//! The options of the SQLite store, and the reasons for which it does not open.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hookyard_model::{Clock, Timestamp};

/// The bounds of an open store.
#[derive(Clone)]
pub struct Options {
    /// The maximum number of calls that wait for the writer. Further appends are refused as busy.
    pub queue_max: usize,
    /// The maximum total size of the bodies that wait for the writer, in bytes. Further appends are
    /// refused as busy.
    pub queue_bytes_max: usize,
    /// The maximum number of calls in one commit.
    pub group_max: usize,
    /// The maximum total weight of the calls in one commit, in rows written. A call that weighs
    /// more has a commit of its own.
    pub group_weight_max: u64,
    /// The maximum number of concurrent reads.
    pub readers: usize,
    /// The maximum size of a file that is checked page by page when it is opened, in bytes. A
    /// larger file is checked as it is read.
    pub check_bytes_max: u64,
    /// The clock that ends leases, retries and idempotency keys.
    pub clock: Arc<dyn Clock>,
}

/// The clock of the system.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();

        Timestamp::from_unix_millis(0).after(since_epoch)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("queue_max", &self.queue_max)
            .field("queue_bytes_max", &self.queue_bytes_max)
            .field("group_max", &self.group_max)
            .field("group_weight_max", &self.group_weight_max)
            .field("readers", &self.readers)
            .field("check_bytes_max", &self.check_bytes_max)
            .finish_non_exhaustive()
    }
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
            clock: Arc::new(SystemClock),
        }
    }
}

/// The reason for which the store did not open. Each message is one line that names the file and
/// the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file, and it must not be created.
    #[error(
        "there is no store at {path}; `hookyard serve` creates one. If a host is running, its store was moved or \
         removed: keep the host running, and see \"When the database goes away\" in docs/operations.md"
    )]
    Missing {
        /// The database file.
        path: PathBuf,
    },
    /// The folder of the file cannot be created or used.
    #[error("the folder of the store {path} cannot be used")]
    Folder {
        /// The database file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The lock file cannot be created or locked.
    #[error("the lock file {path} cannot be used")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The database file cannot be created or opened.
    #[error("the store {path} cannot be opened")]
    File {
        /// The database file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The database file has several names.
    #[error(
        "the store {path} has {links} names (hard links), and SQLite would keep a separate log for each of them; \
         remove the other names (`find -inum` finds them), or make a copy with `hookyard backup`"
    )]
    Linked {
        /// The database file.
        path: PathBuf,
        /// The number of names.
        links: u64,
    },
    /// Another host has the store open.
    #[error(
        "another hookyard host has the store {path} open; stop it, or set a different `store.url` for this host"
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    #[error("{path} is not a database; move it away, or set `store.url` to another file")]
    NotADatabase {
        /// The database file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error("{path} is a database of another program; set `store.url` to another file")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The pages of the database are damaged.
    #[error(
        "the store {path} is damaged ({detail}); restore it from a backup, or move it away to start with an empty store"
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// The fault that SQLite found, in one line.
        detail: String,
    },
    /// A later version of this program wrote the database.
    #[error(
        "the store {path} has schema version {found}, but this hookyard only knows versions up to {known}; start the \
         newer hookyard instead"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The version of the schema in the file.
        found: i64,
        /// The latest version that this build knows.
        known: i64,
    },
    /// A record that the host needs at once cannot be read.
    #[error("the store {path} cannot be read")]
    Unreadable {
        /// The database file.
        path: PathBuf,
        /// The error of the record.
        source: Box<hookyard_store::Error>,
    },
    /// The system does not start a thread.
    #[error("the writer of the store {path} cannot be started")]
    Thread {
        /// The database file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Any other error of SQLite, such as a missing permission or a full disk.
    #[error("the store {path} cannot be opened")]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}
