//! The only writer: a thread that takes calls from a bounded queue and commits them in groups.
//!
//! A group consists of the calls that were queued while the previous group was being committed, so
//! that one `fsync` serves all of them (`queue` decides on the order). A call checks everything
//! before it writes, so a refusal, such as a lost lease, undoes nothing. If the database fails in
//! the middle of a call, the group is rolled back and runs again with a savepoint for each call, so
//! that the call undoes nothing of the others. No call is answered before its group is committed.
//! If the group cannot be committed, all of its calls are answered with an error, and the thread
//! continues with the next group.
//!
//! The thread looks for the writes of other processes before each group, and at intervals when
//! there are no groups.

mod alarm;
mod queue;
mod shared;
pub(crate) mod weight;

pub use alarm::describe_metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use hookyard_model::{Clock, TenantName};
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
use queue::{Bounds, Priority};
use shared::{AbandonOnExit, Shared, Task};

/// Whether the answer to a call promises durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The group is synced to the disk before the call is answered.
    Synced,
    /// A crash of the machine, but not of the process, may undo the call. Leases use this, because
    /// such a crash ends them anyway.
    Unsynced,
}

/// Counts of the writer's work since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// The number of calls that were answered.
    pub calls: u64,
    /// The number of groups that were committed.
    pub commits: u64,
    /// The number of groups that were synced to the disk.
    pub syncs: u64,
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    commits: AtomicU64,
    syncs: AtomicU64,
}

/// A handle to the writer's thread. Dropping the handle waits until the thread has completed the
/// queued calls.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    /// The free slots of the queue for appends. An append that finds no slot is refused.
    append_slots: Arc<Semaphore>,
    /// The free slots of the queue for other calls, which wait for a slot.
    other_slots: Arc<Semaphore>,
    queued_bytes: Arc<AtomicUsize>,
    queued_bytes_max: usize,
}

/// The way in which a call is queued and committed.
pub(crate) struct Terms {
    pub(crate) durability: Durability,
    pub(crate) priority: Priority,
    /// The estimated cost of the call (see [`weight`]).
    pub(crate) weight: u64,
    /// Whether the call may wait for a moment to share the commit of another.
    pub(crate) is_patient: bool,
}

impl Terms {
    /// Returns the terms of one batch of the host's own work or of an operator's command.
    pub(crate) fn batch(durability: Durability) -> Self {
        Self {
            durability,
            priority: Priority::Turn(None),
            weight: weight::BATCH,
            is_patient: false,
        }
    }

    /// Returns the terms of a call that changes `count` leases.
    pub(crate) fn leases(count: usize) -> Self {
        Self {
            durability: Durability::Unsynced,
            priority: Priority::First,
            weight: weight::of_leases(count),
            is_patient: false,
        }
    }

    /// Returns the terms of the settlement of an attempt of a tenant, or of a delivery.
    pub(crate) fn settlement(tenant: Option<TenantName>, weight: u64) -> Self {
        Self {
            durability: Durability::Synced,
            is_patient: tenant.is_some(),
            priority: Priority::Turn(tenant),
            weight,
        }
    }
}

impl Writer {
    /// Starts the thread. `guard` is dropped after the database is closed.
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

        // Read before the thread caches anything, so that every later write of another process is
        // noticed.
        let data_version = data_version(&connection).ok();
        let work = Loop {
            database: Database::new(connection),
            clock: Arc::clone(&options.clock),
            durability: None,
            is_log_suspect: false,
            data_version,
            alarm: file_check.map(Alarm::new),
            wakes,
            counters: Arc::clone(&counters),
        };

