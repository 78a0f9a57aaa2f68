//! What the dispatcher knows about one plugin.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{PluginRef, Revision};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use crate::metering::PluginMetrics;
use crate::queue::Queue;
use crate::slots::PluginId;

/// The smallest number of places in the handover.
const PLACES_MIN: usize = 64;

/// The number of places for each attempt that may run. A group of appends brings many jobs at once,
/// and they should all find a place while the attempts of the group before are running.
const PLACES_PER_ATTEMPT: usize = 4;

/// The largest number of places that a plugin with quick handlers gets.
const PLACES_MAX: usize = 1024;

/// A plugin, as the dispatcher sees it. The entry of a plugin that is no longer active stays, for
/// the attempts that still run and for the plugin's return.
#[derive(Debug)]
pub(crate) struct Plugin {
    pub(crate) shared: Arc<SharedPlugin>,
    /// The active revision, if the plugin is active.
    pub(crate) revision: Option<Revision>,
    /// The maximum number of concurrent attempts; 0 if the plugin is not active.
    pub(crate) concurrency: usize,
    /// Whether the active revision is quarantined, so that the store holds the jobs.
    pub(crate) is_held: bool,
    /// The end of the time for which the plugin is skipped, because it could not be run.
    pub(crate) skipped_until: Option<Instant>,
    /// The jobs that are leased and wait for a slot.
    pub(crate) queue: Queue,
    /// The number of attempts that are not settled, running or not.
    pub(crate) unsettled: usize,
    /// The number of slots that are reserved for the jobs of a claim.
    pub(crate) claiming: usize,
    /// Whether the plugin waits until the next claim can be made.
    pub(crate) is_deferred: bool,
    pub(crate) due: DueJobs,
    /// The number of attempts that have begun within about a second.
    pub(crate) begun: RecentCount,
    /// The size of the body of the job that began last, in bytes.
    pub(crate) body_bytes: usize,
}

/// Counts what has happened within the last second or two.
#[derive(Debug)]
pub(crate) struct RecentCount {
    since: Instant,
    current: usize,
    previous: usize,
}

/// What is known of the due jobs that the store has for a plugin.
#[derive(Debug, Default)]
pub(crate) struct DueJobs {
    /// Whether there may be some, so that a claim is worthwhile.
    pub(crate) may_exist: bool,
    /// Whether the store must be asked when the next job is due, once no job is due now.
    pub(crate) is_next_unknown: bool,
    /// The time at which the next job becomes due, as far as it is known.
    pub(crate) next: Option<Instant>,
}

/// What the attempts of a plugin share.
pub(crate) struct SharedPlugin {
    pub(crate) id: PluginId,
    pub(crate) name: PluginRef,
    pub(crate) metrics: PluginMetrics,
    /// Lets an attempt run alone after conflicts.
    ///
    /// The attempts of a plugin run concurrently. An attempt runs again if another attempt has
    /// changed a key that it read. After repeated conflicts it runs alone: it waits until the other
    /// attempts of the plugin have ended, and later attempts wait for it, so it cannot lose again.
    /// Correct effects do not need this lock; it only ensures that every attempt ends.
    lock: RwLock<()>,
}

