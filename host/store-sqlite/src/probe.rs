//! The probe: whether the store would store an event now.

use hookyard_store::Error;

use crate::SqliteStore;
use crate::codec::store;
use crate::open::APPLICATION_ID;
use crate::writer::weight;

impl SqliteStore {
    /// Commits and syncs a write that changes nothing, on the way of an append.
    ///
    /// # Errors
    ///
    /// Fails if an append would fail now: with [`Error::Busy`] if the queue is full, and with
    /// another error if the disk is full or fails, or if the files are not where the host opened
    /// them.
    pub async fn probe(&self) -> Result<(), Error> {
        self.writer()?
            .append_or_busy(weight::SMALL, 0, |database| {
                // SQLite writes the first page again, although the number is the same.
                database
                    .connection
                    .pragma_update(None, "application_id", APPLICATION_ID)
                    .map_err(store)
            })
            .await
    }
}
