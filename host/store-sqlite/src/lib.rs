//! The store of a single host, on SQLite.
//!
//! A single thread writes and commits in groups (`writer`; `write` has what each call writes).
//! Reads use connections of their own (`reader`), so that they do not wait for the writer. The
//! write-ahead log (WAL) is synced before any append, settlement or route is acknowledged.
//!
//! Only one host can open the store for writing (`host_lock`). The host acknowledges nothing while
//! the files are not where it opened them (`file_check`).

mod options;
mod open;
mod host_lock;
mod permissions;
mod file_check;
mod ticker;
mod wakes;

mod events;
mod jobs;
mod routing;
mod outbox;
mod releases;
mod values;
mod refused;

mod search;
mod counts;
mod charts;
mod refusals;
mod audit;

mod reader;
mod listing;
mod selection;
mod predecessor;
mod replay;
mod discard;
mod retention;

mod writer;
mod write;
mod codec;
mod backup;
mod probe;
#[cfg(test)]
mod query_plans;

pub use backup::BackupError;
pub use options::{OpenError, Options};
pub use writer::{Stats, describe_metrics};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hookyard_crash::Point;
use hookyard_model::Clock;
use hookyard_store::{Error, Listener, Live, Tenants};
use rusqlite::Connection;

use file_check::FileCheck;
use host_lock::HostLock;
use reader::Readers;
use ticker::Ticker;
use wakes::Wakes;
use writer::Writer;

/// A store in one SQLite file.
///
/// Dropping the store completes the queued writes and closes the file, which may block for a
/// moment.
pub struct SqliteStore {
    // The readers close first. The writer closes last and moves the write-ahead log into the
    // database.
    readers: Readers,
    /// The writer, or `None` in a store that is opened for reading only.
    writer: Option<Writer>,
    /// The ticker that notices the writes of other processes. Only a host's store has one.
    _ticker: Option<Ticker>,
    pruned: Mutex<retention::Progress>,
    wakes: Arc<Wakes>,
    clock: Arc<dyn Clock>,
}

impl SqliteStore {
    /// Opens the store at `path` as its only host, and creates the file and its folder if they are
    /// missing.
    ///
    /// Gives back every lease that an earlier host left. The attempts under these leases stay
    /// counted. The call blocks.
    ///
    /// # Errors
    ///
    /// Fails if another host has the store open, or if the file is not a whole database of this
    /// program.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        open::make_folder(path)?;
        let lock = Arc::new(HostLock::take(path)?);
        let file_error = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };

        let connection = open::connect(path, &options)?;
        permissions::restrict(path, lock.database()).map_err(file_error)?;
        let connection = give_back_leases(path, connection)?;
        let file_check = FileCheck::new(path, Arc::clone(&lock)).map_err(file_error)?;

        let readers = Readers::open(path, options.readers, Some(Arc::clone(&lock)))
            .map_err(|error| open::explain(path, error))?;
        let wakes = Arc::new(Wakes::default());
        let thread_error = |source| OpenError::Thread {
            path: path.to_owned(),
            source,
        };
        let writer = Writer::start(
            connection,
            &options,
            Arc::clone(&wakes),
            Some(file_check),
            lock,
        )
        .map_err(thread_error)?;
        let ticker = writer.watch().map_err(thread_error)?;

        Ok(Self {
            readers,
            writer: Some(writer),
            _ticker: Some(ticker),
            pruned: Mutex::default(),
            wakes,
            clock: options.clock,
        })
    }

    /// Opens the store at `path` for writing next to its host, if it has one.
    ///
    /// Takes no lock and leaves every lease unchanged. The host notices what is written here within
    /// moments. The call blocks.
    ///
    /// # Errors
    ///
    /// Fails if there is no store at `path`.
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        let connection = open::connect_beside(path)?;
        let readers = Readers::open(path, 1, None).map_err(|error| open::explain(path, error))?;
        let wakes = Arc::new(Wakes::default());

        let options = Options::default();
        let writer = Writer::start(connection, &options, Arc::clone(&wakes), None, ()).map_err(
            |source| OpenError::Thread {
                path: path.to_owned(),
                source,
            },
        )?;

        Ok(Self {
            readers,
            writer: Some(writer),
            _ticker: None,
            pruned: Mutex::default(),
            wakes,
            clock: options.clock,
        })
    }

    /// Opens the store at `path` for reading only, whether or not a host has it open. Every call
    /// that writes fails.
    ///
    /// # Errors
    ///
    /// Fails if there is no store at `path`.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing {
                path: path.to_owned(),
            });
        }

        let readers = Readers::open(path, 1, None).map_err(|error| open::explain(path, error))?;
        readers.check_version(path)?;

        Ok(Self {
            readers,
            writer: None,
            _ticker: None,
            pruned: Mutex::default(),
            wakes: Arc::default(),
            clock: Options::default().clock,
        })
    }

    /// Returns whether a host has the store at `path` open. The host may be gone when this returns.
    pub fn has_host(path: &Path) -> bool {
        host_lock::has_host(path)
    }

    /// Writes a copy of the whole store to `path` while hosts continue to write. Returns the size
    /// of the copy in bytes.
    ///
    /// The copy is the store at the moment at which the call begins. The file at `path` appears
    /// only when the copy is complete, checked and synced. The call blocks.
    ///
    /// # Errors
    ///
    /// Fails if `path` exists, cannot be written, or if the store is damaged.
    pub fn backup(&self, path: &Path) -> Result<u64, BackupError> {
        backup::write(self.readers.path(), path)
    }

    /// Returns what the writer has done since the store was opened.
    pub fn stats(&self) -> Stats {
        self.writer.as_ref().map(Writer::stats).unwrap_or_default()
    }

    fn writer(&self) -> Result<&Writer, Error> {
        self.writer
            .as_ref()
            .ok_or_else(|| Error::Store("it is open for reading only".into()))
    }
}

impl Live for SqliteStore {
    fn listen(&self) -> Listener {
        self.wakes.feed.listen()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.close();
    }
}

/// Gives back the leases of a host that has ended.
fn give_back_leases(path: &Path, connection: Connection) -> Result<Connection, OpenError> {
    let sqlite_error = |error| open::explain(path, error);
    let unreadable = |error| OpenError::Unreadable {
        path: path.to_owned(),
        source: Box::new(error),
    };

    let mut database = write::Database::new(connection);
    database
        .connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(sqlite_error)?;
    let jobs = database.give_back_all().map_err(unreadable)?;
    let messages = database.give_back_all_messages().map_err(unreadable)?;
    Point::LeasesReturned.pass();
    database
        .connection
        .execute_batch("COMMIT")
        .map_err(sqlite_error)?;

    if jobs > 0 {
        tracing::info!(
            jobs,
            "retrying the attempts that an earlier host left unfinished"
        );
    }
    if messages > 0 {
        tracing::info!(
            messages,
            "retrying the deliveries that an earlier host left unfinished"
        );
    }
    Ok(database.connection)
}

/// Returns the names of these tenants as a JSON array, or `None` for all tenants.
fn values_of(tenants: &Tenants) -> Option<String> {
    match tenants {
        Tenants::All => None,
        Tenants::Only(tenants) => {
            let names: Vec<_> = tenants.iter().map(|tenant| tenant.as_str()).collect();
            Some(serde_json::to_string(&names).expect("texts make JSON"))
        }
    }
}

/// Returns the path of a file that belongs to the database at `path`.
fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut sibling = path.as_os_str().to_owned();
    sibling.push(suffix);
    sibling.into()
}
