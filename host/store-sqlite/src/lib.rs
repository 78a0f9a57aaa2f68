//! The inbox on SQLite, the store of a single host.
//!
//! One thread writes and commits in groups (`writer`, and `write` for what each call does); reads go past it on
//! connections of their own (`reader`). The log of changes (WAL) is synced before any append, settlement or route is
//! answered. Only one host can open the inbox to write (`host_lock`). The host acknowledges nothing while the files are
//! not where it opened them (`presence`).

mod ahead;
mod codec;
mod discarding;
mod host_lock;
mod rights;
mod presence;
mod open;
mod options;
mod kept;
mod listing;
mod reader;
mod replaying;
mod retention;
mod select;
mod sql;
mod outbox;
mod releases;
mod wakes;
mod watch;
mod write;
mod writer;
mod backup;

pub use backup::BackupError;
pub use options::{OpenError, Options};
pub use writer::{Stats, describe_metrics};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hookyard_crash::Point;
use hookyard_model::{
    Event, EventId, Key, PluginRef, RecordedAnswer, Revision, SourceRef, Timestamp, Versioned,
};
use hookyard_store::{
    AppendResult, Backlog, ClaimedJob, Discard, DiscardSummary, Error, EventPage, EventRecord,
    EventSummary, Events, JobLease, JobRequest, Jobs, KvUsage, PruneSummary, Quarantine, Recent,
    Replay, ReplaySummary, Retention, Routes, Routing, Settlement, Tally, Values,
};

use host_lock::HostLock;
use presence::Presence;
use reader::Readers;
use wakes::Wakes;
use watch::Watch;
use write::{Sweep, Turns};
use writer::{Durability, Terms, Writer, weight};

/// An inbox in one SQLite file. Dropping it finishes what is queued and closes the file; that may block for a moment.
pub struct SqliteStore {
    // Readers are closed first, so that the writer, the last to leave, takes the log of changes into the database.
    readers: Readers,
    /// None in an inbox that is only read.
    writer: Option<Writer>,
    /// In a host's inbox alone.
    _watch: Option<Watch>,
    pruned: Mutex<retention::Progress>,
    wakes: Arc<Wakes>,
}

impl SqliteStore {
    /// Opens the inbox at `path` as its only host, creating file and folder where missing, and gives back every lease
    /// that an earlier host left; the attempts that it had begun stay counted.
    ///
    /// Blocks: call it where blocking is allowed.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        open::make_folder(path)?;
        let lock = Arc::new(HostLock::take(path)?);
        let fault = |source| OpenError::File {
            path: path.to_owned(),
            source,
        };

        let connection = open::connect(path, &options)?;
        rights::restrict(path, lock.database()).map_err(fault)?;
        let connection = release_leases(path, connection)?;
        let presence = Presence::note(path, Arc::clone(&lock)).map_err(fault)?;