        let abandon_on_exit = AbandonOnExit(Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                work.run(&abandon_on_exit.0);
                drop(guard);
            })?;

        let slots = options.queue_max.max(1);
        Ok(Self {
            shared,
            thread: Some(thread),
            counters,
            append_slots: Arc::new(Semaphore::new(slots)),
            other_slots: Arc::new(Semaphore::new(slots)),
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

    /// Runs `work` on the writer's thread and waits for its commit. Waits for a slot in the queue
    /// first.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        terms: Terms,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let slot = Arc::clone(&self.other_slots)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;

        self.queue(terms, slot, work).await
    }

    /// Runs an append on the writer's thread and waits for its commit.
    ///
    /// Fails with [`Error::Busy`] rather than waits if the queue has no slot for the append, or no
    /// room for its `bytes`.
    pub(crate) async fn append_or_busy<T: Send + 'static>(
        &self,
        weight: u64,
        bytes: usize,
        mut work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let queued = QueuedBytes::take(&self.queued_bytes, bytes, self.queued_bytes_max)
            .ok_or(Error::Busy)?;
        let slot = Arc::clone(&self.append_slots)
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;

        let terms = Terms {
            durability: Durability::Synced,
            priority: Priority::First,
            weight,
            is_patient: false,
        };
        let work = move |database: &mut Database| {
            // The closure owns the bytes, so that they stay taken until the command is dropped.
            let _queued = &queued;
            work(database)
        };
        self.queue(terms, slot, work).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        Terms {
            durability,
            priority,
            weight,
            is_patient,
        }: Terms,
        slot: OwnedSemaphorePermit,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (mut command, answer) = Command::new(durability, slot, work);
        command.is_patient = is_patient;
        if !self.shared.push(priority, weight, command) {
            return Err(stopped());
        }

        // The thread ended while it had the call, or before it came to it.
        answer
            .await
            .unwrap_or_else(|_| Err(Error::Unknown(STOPPED.into())))
    }

    /// Starts a ticker that makes the idle writer look for the writes of other processes and for
    /// missing files.
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
            tracing::error!("the thread that writes to the store panicked");
        }
    }
}

/// The reason for which a call fails after the writer's thread has ended, which only a defect can
/// cause.
const STOPPED: &str = "the thread that writes to the store has stopped; restart the host";

fn stopped() -> Error {
    Error::Store(STOPPED.into())
}

/// The bytes of one queued append, as a part of all queued bytes.
struct QueuedBytes {
    all: Arc<AtomicUsize>,
    share: usize,
}

impl QueuedBytes {
    /// Takes `share` bytes, or returns `None` if they exceed `max`.
    ///
    /// An empty queue has room for any append, because ingress has already limited the size of the
    /// body.
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
    is_patient: bool,
    /// The slot in the queue, until the call is in a group.
    slot: Option<OwnedSemaphorePermit>,
    call: Box<dyn Call>,
}

impl Command {
    fn new<T: Send + 'static>(
        durability: Durability,
        slot: OwnedSemaphorePermit,
        work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, Error>>) {
        let (reply, answer) = oneshot::channel();
        let command = Self {
            durability,
            is_patient: false,
            slot: Some(slot),
            call: Box::new(Work {
                work,
                result: None,
                reply,
            }),
        };

        (command, answer)
    }
}

trait Call: Send {
    /// Does the work. Returns `false` if the work failed in the middle and must be undone. A refusal
    /// has changed nothing.
    fn run(&mut self, database: &mut Database) -> bool;
    /// Answers the caller. `fault` is the reason if the group was not committed.
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
    fn run(&mut self, database: &mut Database) -> bool {
        let result = (self.work)(database);
        let is_whole = !matches!(
            result,
            Err(Error::Store(_) | Error::Unknown(_) | Error::Corrupt { .. })
        );
        self.result = Some(result);

        is_whole
    }

    fn answer(self: Box<Self>, fault: Option<&Fault>) {
        let Self {
            work,
            result,
            reply,
        } = *self;
        // Dropped first, so that the caller's share of the queue is free when the caller gets the
        // answer.
        drop(work);

        let answer = match (result, fault) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(fault)) if fault.is_unknown() => Err(Error::Unknown(Box::new(fault.clone()))),
            (_, Some(fault)) => Err(Error::Store(Box::new(fault.clone()))),
            (Some(Ok(done)), None) => Ok(done),
            (None, None) => Err(stopped()),
        };
        // The caller may have gone. What was committed stays.
        let _ = reply.send(answer);
    }
}

