//! Tracks the activity of every open connection: how long it may wait, and which connection is
//! closed when there are too many.
//!
//! A connection either *waits* for bytes of its sender or *works* on a request that it has read
//! completely. Waiting costs a sender nothing, so it has a time limit. When the maximum number of
//! connections is reached, the connection that has waited the longest is evicted: a flood of idle
//! connections evicts itself. A working connection is never evicted, unless its request waits for
//! something that a stranger chose (a certificate). The listener for administrators follows the
//! same rules.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The extra time that a connection may wait, compared with others, after one of its requests was
/// accepted.
const GRACE: Duration = Duration::from_secs(5);

/// The minimum time between two looks at the deadline of a connection.
const LOOK_MIN: Duration = Duration::from_millis(1);

/// The maximum time for which a connection waits for its sender. Bodies have a limit of their own;
/// see `body`.
#[derive(Debug, Clone, Copy)]
pub struct WaitLimits {
    /// The maximum time for the head of a request. It begins when the connection opens, and for
    /// later requests, with their first byte.
    pub head: Duration,
    /// The maximum time between two requests.
    pub idle: Duration,
}

/// The phase of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request is expected or arriving.
    Head { since: Instant },
    /// Requests are in flight.
    Serving {
        /// The time at which the latest request began.
        since: Instant,
        /// The number of requests in flight.
        requests: usize,
        /// The number of these requests whose body has been read.
        bodies_read: usize,
    },
    /// No byte has arrived since the last answer.
    Idle { since: Instant },
    /// The connection must be closed.
    Evicted,
}

impl Phase {
    /// Returns the time at which the connection began to wait for the sender, or `None` if the host
    /// is handling requests of the connection.
    fn waiting_since(self) -> Option<Instant> {
        match self {
            Self::Head { since }
            | Self::Idle { since }
            | Self::Serving {
                since,
                bodies_read: 0,
                ..
            } => Some(since),
            Self::Serving { .. } | Self::Evicted => None,
        }
    }

    fn deadline(self, limits: WaitLimits) -> Option<Instant> {
        match self {
            Self::Head { since } => Some(since + limits.head),
            Self::Idle { since } => Some(since + limits.idle),
            Self::Serving { .. } => None,
            Self::Evicted => Some(Instant::now()),
        }
    }
}

/// The activity of one connection.
#[derive(Debug)]
pub struct Activity {
    phase: Mutex<Phase>,
    evicted: Notify,
    is_http2: AtomicBool,
    has_unread_body: AtomicBool,
    /// Whether a request on the connection was accepted.
    is_trusted: AtomicBool,
}

impl Activity {
    fn new() -> Self {
        Self {
            phase: Mutex::new(Phase::Head {
                since: Instant::now(),
            }),
            evicted: Notify::new(),
            is_http2: AtomicBool::new(false),
            has_unread_body: AtomicBool::new(false),
            is_trusted: AtomicBool::new(false),
        }
    }

    /// Records that bytes arrived. On HTTP/1.1 they begin the next head; on HTTP/2 they may be
    /// frames that do not belong to a request.
    pub(crate) fn bytes_arrived(&self) {
        if self.is_http2.load(Ordering::Relaxed) {
            return;
        }

        let mut phase = self.phase();
        if matches!(*phase, Phase::Idle { .. }) {
            *phase = Phase::Head {
                since: Instant::now(),
            };
        }
    }

    /// Records that the head of a request is complete. The request is in flight until the result is
    /// dropped.
    pub fn request_began(self: &Arc<Self>, is_http2: bool, has_body: bool) -> InFlight {
        self.is_http2.store(is_http2, Ordering::Relaxed);
        let since = Instant::now();
        self.change(|phase| match phase {
            Phase::Serving {
                requests,
                bodies_read,
                ..
            } => Phase::Serving {
                since,
                requests: requests + 1,
                bodies_read,
            },
            Phase::Head { .. } | Phase::Idle { .. } => Phase::Serving {
                since,
                requests: 1,
                bodies_read: 0,
            },
            Phase::Evicted => Phase::Evicted,
        });

        let mut request = InFlight {
            activity: Arc::clone(self),
            is_body_read: false,
        };
        if !has_body {
            request.body_read();
        }
        request
    }