        let readers = Readers::open(path, options.readers, Some(Arc::clone(&lock)));
        let readers = readers.map_err(|error| open::explain(path, error))?;
        let wakes = Arc::new(Wakes::default());
        let writer = Writer::start(
            connection,
            &options,
            Arc::clone(&wakes),
            Some(presence),
            lock,
        )
        .map_err(|source| OpenError::Thread {
            path: path.to_owned(),
            source,
        })?;
        let watch = writer.watch().map_err(|source| OpenError::Thread {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            readers,
            writer: Some(writer),
            _watch: Some(watch),
            pruned: Mutex::default(),
            wakes,
        })
    }

    /// Opens the inbox at `path` for writing beside its host, if it has one. Takes no lock and leaves every lease alone.
    /// The host notices what is written here within moments.
    ///
    /// Blocks: call it where blocking is allowed.
    pub fn open_beside(path: &Path) -> Result<Self, OpenError> {
        let connection = open::connect_beside(path)?;
        let readers = Readers::open(path, 1, None).map_err(|error| open::explain(path, error))?;
        let wakes = Arc::new(Wakes::default());
        let writer = Writer::start(
            connection,
            &Options::default(),
            Arc::clone(&wakes),
            None,
            (),
        )
        .map_err(|source| OpenError::Thread {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            readers,
            writer: Some(writer),
            _watch: None,
            pruned: Mutex::default(),
            wakes,
        })
    }

    /// Opens the inbox at `path` for reading only; a host may have it open. Every call that writes fails.
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
            _watch: None,
            pruned: Mutex::default(),
            wakes: Arc::default(),
        })
    }

    /// Whether a host has the inbox at `path` open now. It may be gone when this returns.
    pub fn has_host(path: &Path) -> bool {
        host_lock::has_host(path)
    }

    /// Writes a whole copy of the inbox to `path`, as it stands when this begins, while hosts go on; `path` must not
    /// exist, and does so only once the copy is complete, checked and synced. Returns its size in bytes.
    ///
    /// Blocks: call it where blocking is allowed.
    pub fn backup(&self, path: &Path) -> Result<u64, BackupError> {
        backup::write(self.readers.path(), path)
    }

    /// What the writer has done since the inbox was opened.
    pub fn stats(&self) -> Stats {
        self.writer.as_ref().map(Writer::stats).unwrap_or_default()
    }

    /// Holds and sets free what should be, a stretch at a time, so that others come to the writer in between.
    async fn sweep(&self, sweeps: Vec<Sweep>) -> Result<(), Error> {
        for sweep in sweeps {
            let mut rest = Some(sweep);
            while let Some(sweep) = rest {
                rest = self
                    .writer()?
                    .call(Terms::stretch(Durability::Synced), move |store| {
                        store.sweep(&sweep)
                    })
                    .await?;
            }
        }
        Ok(())
    }

    fn writer(&self) -> Result<&Writer, Error> {
        self.writer
            .as_ref()
            .ok_or_else(|| Error::Store("it is open for reading only".into()))
    }
}

fn release_leases(
    path: &Path,
    connection: rusqlite::Connection,
) -> Result<rusqlite::Connection, OpenError> {
    let fault = |error| open::explain(path, error);
    let mut store = write::Store::new(connection);
    store
        .connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(fault)?;
    let unreadable = |error| OpenError::Unreadable {
        path: path.to_owned(),
        source: error,
    };
    let jobs = store.release_all().map_err(unreadable)?;
    let messages = store.release_all_messages().map_err(unreadable)?;
    Point::LeasesReturned.pass();
    store.connection.execute_batch("COMMIT").map_err(fault)?;
    if jobs > 0 {
        tracing::info!(jobs, "attempts that an earlier host left are made again");
    }
    if messages > 0 {
        tracing::info!(
            messages,
            "messages that an earlier host was sending are sent again"
        );
    }
    Ok(store.connection)
}

/// The path of a file that belongs to the database at `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.readers.close();
    }
}

#[async_trait]
impl Recent for SqliteStore {
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error> {
        let sources = sources.to_vec();
        self.readers
            .read(move |connection| listing::recent(connection, &sources, limit))
            .await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error> {
        self.readers
            .read(move |connection| {
                Ok(listing::one(connection, id)?.map(|(_, event)| Arc::new(event)))
            })
            .await
    }

    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error> {
        let plugin = plugin.clone();
        self.readers
            .read(move |connection| listing::answers(connection, id, &plugin))
            .await
    }
}

#[async_trait]
impl Events for SqliteStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        let (bytes, weight) = (event.body.len(), weight::of_event(&event));
        let append = move |store: &mut write::Store| {
            let appended = store.append(&event);
            Point::AppendWritten.pass();
            appended
        };
        let appended = self.writer()?.append_or_busy(weight, bytes, append).await;
        Point::AppendCommitted.pass();
        appended
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        self.readers
            .read(move |connection| listing::events(connection, &page))
            .await
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.readers
            .read(move |connection| listing::read(connection, id))
            .await
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        replaying::replay(self, replay).await
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        discarding::discard(self, discard).await
    }

    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        retention::prune(self, limits.clone(), now, limit).await
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        self.readers.read(listing::unrouted).await
    }
}

