//! The one writer: a thread that takes calls from a bounded queue and commits them in groups.
//!
//! A group is made of what has queued up while the last one was being committed (`queue` says in which order), so that
//! one `fsync` serves them all. Each call has a savepoint of its own: one that fails undoes nothing of the others. No
//! call is answered before the group is committed, and all are answered with an error when it can't be. After a failure
//! the thread goes on. What another process writes meanwhile is noticed before each group, and at intervals where
//! there's none.

mod alarm;
mod queue;
mod shared;
pub(crate) mod weight;

pub use alarm::describe_metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use hookyard_model::TenantName;
use hookyard_store::Error;
use rusqlite::ffi::{Error as Failure, SQLITE_BUSY};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Options;
use crate::file_check::{FileCheck, FileFault};
use crate::ticker::Ticker;
use crate::wakes::Wakes;
use crate::write::Database;
use alarm::Alarm;
use queue::{Bounds, Line};
use shared::{ListOrder, Served, Shared};

/// Whether a call's answer promises durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The group is synced to the disk before it is answered.
    Synced,
    /// A crash of the machine, though not of the process, may undo it: leases, which such a crash ends anyway.
    Unsynced,
}

/// What the writer has done since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Calls that were answered.
    pub calls: u64,
    /// Groups that were committed.
    pub commits: u64,
    /// Those of them that were synced to the disk.
    pub syncs: u64,
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    commits: AtomicU64,
    syncs: AtomicU64,
}

/// The way to the writer. Dropping it lets the writer finish what is queued, and waits for that.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    /// Places in the queue: appends that find none are refused, other calls wait. Apart, so that neither takes the
    /// other's.
    append_places: Arc<Semaphore>,
    other_places: Arc<Semaphore>,
    queued_bytes: Arc<AtomicUsize>,
    queued_bytes_max: usize,
}

/// How a call is served.
pub(crate) struct Terms {
    pub(crate) durability: Durability,
    pub(crate) line: Line,
    /// See `weight`.
    pub(crate) weight: u64,
}

impl Terms {
    /// For a stretch of work of the host's own or of an operator's.
    pub(crate) fn stretch(durability: Durability) -> Self {
        Self {
            durability,
            line: Line::Turn(None),
            weight: weight::STRETCH,
        }
    }

    /// For the leases of jobs or messages, so many of them.
    pub(crate) fn leases(count: usize) -> Self {
        Self {
            durability: Durability::Unsynced,
            line: Line::First,
            weight: weight::of_leases(count),
        }
    }

    /// For the end of an attempt of a tenant's, or of a try.
    pub(crate) fn settlement(tenant: Option<TenantName>, weight: u64) -> Self {
        Self {
            durability: Durability::Synced,
            line: Line::Turn(tenant),
            weight,
        }
    }
}

