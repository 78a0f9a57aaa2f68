//! The slots that attempts have given back, on their way to the dispatcher.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::slots::PluginId;

/// The slots that are free again. Each slot is here at most once, so their number is bounded by the
/// number of slots.
#[derive(Debug, Default)]
pub(crate) struct FreedSlots {
    freed: Mutex<Vec<PluginId>>,
    arrived: Notify,
}

/// The slot of a running attempt. Dropping it frees the slot, also if the attempt panics.
#[derive(Debug)]
pub(crate) struct Slot {
    plugin: PluginId,
    freed: Arc<FreedSlots>,
}

impl FreedSlots {
    /// Waits until a slot may have become free. Dropping the future loses nothing.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Moves the plugins whose slots are free to `into`, once for each slot.
    pub(crate) fn take(&self, into: &mut Vec<PluginId>) {
        into.append(&mut self.freed.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Slot {
    /// Returns the slot that an attempt of `plugin` has taken.
    pub(crate) fn new(plugin: PluginId, freed: &Arc<FreedSlots>) -> Self {
        Self {
            plugin,
            freed: Arc::clone(freed),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut freed = self
            .freed
            .freed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        freed.push(self.plugin);
        let is_first = freed.len() == 1;
        drop(freed);

        // The worker takes all slots at once, so only the first of them wakes it.
        if is_first {
            self.freed.arrived.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropped_slots_are_free() {
        let freed = Arc::new(FreedSlots::default());
        let (first, second) = (PluginId(1), PluginId(2));
        let slots = [Slot::new(first, &freed), Slot::new(second, &freed)];
        let mut taken = Vec::new();

        freed.take(&mut taken);
        assert!(taken.is_empty());

        drop(slots);
        freed.arrived().await;
        freed.take(&mut taken);
        assert_eq!(taken, [first, second]);
    }
}