/// The reason for which a whole group was not committed. Every caller of the group gets it.
#[derive(Debug, Clone, thiserror::Error)]
enum Fault {
    #[error("the transaction was rolled back")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the commit failed, and may still be found after a restart")]
    Commit(#[source] Arc<rusqlite::Error>),
    #[error("the files of the store are not where the host opened them")]
    Files(#[source] FileFault),
    #[error("the files of the store were moved during the commit")]
    FilesMoved(#[source] FileFault),
}

impl Fault {
    fn of_commit(error: rusqlite::Error) -> Self {
        // The log may have the whole transaction, although it could not be synced.
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
            Self::Commit(Arc::new(error))
        } else {
            error.into()
        }
    }

    /// Returns whether the group may be found in the database later.
    fn is_unknown(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::FilesMoved(_))
    }

    fn sqlite_error(&self) -> Option<&rusqlite::Error> {
        match self {
            Self::Sqlite(error) | Self::Commit(error) => Some(error),
            Self::Files(_) | Self::FilesMoved(_) => None,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

/// The state of the writer's thread.
struct Loop {
    database: Database,
    clock: Arc<dyn Clock>,
    /// The current durability of the connection.
    durability: Option<Durability>,
    /// Whether the disk has failed, so that the write-ahead log may never reach it.
    is_log_suspect: bool,
    /// A number that changes whenever another connection has written.
    data_version: Option<i64>,
    /// The check of the files. Only a host's store has one.
    alarm: Option<Alarm>,
    wakes: Arc<Wakes>,
    counters: Arc<Counters>,
}

/// Returns a number that changes whenever another connection has written.
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
                Task::Serve => self.serve(&mut group),
                Task::Look => self.look_idly(),
                Task::End => return,
            }
        }
    }

    fn look_idly(&mut self) {
        if self.check_files().is_ok() {
            // A failed look is repeated before the next group, where its error is reported.
            let _ = self.look();
        }
    }

    /// Fails while the files of the database are not where the host opened them.
    fn check_files(&mut self) -> Result<(), FileFault> {
        self.alarm.as_mut().map_or(Ok(()), Alarm::check)
    }

    /// Looks for a write of another process. After such a write, clears the caches and wakes every
    /// waiting task.
    fn look(&mut self) -> rusqlite::Result<()> {
        let version = data_version(&self.database.connection)?;
        let previous = self.data_version.replace(version);

        if previous.is_some_and(|previous| previous != version) {
            self.database.forget();
            self.wakes.all();
        }
        Ok(())
    }

    fn serve(&mut self, group: &mut Vec<Command>) {
        // Frees the slots, so that waiting calls can be queued while this group is committed.
        for command in group.iter_mut() {
            command.slot = None;
        }
        self.database.begin(self.clock.now(), self.wakes.handover());

        let fault = self.commit_in_place(group).err();
        match &fault {
            None => {
                self.database.hand_over_all();
                self.wake();
            }
            Some(fault) => self.abandon(fault, group.len()),
        }

        self.counters
            .calls
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        for command in group.drain(..) {
            command.call.answer(fault.as_ref());
        }
    }

    /// Undoes what is left of a group that could not be committed.
    fn abandon(&mut self, fault: &Fault, calls: usize) {
        self.roll_back();
        // The alarm has already reported missing files.
        if let Some(error) = fault.sqlite_error() {
            self.is_log_suspect |= error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
            tracing::error!(calls, %error, "the store could not commit");
        }
    }