impl Writer {
    /// Starts the thread. `guard` is kept until the database is closed.
    pub(crate) fn start(
        connection: Connection,
        options: &Options,
        wakes: Arc<Wakes>,
        file_check: Option<FileCheck>,
        guard: impl Send + 'static,
    ) -> std::io::Result<Self> {
        let bounds = Bounds {
            calls: options.group_max.max(1),
            weight: options.group_weight_max,
        };
        let shared = Arc::new(Shared::new(bounds));
        let counters = Arc::new(Counters::default());
        // From before anything is remembered: what is written beside us from now on is noticed.
        let data_version = data_version(&connection).ok();
        let work = Loop {
            store: Database::new(connection),
            durability: None,
            log_is_suspect: false,
            data_version,
            alarm: file_check.map(Alarm::new),
            wakes,
            counters: Arc::clone(&counters),
        };
        let served = Served(Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("inbox-writer".into())
            .spawn(move || {
                work.run(&served.0);
                drop(guard);
            })?;
        let places = || Arc::new(Semaphore::new(options.queue_max.max(1)));
        Ok(Self {
            shared,
            thread: Some(thread),
            counters,
            append_places: places(),
            other_places: places(),
            queued_bytes: Arc::default(),
            queued_bytes_max: options.queue_bytes_max,
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            calls: read(&self.counters.calls),
            commits: read(&self.counters.commits),
            syncs: read(&self.counters.syncs),
        }
    }

    /// Has `work` done, and waits for its commit. Waits for a place in the queue as well.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        terms: Terms,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.other_places)
            .acquire_owned()
            .await
            .map_err(|_| gone())?;
        self.queue(terms, place, work).await
    }

    /// Has an append done, and waits for its commit. Refuses rather than waits when the queue holds as many appends or
    /// `bytes` as it may.
    pub(crate) async fn append_or_busy<T: Send + 'static>(
        &self,
        weight: u64,
        bytes: usize,
        mut work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let queued = QueuedBytes::take(&self.queued_bytes, bytes, self.queued_bytes_max)
            .ok_or(Error::Busy)?;
        let place = Arc::clone(&self.append_places)
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;
        let terms = Terms {
            durability: Durability::Synced,
            line: Line::First,
            weight,
        };
        let work = move |store: &mut Database| {
            let _held_until_the_command_is_dropped = &queued;
            work(store)
        };
        self.queue(terms, place, work).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        Terms {
            durability,
            line,
            weight,
        }: Terms,
        place: OwnedSemaphorePermit,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (command, answer) = Command::new(durability, place, work);
        self.shared.push(line, weight, command);
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Has the writer look, now and then, whether somebody else has written and whether the files are there.
    pub(crate) fn watch(&self) -> std::io::Result<Ticker> {
        let shared = Arc::downgrade(&self.shared);
        Ticker::start(move || {
            if let Some(shared) = shared.upgrade() {
                shared.look();
            }
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the inbox's writer had panicked");
        }
    }
}

/// The writer's thread has ended, which it does by itself only by a fault of ours.
fn gone() -> Error {
    Error::Store("the inbox's writer has stopped; restart the host".into())
}

/// A share of the bytes that may be queued.
struct QueuedBytes {
    all: Arc<AtomicUsize>,
    share: usize,
}

impl QueuedBytes {
    /// `None` when there's no room. An empty queue has room for anything: ingress has bounded it already.
    fn take(all: &Arc<AtomicUsize>, share: usize, max: usize) -> Option<Self> {
        let before = all.fetch_add(share, Ordering::Relaxed);
        let taken = Self {
            all: Arc::clone(all),
            share,
        };
        (before == 0 || before.saturating_add(share) <= max).then_some(taken)
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.share, Ordering::Relaxed);
    }
}

/// A call on its way through the writer.
struct Command {
    durability: Durability,
    /// Its place in the queue, until it is in a group.
    place: Option<OwnedSemaphorePermit>,
    call: Box<dyn Call>,
}

impl Command {
    fn new<T: Send + 'static>(
        durability: Durability,
        place: OwnedSemaphorePermit,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, Error>>) {
        let (reply, answer) = oneshot::channel();
        (
            Self {
                durability,
                place: Some(place),
                call: Box::new(Work {
                    work,
                    result: None,
                    reply,
                }),
            },
            answer,
        )
    }
}

trait Call: Send {
    /// Does the work; `false` when it failed and has to be undone.
    fn run(&mut self, store: &mut Database) -> bool;
    /// Answers, with `fault` where the group was not committed.
    fn answer(self: Box<Self>, fault: Option<&Fault>);
}

struct Work<F, T> {
    work: F,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<F, T: Send> Call for Work<F, T>
where
    F: FnMut(&mut Database) -> Result<T, Error> + Send,
{
    fn run(&mut self, store: &mut Database) -> bool {
        let result = (self.work)(store);
        let is_fine = result.is_ok();
        self.result = Some(result);
        is_fine
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let Self {
            work,
            result,
            reply,
        } = *self;
        // First, so that a caller who is answered finds its share of the queue free.
        drop(work);
        let answer = match (result, fault) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(fault)) => Err(Error::Store(Box::new(fault.clone()))),
            (Some(Ok(done)), None) => Ok(done),
            (None, None) => Err(gone()),
        };
        // Whoever called may have gone; what was committed stays.
        let _ = reply.send(answer);
    }
}

/// Why a whole group was not committed; told to each of its callers.
#[derive(Debug, Clone, thiserror::Error)]
enum Fault {
    #[error("the transaction was rolled back")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the files of the inbox are gone")]
    Absent(#[source] FileFault),
}

struct Loop {
    store: Database,
    /// What the connection is set to.
    durability: Option<Durability>,
    /// The disk has failed: what stands in the log of changes may never come to it.
    log_is_suspect: bool,
    /// Changes whenever another connection has written.
    data_version: Option<i64>,
    /// In a host's inbox alone.
    alarm: Option<Alarm>,
    wakes: Arc<Wakes>,
    counters: Arc<Counters>,
}

/// What changes whenever another connection has written.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

impl Loop {
    fn run(mut self, shared: &Shared) {
        let mut group = Vec::new();
        loop {
            match shared.next(&mut group) {
                ListOrder::Serve => self.serve(&mut group),
                ListOrder::Look => self.look_idly(),
                ListOrder::End => return,
            }
        }
    }

