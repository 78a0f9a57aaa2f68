//! How many attempts are under way on each revision, so that it can be told when one that was replaced has none left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_model::{PluginRef, Revision};
use tokio::sync::Notify;

type Counts = BTreeMap<(PluginRef, Revision), usize>;

/// The attempts that are under way.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    counts: Mutex<Counts>,
    landed: Notify,
}

/// One attempt; it is over when this is dropped.
pub(crate) struct Flight {
    of: (PluginRef, Revision),
    flights: Arc<Flights>,
}

impl Flights {
    /// Counts an attempt in.
    pub(crate) fn begin(self: &Arc<Self>, plugin: &PluginRef, revision: Revision) -> Flight {
        let of = (plugin.clone(), revision);
        *self.counts().entry(of.clone()).or_default() += 1;
        Flight {
            of,
            flights: Arc::clone(self),
        }
    }

    /// How many are under way.
    pub(crate) fn count(&self, plugin: &PluginRef, revision: Revision) -> usize {
        self.counts()
            .get(&(plugin.clone(), revision))
            .copied()
            .unwrap_or(0)
    }

    /// Returns once there's none under way on that revision.
    pub(crate) async fn ended(&self, plugin: &PluginRef, revision: Revision) {
        loop {
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
    async fn the_last_one_to_land_is_told() {
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        };
        let revision = Revision::from_sha256([1; 32]);
        let flights = Arc::new(Flights::default());
        flights.ended(&plugin, revision).await;
        let (one, two) = (
            flights.begin(&plugin, revision),
            flights.begin(&plugin, revision),
        );
        let other = flights.begin(&plugin, Revision::from_sha256([2; 32]));
        assert_eq!(flights.count(&plugin, revision), 2);
        drop(one);
        let ended = flights.ended(&plugin, revision);
        tokio::pin!(ended);
        tokio::select! {
            biased;
            () = &mut ended => panic!("one is left"),
            () = std::future::ready(()) => {}
        }
        drop(two);
        ended.await;
        assert_eq!(
            (flights.count(&plugin, revision), flights.counts().len()),
            (0, 1)
        );
        drop(other);
        assert!(
            flights.counts().is_empty(),
            "nothing is kept of what is over"
        );
    }
}
