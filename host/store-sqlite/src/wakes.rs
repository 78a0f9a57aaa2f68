//! Notifications: the writer wakes the tasks that wait for changes.

use tokio::sync::Notify;

/// A notification for each kind of change.
#[derive(Default)]
pub(crate) struct Wakes {
    /// Jobs may have become due.
    pub(crate) jobs: Notify,
    /// Messages may have become due.
    pub(crate) messages: Notify,
    /// Orders or blocks of operators may have changed.
    pub(crate) releases: Notify,
}

impl Wakes {
    /// Wakes every waiting task, because anything may have changed.
    pub(crate) fn all(&self) {
        self.jobs.notify_one();
        self.messages.notify_one();
        self.releases.notify_one();
    }
}