/// A lock that an attempt holds from the beginning of its run to the end of its settlement.
#[expect(dead_code, reason = "the guards are held until they are dropped")]
pub(crate) enum AttemptLock<'a> {
    /// Other attempts of the plugin run too.
    Shared(RwLockReadGuard<'a, ()>),
    /// No other attempt of the plugin runs.
    Exclusive(RwLockWriteGuard<'a, ()>),
}

impl Plugin {
    pub(crate) fn new(id: PluginId, name: PluginRef) -> Self {
        let shared = SharedPlugin {
            id,
            metrics: PluginMetrics::new(&name),
            name,
            lock: RwLock::default(),
        };

        Self {
            shared: Arc::new(shared),
            revision: None,
            concurrency: 0,
            is_held: false,
            skipped_until: None,
            queue: Queue::default(),
            unsettled: 0,
            claiming: 0,
            is_deferred: false,
            due: DueJobs::default(),
            begun: RecentCount::new(Instant::now()),
            body_bytes: 0,
        }
    }

    /// Returns whether jobs may be claimed: the plugin is active and not skipped. The store has no
    /// due jobs for a quarantined plugin; that a claim finds one tells that the quarantine ended.
    pub(crate) fn may_claim(&self) -> bool {
        self.concurrency > 0 && self.skipped_until.is_none()
    }

    /// Returns whether attempts may begin: jobs may be claimed, and the plugin is not quarantined.
    pub(crate) fn may_run(&self) -> bool {
        self.may_claim() && !self.is_held
    }

    /// Returns the number of places that the plugin has in the handover.
    pub(crate) fn places(&self) -> usize {
        if self.may_run() { self.room() } else { 0 }
    }

    /// Returns how many jobs may wait before a call and after a call. A plugin with quick handlers
    /// has room for about as many jobs as it begins in a second, so that a burst does not have to be
    /// claimed. The number of these jobs is rounded, so that the room seldom changes.
    fn room(&self) -> usize {
        let quick = self.begun.latest().next_power_of_two().min(PLACES_MAX);
        let by_concurrency = self.concurrency.saturating_mul(PLACES_PER_ATTEMPT);
        PLACES_MIN.max(by_concurrency).max(quick)
    }

    /// Returns whether the plugin has work for one more slot and may begin it, where `running` is
    /// the number of its slots.
    pub(crate) fn wants_slot(&self, running: usize) -> bool {
        let has_work = !self.queue.is_empty() || (self.due.may_exist && !self.is_deferred);

        has_work
            && self.may_claim()
            && running < self.concurrency
            && self.unsettled.saturating_add(self.claiming) < self.unsettled_max()
    }

    /// Returns the number of jobs that a claim asks for in addition to those that have a slot. They
    /// wait in the queue, so that a backlog needs few claims: as many as have begun within the last
    /// second, so that none of them waits for long. Their bodies have about `bytes_max` bytes
    /// together at most, if they are as large as the last one.
    pub(crate) fn claim_ahead(&self, now: Instant, bytes_max: usize) -> usize {
        let room = self.places().saturating_sub(self.queue.len());
        let room_for_bodies = bytes_max / self.body_bytes.max(1);
        self.begun.get(now).min(room).min(room_for_bodies)
    }

    /// Returns the maximum number of attempts that are not settled. It lets calls overlap with the
    /// settlements of earlier attempts, and stops the calls while the store does not settle.
    fn unsettled_max(&self) -> usize {
        self.concurrency.saturating_add(self.room())
    }
}

impl RecentCount {
    const WINDOW: Duration = Duration::from_secs(1);

    fn new(now: Instant) -> Self {
        Self {
            since: now,
            current: 0,
            previous: 0,
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, now: Instant) {
        let age = now.duration_since(self.since);
        if age >= Self::WINDOW {
            let is_next = age < 2 * Self::WINDOW;
            *self = Self {
                since: now,
                current: 0,
                previous: if is_next { self.current } else { 0 },
            };
        }
        self.current += 1;
    }

    /// Returns the count of the last time in which something happened.
    fn latest(&self) -> usize {
        self.current.max(self.previous)
    }

    /// Returns the count.
    fn get(&self, now: Instant) -> usize {
        if now.duration_since(self.since) < 2 * Self::WINDOW {
            self.latest()
        } else {
            0
        }
    }
}

impl DueJobs {
    /// Notes that there may be due jobs, and that the time of the next one is not known.
    pub(crate) fn look(&mut self) {
        self.may_exist = true;
        self.is_next_unknown = true;
    }
}

impl SharedPlugin {
    /// Waits for a shared lock.
    pub(crate) async fn lock_shared(&self) -> AttemptLock<'_> {
        AttemptLock::Shared(self.lock.read().await)
    }

    /// Waits for an exclusive lock.
    pub(crate) async fn lock_exclusive(&self) -> AttemptLock<'_> {
        AttemptLock::Exclusive(self.lock.write().await)
    }
}

