//! Who waits for what in an inbox, and is woken by its writer.

use tokio::sync::Notify;

/// By which whoever waits is woken.
#[derive(Default)]
pub(crate) struct Wakes {
    /// Jobs may have become due.
    pub(crate) jobs: Notify,
    /// Messages may have.
    pub(crate) messages: Notify,
    /// Operators may have said something of releases.
    pub(crate) releases: Notify,
}

impl Wakes {
    /// Anything may have changed.
    pub(crate) fn all(&self) {
        [&self.jobs, &self.messages, &self.releases]
            .into_iter()
            .for_each(Notify::notify_one);
    }
}
