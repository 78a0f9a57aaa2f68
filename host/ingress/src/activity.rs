//! What every open connection is doing, how long that may last, and which one makes room when there are too many.
//!
//! A connection is either *waiting* for bytes of its sender or *working* on a request that it has whole. Waiting is
//! what a sender can do to us at no cost, so it is timed, and at the cap the connection that has waited longest is
//! evicted: a flood of idle connections pushes out itself. A working connection is never evicted, unless its request
//! waits for something outside that a stranger chose (a certificate). The administrators' listener goes by the same rules.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// How much longer a connection may wait, before it is the one to be evicted, once a request on it was accepted.
const GRACE: Duration = Duration::from_secs(5);

/// How long a sender may keep a connection waiting. Bodies have their own deadline, see `body`.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of the first request, from the connection's opening on, and of later ones, from the first byte on.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request is awaited or coming in.
    Head { since: Instant },
    /// Requests are in flight, `whole` of them read to their end. `since` is when the latest of them began.
    Serving {
        since: Instant,
        requests: usize,
        whole: usize,
    },
    /// Nothing has come since the last answer.
    Idle { since: Instant },
    /// The connection has to go.
    Evicted,
}

impl Phase {
    fn waiting_since(self) -> Option<Instant> {
        match self {
            Self::Head { since }
            | Self::Idle { since }
            | Self::Serving {
                since, whole: 0, ..
            } => Some(since),
            Self::Serving { .. } | Self::Evicted => None,
        }
    }

    fn deadline(self, patience: Patience) -> Option<Instant> {
        match self {
            Self::Head { since } => Some(since + patience.head),
            Self::Idle { since } => Some(since + patience.idle),
            Self::Serving { .. } => None,
            Self::Evicted => Some(Instant::now()),
        }
    }
}

/// What one connection is doing.
#[derive(Debug)]
pub struct Activity {
    phase: watch::Sender<Phase>,
    is_http2: AtomicBool,
    has_unread_body: AtomicBool,
    is_trusted: AtomicBool,
}

impl Activity {
    fn new() -> Self {
        let phase = watch::Sender::new(Phase::Head {
            since: Instant::now(),
        });
        let [is_http2, has_unread_body, is_trusted] = Default::default();
        Self {
            phase,
            is_http2,
            has_unread_body,
            is_trusted,
        }
    }

    /// Bytes came in. On HTTP/1.1 they begin the next head; HTTP/2 has frames that belong to no request.
    pub(crate) fn bytes_came(&self) {
        if self.is_http2.load(Ordering::Relaxed)
            || !matches!(*self.phase.borrow(), Phase::Idle { .. })
        {
            return;
        }
        self.phase.send_if_modified(|phase| {
            let is_idle = matches!(phase, Phase::Idle { .. });
            if is_idle {
                *phase = Phase::Head {
                    since: Instant::now(),
                };
            }
            is_idle
        });
    }

    /// The head of a request is complete. Its request is in flight until the result is dropped.
    pub fn request_came(self: &Arc<Self>, is_http2: bool, has_body: bool) -> InFlight {
        self.is_http2.store(is_http2, Ordering::Relaxed);
        let since = Instant::now();
        self.phase.send_modify(|phase| {
            *phase = match *phase {
                Phase::Serving {
                    requests, whole, ..
                } => Phase::Serving {
                    since,
                    requests: requests + 1,
                    whole,
                },
                Phase::Head { .. } | Phase::Idle { .. } => Phase::Serving {
                    since,
                    requests: 1,
                    whole: 0,
                },
                Phase::Evicted => Phase::Evicted,
            };
        });
        let mut request = InFlight {
            activity: Arc::clone(self),
            is_whole: false,
        };
        if !has_body {
            request.body_read();
        }
        request
    }