    /// Returns whether a request was answered before its body was read, so that more of the body
    /// may arrive.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.has_unread_body.load(Ordering::Relaxed)
    }

    /// Returns when the connection must be closed: it has waited too long, or was evicted.
    ///
    /// The phase changes several times in each request, and a timer for each change would be
    /// expensive. One timer therefore looks at the phase no later than the shorter limit allows: a
    /// phase that begins after a look cannot end before the next one.
    pub async fn overdue(&self, limits: WaitLimits) {
        let look_after = limits.head.min(limits.idle).max(LOOK_MIN);

        loop {
            let deadline = self.phase().deadline(limits);
            let now = Instant::now();
            let look_at = match deadline {
                Some(deadline) if deadline <= now => return,
                Some(deadline) => deadline.min(now + look_after),
                None => now + look_after,
            };
            tokio::select! {
                () = tokio::time::sleep_until(look_at) => {}
                () = self.evicted.notified() => return,
            }
        }
    }

    /// Returns the connection's rank for eviction: the time since which it waits, moved by its
    /// grace.
    fn waiting_since(&self, phase: Phase) -> Option<Instant> {
        let grace = if self.is_trusted.load(Ordering::Relaxed) {
            GRACE
        } else {
            Duration::ZERO
        };
        Some(phase.waiting_since()? + grace)
    }

    /// Marks the connection to be closed, unless its rank is no longer `expected`.
    fn evict(&self, expected: Instant) -> bool {
        let mut phase = self.phase();
        let is_still_waiting = self.waiting_since(*phase) == Some(expected);
        if is_still_waiting {
            *phase = Phase::Evicted;
            self.evicted.notify_one();
        }
        is_still_waiting
    }

    fn change(&self, change: impl FnOnce(Phase) -> Phase) {
        let mut phase = self.phase();
        *phase = change(*phase);
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request between its head and its answer.
#[derive(Debug)]
pub struct InFlight {
    activity: Arc<Activity>,
    is_body_read: bool,
}

impl InFlight {
    /// Records that the request was accepted, which proves that the connection belongs to a sender.
    pub(crate) fn accepted(&self) {
        self.activity.is_trusted.store(true, Ordering::Relaxed);
    }

    /// Returns whether the body has been read completely.
    pub(crate) fn is_body_read(&self) -> bool {
        self.is_body_read
    }

    /// Records that the body has been read completely: from now on the connection works.
    pub(crate) fn body_read(&mut self) {
        if !self.is_body_read {
            self.is_body_read = true;
            self.change_bodies_read(|count| count + 1);
        }
    }

    /// Lets the connection be evicted until the result is dropped, although its request has been
    /// read completely. This is for waits that a stranger can cause with one request.
    pub(crate) fn wait_evictably(&self) -> Evictable<'_> {
        self.change_bodies_read(|count| count.saturating_sub(1));
        Evictable(self)
    }

    fn change_bodies_read(&self, change: impl Fn(usize) -> usize) {
        if self.is_body_read {
            let mut phase = self.activity.phase();
            if let Phase::Serving { bodies_read, .. } = &mut *phase {
                *bodies_read = change(*bodies_read);
            }
        }
    }
}

/// A request whose connection may be evicted.
pub(crate) struct Evictable<'a>(&'a InFlight);

impl Drop for Evictable<'_> {
    fn drop(&mut self) {
        self.0.change_bodies_read(|count| count + 1);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_body_read {
            self.activity.has_unread_body.store(true, Ordering::Relaxed);
        }

        self.activity.change(|phase| match phase {
            Phase::Serving { requests: 1, .. } => Phase::Idle {
                since: Instant::now(),
            },
            Phase::Serving {
                since,
                requests,
                bodies_read,
            } => Phase::Serving {
                since,
                requests: requests - 1,
                bodies_read: bodies_read - usize::from(self.is_body_read),
            },
            other => other,
        });
    }
}

/// All open connections, never more than the maximum.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    opened: AtomicU64,
    slots: Arc<Semaphore>,
}

impl Connections {
    /// Allows at most `max` connections, and at least one.
    pub fn new(max: usize) -> Arc<Self> {
        let slots = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            open: Mutex::default(),
            opened: AtomicU64::new(0),
            slots,
        })
    }

    /// Takes a slot for one more connection. At the maximum, evicts the connection that has waited
    /// the longest; returns `None` if no connection waits.
    pub async fn admit(self: &Arc<Self>) -> Option<ConnectionSlot> {
        let slots = Arc::clone(&self.slots);
        let permit = match slots.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.evict_longest_waiting() => slots.acquire_owned().await.ok()?,
            Err(_) => return None,
        };

        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new());
        self.open().insert(number, Arc::clone(&activity));

        Some(ConnectionSlot {
            connections: Arc::clone(self),
            number,
            activity,
            _permit: permit,
        })
    }

    /// Closes the connection that has waited the longest for its sender, between or within
    /// requests. Returns false if no connection waits.
    ///
    /// The search visits every connection. It happens only at the maximum, and is cheap compared
    /// with opening a connection.
    pub(crate) fn evict_longest_waiting(&self) -> bool {
        let open = self.open();

        loop {
            let since = |activity: &Activity| activity.waiting_since(*activity.phase());
            let waiting = open
                .values()
                .filter_map(|activity| Some((since(activity)?, activity)));
            let Some((since, activity)) = waiting.min_by_key(|(since, _)| *since) else {
                return false;
            };
            // The connection may have changed its phase meanwhile; then the search is repeated.
            if activity.evict(since) {
                return true;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of one connection under the maximum. Dropping it frees the slot.
#[derive(Debug)]
pub struct ConnectionSlot {
    connections: Arc<Connections>,
    number: u64,
    /// The activity of the connection. The code that serves the connection records it, and closes
    /// the connection when it is [`overdue`](Activity::overdue).
    pub activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}
