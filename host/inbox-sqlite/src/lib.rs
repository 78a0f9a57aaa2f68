//! The inbox on SQLite, the store of a single host.

mod options;

pub use options::{OpenError, Options};

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_inbox::{Appended, Claimed, Error, EventSummary, Inbox, JobRef, Page, Routes, Settlement, Want};
use hookyard_model::{Event, PluginRef, Timestamp};

/// An inbox in one SQLite file.
pub struct SqliteInbox {
    _private: (),
}

impl SqliteInbox {
    /// Opens the inbox at `path` as its only host, creating file and folder where missing, and gives back every lease
    /// that an earlier host left. Blocks: call it where blocking is allowed.
    pub fn open(_path: &Path, _options: Options) -> Result<Self, OpenError> {
        todo!()
    }

    /// Opens the inbox at `path` for reading only; a host may have it open. Every call that writes fails.
    pub fn open_read_only(_path: &Path) -> Result<Self, OpenError> {
        todo!()
    }
}

#[async_trait]
impl Inbox for SqliteInbox {
    async fn append(&self, _event: Event) -> Result<Appended, Error> {
        todo!()
    }
    async fn route(&self, _routes: Routes) -> Result<(), Error> {
        todo!()
    }
    async fn claim(&self, _wanted: &[Want], _now: Timestamp, _lease: Duration) -> Result<Vec<Claimed>, Error> {
        todo!()
    }
    async fn extend(&self, _leases: &[JobRef], _until: Timestamp) -> Result<(), Error> {
        todo!()
    }
    async fn release(&self, _leases: &[JobRef]) -> Result<(), Error> {
        todo!()
    }
    async fn settle(&self, _settlement: Settlement) -> Result<(), Error> {
        todo!()
    }
    async fn next_due(&self, _plugins: &[PluginRef]) -> Result<Option<Timestamp>, Error> {
        todo!()
    }
    async fn changed(&self) {
        todo!()
    }
    async fn events(&self, _page: Page) -> Result<Vec<EventSummary>, Error> {
        todo!()
    }
}