    /// Whether a request was answered before its body was read, so that more of it may be on its way.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.has_unread_body.load(Ordering::Relaxed)
    }

    /// Returns once the connection has to be closed: it has waited too long, or was evicted.
    pub async fn overdue(&self, patience: Patience) {
        let mut phases = self.phase.subscribe();
        loop {
            let deadline = phases.borrow_and_update().deadline(patience);
            let passed = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => return,
                _ = phases.changed() => {}
            }
        }
    }

    /// The connection's rank for eviction: since when it has waited, less its grace.
    fn waiting_since(&self, phase: Phase) -> Option<Instant> {
        let grace = if self.is_trusted.load(Ordering::Relaxed) {
            GRACE
        } else {
            Duration::ZERO
        };
        Some(phase.waiting_since()? + grace)
    }

    /// Marks the connection to be closed, unless it no longer has the rank that was `expected`.
    fn evict(&self, expected: Instant) -> bool {
        self.phase.send_if_modified(|phase| {
            let still_waits = self.waiting_since(*phase) == Some(expected);
            if still_waits {
                *phase = Phase::Evicted;
            }
            still_waits
        })
    }
}

/// One request between its head and its answer.
#[derive(Debug)]
pub struct InFlight {
    activity: Arc<Activity>,
    is_whole: bool,
}

impl InFlight {
    /// The request was accepted: the sender has shown that it is one.
    pub(crate) fn accepted(&self) {
        self.activity.is_trusted.store(true, Ordering::Relaxed);
    }

    /// Whether the body was read to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The body is read to its end: from here on it's us who work, not the sender who is waited for.
    pub(crate) fn body_read(&mut self) {
        if !std::mem::replace(&mut self.is_whole, true) {
            self.activity.phase.send_modify(|phase| {
                if let Phase::Serving { whole, .. } = phase {
                    *whole += 1;
                }
            });
        }
    }
}

impl InFlight {
    /// Lets the connection be evicted until the result is dropped, although its request is whole. For waits that a
    /// stranger can cause by one request.
    pub(crate) fn wait_evictably(&self) -> Evictable<'_> {
        self.change_whole(|whole| whole.saturating_sub(1));
        Evictable(self)
    }

    fn change_whole(&self, change: impl Fn(usize) -> usize) {
        if self.is_whole {
            self.activity.phase.send_modify(|phase| {
                if let Phase::Serving { whole, .. } = phase {
                    *whole = change(*whole);
                }
            });
        }
    }
}

/// A request whose connection may be evicted.
pub(crate) struct Evictable<'a>(&'a InFlight);

impl Drop for Evictable<'_> {
    fn drop(&mut self) {
        self.0.change_whole(|whole| whole + 1);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_whole {
            self.activity.has_unread_body.store(true, Ordering::Relaxed);
        }
        self.activity.phase.send_modify(|phase| {
            let Phase::Serving {
                since,
                requests,
                whole,
            } = *phase
            else {
                return;
            };
            *phase = match requests {
                1 => Phase::Idle {
                    since: Instant::now(),
                },
                _ => Phase::Serving {
                    since,
                    requests: requests - 1,
                    whole: whole - usize::from(self.is_whole),
                },
            };
        });
    }
}

/// All open connections, never more than the cap.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    opened: AtomicU64,
    room: Arc<Semaphore>,
}

impl Connections {
    /// Room for so many connections, one at least.
    pub fn new(max: usize) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            open: Mutex::default(),
            opened: AtomicU64::new(0),
            room,
        })
    }

    /// Takes a place for one more connection. At the cap the one that has waited longest is evicted for it; `None`
    /// when none waits.
    pub async fn admit(self: &Arc<Self>) -> Option<Place> {
        let room = Arc::clone(&self.room);
        let permit = match room.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) if self.evict_longest_waiting() => room.acquire_owned().await.ok()?,
            Err(_) => return None,
        };
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let activity = Arc::new(Activity::new());
        self.open().insert(number, Arc::clone(&activity));
        Some(Place {
            connections: Arc::clone(self),
            number,
            activity,
            _permit: permit,
        })
    }

    /// Closes the connection whose sender has kept us waiting longest, whether between or within requests.
    ///
    /// It looks at every connection, which only happens at the cap; that is cheap beside opening a connection.
    pub(crate) fn evict_longest_waiting(&self) -> bool {
        let open = self.open();
        loop {
            let since = |activity: &Activity| activity.waiting_since(*activity.phase.borrow());
            let waiting = open
                .values()
                .filter_map(|activity| Some((since(activity)?, activity)));
            let Some((since, activity)) = waiting.min_by_key(|(since, _)| *since) else {
                return false;
            };
            if activity.evict(since) {
                return true;
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place under the cap; dropping it makes room.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    number: u64,
    /// What the connection is doing. Whoever serves it says so, and ends it when it is `overdue`.
    pub activity: Arc<Activity>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}
