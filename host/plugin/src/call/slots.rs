//! The slots for instances, and the instances that wait in their slots for the next event.
//!
//! Each attempt needs a slot. An operator may let an instance handle several events of its plugin;
//! between two of them, the instance is idle and keeps its slot. As soon as an attempt finds no free
//! slot, the instance that has been idle for the longest time is given up, so that idle instances
//! never keep another plugin waiting.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Store;
use wasmtime::component::Instance;

use super::state::State;

/// The maximum time between two searches for instances that have been idle for too long.
const EXPIRY_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// When an instance handles further events of its plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceReuse {
    /// The maximum number of events that one instance handles. With 1, each attempt has a fresh
    /// instance.
    pub events: usize,
    /// The maximum time that an instance waits for the next event.
    pub idle: Duration,
}

impl InstanceReuse {
    /// Returns this if an instance may handle more than one event.
    pub fn enabled(self) -> Option<Self> {
        Some(self).filter(|reuse| reuse.events > 1)
    }
}

impl Default for InstanceReuse {
    fn default() -> Self {
        Self {
            events: 1,
            idle: Duration::from_secs(10),
        }
    }
}

impl fmt::Display for InstanceReuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, idle } = self;
        write!(
            f,
            "reuses an instance for up to {events} events ([reuse] in its settings, idle for at most \
             {idle:?}): what one event leaves in memory, the next one can see"
        )
    }
}

/// A store in its slot, and its instance once there is one.
pub(crate) struct Slot {
    // Dropping the store frees its place in the pool of instances, before the permit is given back.
    pub(super) store: Store<State>,
    pub(super) instance: Option<Instance>,
    /// The number of events that the instance has handled.
    pub(super) events: usize,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// All slots of an engine.
pub(crate) struct Slots {
    permits: Arc<Semaphore>,
    /// The number of attempts that wait for a slot.
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
    next_owner: AtomicU64,
}

#[derive(Default)]
struct Idle {
    /// The idle instances. The one that has been idle for the longest time comes first.
    slots: VecDeque<IdleSlot>,
    /// Whether a task gives up instances that have been idle for too long.
    has_task: bool,
}

struct IdleSlot {
    owner: u64,
    until: Instant,
    slot: Slot,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(count)),
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            next_owner: AtomicU64::new(0),
        })
    }

    /// Waits for a free slot, and gives up an idle instance if there is none.
    pub(super) async fn permit(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }

        // Counted before an idle instance is searched for: an instance that becomes idle later is
        // given up at once.
        let _waiting = Waiting::begin(&self.waiting);
        let given_up = self.idle().slots.pop_front();
        drop(given_up);
        Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the permits are never closed")
    }

    /// Gives up the instances that have been idle for too long. Returns the time until the next
    /// search, or `None` if there is nothing left to search for.
    fn expire(&self, now: Instant) -> Option<Duration> {
        let mut idle = self.idle();
        let (expired, left): (VecDeque<_>, VecDeque<_>) =
            idle.slots.drain(..).partition(|idle| idle.until <= now);
        idle.slots = left;
        let next = idle.slots.iter().map(|idle| idle.until - now).min();
        idle.has_task = next.is_some();

        drop(idle);
        drop(expired);
        next.map(|next| next.min(EXPIRY_INTERVAL_MAX))
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that waits for a slot.
struct Waiting<'s>(&'s AtomicUsize);

impl<'s> Waiting<'s> {
    fn begin(waiting: &'s AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The idle instances of one loaded plugin. They are given up when this is dropped.
pub(crate) struct IdleInstances {
    owner: u64,
    slots: Arc<Slots>,
    /// Whether the plugin is no longer active, so that no instance is kept.
    is_retired: AtomicBool,
}

impl IdleInstances {
    pub(crate) fn new(slots: &Arc<Slots>) -> Self {
        Self {
            owner: slots.next_owner.fetch_add(1, Ordering::Relaxed),
            slots: Arc::clone(slots),
            is_retired: AtomicBool::new(false),
        }
    }

    /// Sets whether the plugin is active. Instances of a plugin that is not are given up.
    pub(crate) fn set_active(&self, is_active: bool) {
        self.is_retired.store(!is_active, Ordering::SeqCst);
        if !is_active {
            self.give_up();
        }
    }

    /// Returns an idle instance, if there is one: the one that was used last.
    pub(super) fn take(&self) -> Option<Slot> {
        let now = Instant::now();
        let mut idle = self.slots.idle();
        let at = idle
            .slots
            .iter()
            .rposition(|idle| idle.owner == self.owner && idle.until > now)?;
        idle.slots.remove(at).map(|idle| idle.slot)
    }

    /// Keeps an instance for the next event, unless its slot is needed or the plugin is no longer
    /// active.
    pub(super) fn keep(&self, slot: Slot, idle_max: Duration) {
        let now = Instant::now();
        // A time that cannot be represented is far away.
        let until = now
            .checked_add(idle_max)
            .unwrap_or(now + Duration::from_secs(1 << 30));
        let slot = IdleSlot {
            owner: self.owner,
            until,
            slot,
        };

        let mut idle = self.slots.idle();
        let is_needed = self.slots.waiting.load(Ordering::SeqCst) > 0;
        if is_needed || self.is_retired.load(Ordering::SeqCst) {
            drop(idle);
            drop(slot);
            return;
        }
        idle.slots.push_back(slot);
        if !std::mem::replace(&mut idle.has_task, true) {
            tokio::spawn(expire(Arc::downgrade(&self.slots)));
        }
    }

    fn give_up(&self) {
        let mut idle = self.slots.idle();
        let (own, left): (VecDeque<_>, VecDeque<_>) = idle
            .slots
            .drain(..)
            .partition(|idle| idle.owner == self.owner);
        idle.slots = left;

        drop(idle);
        drop(own);
    }
}

impl Drop for IdleInstances {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Gives up instances that have been idle for too long, until there are no idle instances.
async fn expire(slots: Weak<Slots>) {
    loop {
        let next = match slots.upgrade() {
            Some(slots) => slots.expire(Instant::now()),
            None => return,
        };
        match next {
            Some(next) => tokio::time::sleep(next).await,
            None => return,
        }
    }
}
