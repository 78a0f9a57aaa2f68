//! Notifications: the writer wakes the tasks that wait for changes, and hands over jobs.

use std::sync::{Arc, Mutex, PoisonError};

use hookyard_store::{Feed, Handover, Hint};
use tokio::sync::Notify;

/// A notification for each kind of change, and the handover for new jobs.
#[derive(Default)]
pub(crate) struct Wakes {
    /// Jobs may have become due.
    pub(crate) jobs: Notify,
    /// Messages may have become due.
    pub(crate) messages: Notify,
    /// Orders or blocks of operators may have changed.
    pub(crate) releases: Notify,
    /// What people who look on hear.
    pub(crate) feed: Feed,
    handover: Mutex<Option<Arc<Handover>>>,
}

impl Wakes {
    /// Wakes every waiting task, because anything may have changed.
    pub(crate) fn all(&self) {
        self.jobs.notify_one();
        self.messages.notify_one();
        self.releases.notify_one();
        self.feed.tell(Hint::Everything);
    }

    /// Returns the handover for the jobs of new events, if there is one.
    pub(crate) fn handover(&self) -> Option<Arc<Handover>> {
        self.handover
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the handover.
    pub(crate) fn set_handover(&self, handover: Arc<Handover>) {
        *self.handover.lock().unwrap_or_else(PoisonError::into_inner) = Some(handover);
    }
}
