//! Counts the attempts in progress on each revision, to tell when a replaced revision has none
//! left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_model::{PluginRef, Revision};
use tokio::sync::Notify;

type Counts = BTreeMap<(PluginRef, Revision), usize>;

/// The attempts in progress.
#[derive(Debug, Default)]
pub(super) struct Flights {
    counts: Mutex<Counts>,
    landed: Notify,
}

/// An attempt in progress. It ends when this is dropped.
pub(super) struct Flight {
    of: (PluginRef, Revision),
    flights: Arc<Flights>,
}

impl Flights {
    /// Counts a new attempt.
    pub(super) fn begin(self: &Arc<Self>, plugin: &PluginRef, revision: Revision) -> Flight {
        let of = (plugin.clone(), revision);
        *self.counts().entry(of.clone()).or_default() += 1;
        Flight {
            of,
            flights: Arc::clone(self),
        }
    }

    /// Returns the number of attempts in progress on a revision.
    pub(super) fn count(&self, plugin: &PluginRef, revision: Revision) -> usize {
        let of = (plugin.clone(), revision);
        self.counts().get(&of).copied().unwrap_or(0)
    }

    /// Waits until no attempt is in progress on a revision.
    pub(super) async fn ended(&self, plugin: &PluginRef, revision: Revision) {
        loop {
            // Created before the count is read, so that an end in between is not missed.
            let landed = self.landed.notified();
            if self.count(plugin, revision) == 0 {
                return;
            }
            landed.await;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut counts = self.flights.counts();
        let is_last = counts.get_mut(&self.of).is_none_or(|count| {
            *count -= 1;
            *count == 0
        });

        if is_last {
            counts.remove(&self.of);
            self.flights.landed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn revision_is_drained_after_last_attempt() {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        let revision = Revision::from_sha256([1; 32]);
        let flights = Arc::new(Flights::default());
        flights.ended(&plugin, revision).await;

        let one = flights.begin(&plugin, revision);
        let two = flights.begin(&plugin, revision);
        let other = flights.begin(&plugin, Revision::from_sha256([2; 32]));
        assert_eq!(flights.count(&plugin, revision), 2);

        drop(one);
        let ended = flights.ended(&plugin, revision);
        tokio::pin!(ended);
        tokio::select! {
            biased;
            () = &mut ended => panic!("one attempt is in progress"),
            () = std::future::ready(()) => {}
        }

        drop(two);
        ended.await;
        assert_eq!(
            (flights.count(&plugin, revision), flights.counts().len()),
            (0, 1)
        );

        drop(other);
        assert!(flights.counts().is_empty(), "ended attempts are forgotten");
    }
}
