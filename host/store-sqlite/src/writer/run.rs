//! The writer's thread: it runs the calls of a group, commits them and answers them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hookyard_model::Clock;
use rusqlite::ffi::{Error as Failure, SQLITE_BUSY};
use rusqlite::{Connection, ErrorCode};

use super::alarm::Alarm;
use super::command::{self, Command};
use super::fault::Fault;
use super::shared::{Shared, Task};
use super::{Counters, Durability};
use crate::file_check::FileFault;
use crate::wakes::Wakes;
use crate::write::Database;

/// The state of the writer's thread.
pub(super) struct Loop {
    pub(super) database: Database,
    pub(super) clock: Arc<dyn Clock>,
    /// The current durability of the connection.
    pub(super) durability: Option<Durability>,
    /// Whether the disk has failed, so that the write-ahead log may never reach it.
    pub(super) is_log_suspect: bool,
    /// A number that changes whenever another connection has written.
    pub(super) data_version: Option<i64>,
    /// The check of the files. Only a host's store has one.
    pub(super) alarm: Option<Alarm>,
    pub(super) wakes: Arc<Wakes>,
    pub(super) counters: Arc<Counters>,
}

/// Returns a number that changes whenever another connection has written.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

impl Loop {
    pub(super) fn run(mut self, shared: &Shared) {
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
        let is_heard = self.wakes.feed.is_heard();
        self.database
            .begin(self.clock.now(), self.wakes.handover(), is_heard);

        let fault = self.commit_in_place(group).err();
        match &fault {
            None => {
                self.database.hand_over_all();
                self.database.tell(&self.wakes.feed);
                self.wake();
            }
            Some(fault) => self.abandon(fault, group.len()),
        }

        self.counters
            .calls
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        command::answer_all(group, fault);
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

    pub(super) fn commit(&mut self, group: &mut [Command]) -> Result<(), Fault> {
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
            let mark = self.database.mark();
            self.database.add_totals()?;
            self.execute("SAVEPOINT call")?;
            if !command.call.run(&mut self.database) {
                self.database.undo_to(mark);
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