#[async_trait]
impl Jobs for SqliteStore {
    async fn claim(
        &self,
        wanted: &[JobRequest],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let (wanted, until) = (wanted.to_vec(), now.after(lease));
        let count = wanted.iter().map(|want| want.limit).sum();
        let leased = self
            .writer()?
            .call(Terms::leases(count), move |store| {
                store.claim(&wanted, now, until)
            })
            .await?;
        if leased.is_empty() {
            return Ok(Vec::new());
        }
        Point::ClaimCommitted.pass();
        self.readers
            .read(move |connection| reader::load(connection, leased))
            .await
    }

    async fn extend(&self, leases: &[JobLease], until: Timestamp) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |store| {
                store.extend(&leases, until)
            })
            .await
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |store| {
                store.give_back(&leases)
            })
            .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        let tenant = settlement.lease.plugin.tenant.clone();
        let terms = Terms::settlement(Some(tenant), weight::of_settlement(&settlement));
        let settle = move |store: &mut write::Store| {
            let settled = store.settle(&settlement);
            Point::SettleWritten.pass();
            settled
        };
        let settled = self.writer()?.call(terms, settle).await;
        Point::SettleCommitted.pass();
        settled
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error> {
        let plugins = plugins.to_vec();
        self.readers
            .read(move |connection| reader::next_due(connection, &plugins))
            .await
    }

    async fn changed(&self) {
        self.wakes.jobs.notified().await;
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        self.readers.read(listing::held).await
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        let mut retried = 0;
        loop {
            let plugin = plugin.clone();
            let retry = move |store: &mut write::Store| store.retry_failed(&plugin, revision);
            let (count, more) = self
                .writer()?
                .call(Terms::stretch(Durability::Synced), retry)
                .await?;
            retried += count;
            if !more {
                return Ok(retried);
            }
        }
    }
}

#[async_trait]
impl Routing for SqliteStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        let (writer, table) = (self.writer()?, Arc::new((routes, backlog.clone())));
        let mut turns = Turns::new();
        let mut more = true;
        while more {
            let (table, given) = (Arc::clone(&table), turns.clone());
            let adopt = move |store: &mut write::Store| {
                let mut turns = given.clone();
                Ok((store.adopt(&table.0, &table.1, &mut turns)?, turns))
            };
            (more, turns) = writer
                .call(Terms::stretch(Durability::Synced), adopt)
                .await?;
        }

        let route =
            move |store: &mut write::Store| store.route(&table.0, &table.1, &mut turns.clone());
        let sweeps = writer
            .call(Terms::stretch(Durability::Synced), route)
            .await?;
        self.sweep(sweeps).await
    }

    async fn routes(&self) -> Result<Routes, Error> {
        self.readers.read(write::load_routes).await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        let sweeps = self
            .writer()?
            .call(Terms::stretch(Durability::Synced), move |store| {
                store.quarantine(&quarantine)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        let plugin = plugin.clone();
        let sweeps = self
            .writer()?
            .call(Terms::stretch(Durability::Synced), move |store| {
                store.lift(&plugin)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.readers.read(write::quarantined).await
    }
}

#[async_trait]
impl Values for SqliteStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        let (plugin, key) = (plugin.clone(), key.clone());
        self.readers
            .read(move |connection| kept::value(connection, &plugin, &key))
            .await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let (plugin, bucket, after) = (plugin.clone(), bucket.to_owned(), after.map(str::to_owned));
        self.readers
            .read(move |connection| {
                kept::keys(connection, &plugin, &bucket, after.as_deref(), limit)
            })
            .await
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        let plugin = plugin.clone();
        self.readers
            .read(move |connection| kept::usage(connection, &plugin))
            .await
    }
}
