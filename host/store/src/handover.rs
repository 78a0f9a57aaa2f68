//! The handover: jobs on their way from the append that leased them to the worker that runs them.
//!
//! A worker that reads each new job back from the store pays for a claim and a read. Where the
//! worker has room, the append leases the job itself, and the job passes through memory. Nothing
//! depends on the handover: a job that finds no place in it is pending, and the next claim finds
//! it. The store notes the plugin of such a job here, so that the worker claims for this plugin alone
//! instead of for all plugins.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::PluginRef;
use tokio::sync::Notify;

use crate::ClaimedJob;

/// The jobs that appends have leased for a worker, bounded by places and by bytes.
///
/// The worker opens places for each plugin. An append [reserves](Handover::reserve) a place before
/// it leases a job, and [puts](Handover::put) the job in once the lease is durable. The place is
/// free again when the worker [begins](Handover::begun) the job or gives it back.
#[derive(Debug)]
pub struct Handover {
    lease: Duration,
    bytes_max: usize,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<PluginRef, Places>,
    /// The bytes of all bodies that have a place.
    bytes: usize,
    arrived: Vec<ClaimedJob>,
    /// The plugins that have due jobs without a place.
    due: HashSet<PluginRef>,
    is_closed: bool,
}

/// The places of one plugin.
#[derive(Debug, Default)]
struct Places {
    open: usize,
    taken: usize,
}

impl Handover {
    /// Returns a handover without places. Appends lease jobs for the time `lease`, and the bodies
    /// that have a place have at most `bytes_max` bytes together.
    pub fn new(lease: Duration, bytes_max: usize) -> Self {
        Self {
            lease,
            bytes_max,
            state: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Returns the time for which an append leases a job.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Sets the number of places of a plugin. Jobs that have a place keep it.
    pub fn open(&self, plugin: &PluginRef, places: usize) {
        let mut state = self.state();
        if let Some(of_plugin) = state.places.get_mut(plugin) {
            of_plugin.open = places;
            if of_plugin.is_unused() {
                state.places.remove(plugin);
            }
        } else if places > 0 {
            let of_plugin = Places {
                open: places,
                taken: 0,
            };
            state.places.insert(plugin.clone(), of_plugin);
        }
    }

    /// Reserves a place for a job whose event has a body of `bytes`. Returns whether there was one.
    pub fn reserve(&self, plugin: &PluginRef, bytes: usize) -> bool {
        let mut state = self.state();
        let bytes = state.bytes.saturating_add(bytes);
        if state.is_closed || bytes > self.bytes_max {
            return false;
        }

        match state.places.get_mut(plugin) {
            Some(places) if places.taken < places.open => {
                places.taken += 1;
                state.bytes = bytes;
                true
            }
            _ => false,
        }
    }

    /// Frees a place: the job that has it begins or was given back, or the append that reserved it
    /// failed.
    pub fn begun(&self, plugin: &PluginRef, bytes: usize) {
        let mut state = self.state();
        state.bytes = state.bytes.saturating_sub(bytes);
        if let Some(places) = state.places.get_mut(plugin) {
            places.taken = places.taken.saturating_sub(1);
            if places.is_unused() {
                state.places.remove(plugin);
            }
        }
    }

    /// Puts in jobs whose leases are durable, and wakes the worker.
    pub fn put(&self, jobs: impl IntoIterator<Item = ClaimedJob>) {
        self.state().arrived.extend(jobs);
        self.arrived.notify_one();
    }

    /// Notes that a plugin may have due jobs that have no place here, and wakes the worker, which
    /// claims them. Called once these jobs are durable.
    pub fn note_due(&self, plugin: &PluginRef) {
        let mut state = self.state();
        if !state.due.contains(plugin) {
            state.due.insert(plugin.clone());
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits until there may be something to take. Dropping the future loses nothing.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Takes the jobs that have arrived, which may be none.
    pub fn take(&self) -> Vec<ClaimedJob> {
        std::mem::take(&mut self.state().arrived)
    }

    /// Takes the plugins that may have due jobs without a place.
    pub fn take_due(&self) -> HashSet<PluginRef> {
        std::mem::take(&mut self.state().due)
    }

    /// Closes the handover: no append gets a place any more. Jobs whose append had a place by then
    /// still arrive.
    pub fn close(&self) {
        self.state().is_closed = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn is_unused(&self) -> bool {
        self.open == 0 && self.taken == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        }
    }

    #[test]
    fn places_are_bounded_by_plugin() {
        let handover = Handover::new(Duration::from_secs(1), 100);
        let ship = plugin("ship");
        assert!(!handover.reserve(&ship, 1), "no place is open");

        handover.open(&ship, 1);
        assert!(handover.reserve(&ship, 1));
        assert!(!handover.reserve(&ship, 1), "the place is taken");
        assert!(!handover.reserve(&plugin("audit"), 1));

        handover.begun(&ship, 1);
        assert!(handover.reserve(&ship, 1));
    }

    #[test]
    fn bodies_are_bounded_together() {
        let handover = Handover::new(Duration::from_secs(1), 100);
        let (ship, audit) = (plugin("ship"), plugin("audit"));
        handover.open(&ship, 9);
        handover.open(&audit, 9);

        assert!(handover.reserve(&ship, 60));
        assert!(!handover.reserve(&audit, 60));
        assert!(handover.reserve(&audit, 40));

        handover.begun(&ship, 60);
        assert!(handover.reserve(&audit, 60));
    }

    #[tokio::test]
    async fn due_plugin_is_noted_once() {
        let handover = Handover::new(Duration::from_secs(1), 100);
        let ship = plugin("ship");

        handover.note_due(&ship);
        handover.note_due(&ship);
        handover.arrived().await;

        assert_eq!(handover.take_due(), [ship].into());
        assert!(handover.take_due().is_empty());
    }

    #[test]
    fn closed_handover_has_no_places() {
        let handover = Handover::new(Duration::from_secs(1), 100);
        let ship = plugin("ship");
        handover.open(&ship, 9);
        assert!(handover.reserve(&ship, 1));

        handover.close();
        assert!(!handover.reserve(&ship, 1));

        handover.open(&ship, 0);
        handover.begun(&ship, 1);
        assert!(handover.state().places.is_empty());
    }
}