    /// Commits a group and checks the files afterwards, so that nothing is acknowledged that went
    /// to a file which had lost its name by then. While files are missing, checks them before as
    /// well, so that nothing goes to such a file.
    fn commit_in_place(&mut self, group: &mut [Command]) -> Result<(), Fault> {
        if self.alarm.as_ref().is_some_and(Alarm::is_raised) {
            self.check_files().map_err(Fault::Files)?;
        }
        self.commit(group)?;
        self.check_files().map_err(Fault::FilesMoved)
    }

    fn wake(&self) {
        if self.database.has_due_jobs {
            self.wakes.jobs.notify_one();
        }
        if self.database.has_due_messages {
            self.wakes.messages.notify_one();
        }
    }

    fn commit(&mut self, group: &mut [Command]) -> Result<(), Fault> {
        let synced = group
            .iter()
            .any(|command| command.durability == Durability::Synced);
        let durability = if synced {
            Durability::Synced
        } else {
            Durability::Unsynced
        };

        if self.is_log_suspect {
            self.start_new_log()?;
        }
        self.set_durability(durability)?;
        self.begin()?;
        if !self.run_together(group) {
            self.roll_back();
            self.begin()?;
            self.run_apart(group)?;
        }
        self.database.add_totals()?;
        self.execute("COMMIT").map_err(Fault::of_commit)?;

        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters
            .syncs
            .fetch_add(u64::from(synced), Ordering::Relaxed);
        Ok(())
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        self.execute("BEGIN IMMEDIATE")?;
        // Looks inside the transaction: from here on no other process can write.
        self.look()
    }

    /// Runs the calls of a group. Returns `false` if a call failed in the middle, so that the group
    /// must be rolled back.
    fn run_together(&mut self, group: &mut [Command]) -> bool {
        group.iter_mut().all(|command| {
            let is_whole = command.call.run(&mut self.database);
            // SQLite itself rolls back the transaction on some errors of the disk.
            is_whole && !self.database.connection.is_autocommit()
        })
    }

    /// Runs the calls of a group, and undoes each call that fails.
    fn run_apart(&mut self, group: &mut [Command]) -> rusqlite::Result<()> {
        for command in group {
            let handed_over = self.database.handed_over();
            self.database.add_totals()?;
            self.execute("SAVEPOINT call")?;
            if !command.call.run(&mut self.database) {
                self.database.undo_to(handed_over);
                // Fails if SQLite has rolled back the whole transaction, for example because the
                // disk is full.
                self.execute("ROLLBACK TO call")?;
            }
            self.execute("RELEASE call")?;
        }

        Ok(())
    }

    /// Moves everything that is committed into the database, syncs it, and empties the write-ahead
    /// log.
    ///
    /// Linux reports a failed sync only once and then regards the pages as clean, so no later sync
    /// writes them. The lost pages may contain a lease that was committed without a sync. If the
    /// power fails, everything that follows such a gap in the log is lost with it, even if it was
    /// synced.
    fn start_new_log(&mut self) -> rusqlite::Result<()> {
        self.set_durability(Durability::Synced)?;
        let is_busy: bool =
            self.database
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;

        if is_busy {
            return Err(rusqlite::Error::SqliteFailure(
                Failure::new(SQLITE_BUSY),
                None,
            ));
        }
        self.is_log_suspect = false;
        Ok(())
    }

    fn set_durability(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.durability == Some(durability) {
            return Ok(());
        }

        let level = match durability {
            Durability::Synced => "FULL",
            // In WAL mode the database stays whole after any crash. A later synced commit also
            // syncs this one.
            Durability::Unsynced => "NORMAL",
        };
        self.database
            .connection
            .pragma_update(None, "synchronous", level)?;
        self.durability = Some(durability);
        Ok(())
    }

    fn roll_back(&mut self) {
        self.database.undo();
        if !self.database.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "the store could not roll back");
        }
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.database
            .connection
            .prepare_cached(statement)?
            .execute([])
            .map(drop)
    }
}

#[cfg(test)]
mod tests;
