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
mod command;
mod fault;
mod queue;
mod run;
mod shared;
pub(crate) mod weight;

pub use alarm::describe_metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use hookyard_model::TenantName;
use hookyard_store::Error;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Options;
use crate::file_check::FileCheck;
use crate::ticker::Ticker;
use crate::wakes::Wakes;
use crate::write::Database;
use alarm::Alarm;
use command::{Command, QueuedBytes};
use queue::{Bounds, Priority};
use run::{Loop, data_version};
use shared::{AbandonOnExit, Shared};

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

#[cfg(test)]
mod tests;