impl fmt::Debug for SharedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedPlugin({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ship() -> Plugin {
        let name = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "ship".parse().expect("a name"),
        };
        Plugin::new(PluginId(0), name)
    }

    /// Returns the lock if it can be had without waiting.
    fn now<T>(wait: impl Future<Output = T>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(wait).poll(&mut context) {
            std::task::Poll::Ready(lock) => Some(lock),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn exclusive_lock_excludes_all_others() {
        let plugin = ship().shared;

        let first = now(plugin.lock_shared()).expect("no other lock");
        let second = now(plugin.lock_shared()).expect("shared locks");
        assert!(now(plugin.lock_exclusive()).is_none());

        drop((first, second));
        let alone = now(plugin.lock_exclusive()).expect("no other lock");
        assert!(now(plugin.lock_shared()).is_none());

        drop(alone);
        assert!(now(plugin.lock_shared()).is_some());
    }

    #[test]
    fn slot_is_wanted_within_the_limits() {
        let mut plugin = ship();
        plugin.due.look();
        assert!(!plugin.wants_slot(0), "it is not active");

        plugin.concurrency = 2;
        assert!(plugin.wants_slot(1));
        assert!(!plugin.wants_slot(2), "its concurrency is used");

        plugin.unsettled = 2 + PLACES_MIN - 1;
        assert!(plugin.wants_slot(0));
        plugin.claiming = 1;
        assert!(!plugin.wants_slot(0), "too many attempts are not settled");
        plugin.unsettled = 0;

        plugin.is_deferred = true;
        assert!(!plugin.wants_slot(0), "no claim can be made");
        plugin.is_deferred = false;

        plugin.skipped_until = Some(Instant::now());
        assert!(!plugin.wants_slot(0));
    }

    #[tokio::test(start_paused = true)]
    async fn recent_count_forgets_after_seconds() {
        let begun = Instant::now();
        let after = |millis| begun + Duration::from_millis(millis);
        let mut count = RecentCount::new(begun);
        assert_eq!(count.get(begun), 0);

        count.add(after(0));
        count.add(after(900));
        assert_eq!(count.get(after(900)), 2);

        count.add(after(1_100));
        assert_eq!(count.get(after(1_200)), 2, "the second before");
        assert_eq!(count.get(after(3_100)), 0);

        count.add(after(9_000));
        assert_eq!(count.get(after(9_000)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn claim_ahead_is_bounded() {
        let now = Instant::now();
        let mut plugin = ship();
        plugin.concurrency = 2;
        assert_eq!(plugin.claim_ahead(now, 1_000), 0, "nothing has begun");

        (0..50).for_each(|_| plugin.begun.add(now));
        assert_eq!(plugin.claim_ahead(now, 1_000), 50);

        plugin.body_bytes = 300;
        assert_eq!(plugin.claim_ahead(now, 1_000), 3);
    }

    #[test]
    fn only_running_plugins_have_places() {
        let mut plugin = ship();
        assert_eq!(plugin.places(), 0);

        plugin.concurrency = 8;
        assert_eq!(plugin.places(), PLACES_MIN);

        plugin.concurrency = 50;
        assert_eq!(plugin.places(), 200);

        plugin.is_held = true;
        assert_eq!(plugin.places(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn quick_plugin_has_more_places() {
        let mut plugin = ship();
        plugin.concurrency = 8;

        (0..200).for_each(|_| plugin.begun.add(Instant::now()));
        assert_eq!(plugin.places(), 256);

        (0..2_000).for_each(|_| plugin.begun.add(Instant::now()));
        assert_eq!(plugin.places(), PLACES_MAX);
    }
}