    fn look_idly(&mut self) {
        if self.present().is_ok() {
            drop(self.look());
        }
    }

    /// Fails while the files of the database are not where they were.
    fn present(&mut self) -> Result<(), Fault> {
        self.alarm
            .as_mut()
            .map_or(Ok(()), Alarm::check)
            .map_err(Fault::Absent)
    }

    /// If somebody else has written to the database: forgets what is remembered of it and wakes whoever waits.
    fn look(&mut self) -> rusqlite::Result<()> {
        let version = data_version(&self.store.connection)?;
        if self
            .data_version
            .replace(version)
            .is_some_and(|before| before != version)
        {
            self.store.forget();
            self.wakes.all();
        }
        Ok(())
    }

    fn serve(&mut self, group: &mut Vec<Command>) {
        // Calls that wait for a place may queue up while this group is committed.
        group
            .iter_mut()
            .for_each(|command| drop(command.place.take()));
        self.store.has_due_jobs = false;
        self.store.has_due_messages = false;

        let fault = self.commit_in_place(group).err();
        match &fault {
            None => self.wake(),
            Some(Fault::Sqlite(error)) => {
                self.roll_back();
                self.log_is_suspect |=
                    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
                tracing::error!(calls = group.len(), %error, "the inbox could not commit");
            }
            // The alarm has said so.
            Some(Fault::Absent(_)) => {}
        }

        self.counters
            .calls
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        group
            .drain(..)
            .for_each(|command| command.call.answer(fault.as_ref()));
    }

    /// Commits a group to the files that the host opened: before, so that nothing is done in vain; after, so that
    /// nothing is acknowledged that went to a file which had lost its name by then.
    fn commit_in_place(&mut self, group: &mut [Command]) -> Result<(), Fault> {
        self.present()?;
        self.commit(group)
            .map_err(|error| Fault::Sqlite(Arc::new(error)))?;
        self.present()
    }

    fn wake(&self) {
        if self.store.has_due_jobs {
            self.wakes.jobs.notify_one();
        }
        if self.store.has_due_messages {
            self.wakes.messages.notify_one();
        }
    }

    fn commit(&mut self, group: &mut [Command]) -> rusqlite::Result<()> {
        let synced = group
            .iter()
            .any(|command| command.durability == Durability::Synced);
        if self.log_is_suspect {
            self.begin_a_new_log()?;
        }
        self.set_durability(if synced {
            Durability::Synced
        } else {
            Durability::Unsynced
        })?;
        self.execute("BEGIN IMMEDIATE")?;
        // From here on nobody else can write.
        self.look()?;
        for command in group {
            self.execute("SAVEPOINT call")?;
            if !command.call.run(&mut self.store) {
                self.store.forget();
                // Fails where SQLite has undone the whole transaction by itself, as it may when the disk is full.
                self.execute("ROLLBACK TO call")?;
            }
            self.execute("RELEASE call")?;
        }
        self.execute("COMMIT")?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters
            .syncs
            .fetch_add(u64::from(synced), Ordering::Relaxed);
        Ok(())
    }

    /// Takes all that is committed into the database, synced, and empties the log.
    ///
    /// Linux tells of a failed sync once, and takes what was to be written for clean: no later sync writes it. Among it
    /// may be a lease that was committed unsynced; what is written behind such a gap is lost with it when the power
    /// fails, however well it was synced.
    fn begin_a_new_log(&mut self) -> rusqlite::Result<()> {
        self.set_durability(Durability::Synced)?;
        let statement = "PRAGMA wal_checkpoint(TRUNCATE)";
        if self
            .store
            .connection
            .query_row(statement, [], |row| row.get::<_, bool>(0))?
        {
            return Err(rusqlite::Error::SqliteFailure(
                Failure::new(SQLITE_BUSY),
                None,
            ));
        }
        self.log_is_suspect = false;
        Ok(())
    }

    fn set_durability(&mut self, wanted: Durability) -> rusqlite::Result<()> {
        if self.durability != Some(wanted) {
            let level = match wanted {
                Durability::Synced => "FULL",
                // In WAL mode this leaves the database whole after any crash; a later synced commit syncs it as well.
                Durability::Unsynced => "NORMAL",
            };
            self.store
                .connection
                .pragma_update(None, "synchronous", level)?;
            self.durability = Some(wanted);
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.store.forget();
        if !self.store.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "the inbox could not roll back");
        }
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.store
            .connection
            .prepare_cached(statement)?
            .execute([])
            .map(drop)
    }
}

#[cfg(test)]
mod tests;
