//! Measures the time that a guest's code runs.
//!
//! A call is a future. The call's own time is the processor time of its thread while the future is
//! polled. The time between polls, while the call waits for a timer or yields to others, does not
//! count. Neither does the time in which a busy machine runs another thread. The engine's epochs
//! interrupt a call that never returns from its poll; the meter is read at each epoch, on the
//! thread that polls.
//!
//! Most calls end with their first poll, within microseconds, and each reading of a thread's clock
//! is a system call. So the first poll is not measured before its first epoch: that part of it
//! counts as long as it took, and as one tick at most.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::engine::ticker::TICK;

/// Measures the processor time of one call. Clones share one reading.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Reading>);

#[derive(Debug)]
struct Reading {
    created: Instant,
    /// The time of the polls that have ended, in nanoseconds.
    used: AtomicU64,
    /// The time of the thread's clock when it was read for the present poll, in nanoseconds, or
    /// [`UNREAD`].
    polled_at: AtomicU64,
}

/// The clock has not been read, because the first poll has not come to its first epoch.
const UNREAD: u64 = u64::MAX;

impl Meter {
    /// Creates a meter that reads zero, for a call that begins now.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Reading {
            created: Instant::now(),
            used: AtomicU64::new(0),
            polled_at: AtomicU64::new(UNREAD),
        }))
    }

    /// Returns the time used so far. Must be called from within the call.
    pub(crate) fn used(&self) -> Duration {
        let now = thread_time();
        let present = match self.0.polled_at.load(Ordering::Relaxed) {
            UNREAD => {
                self.0.count_unmeasured();
                self.0.polled_at.store(now, Ordering::Relaxed);
                0
            }
            polled_at => now.saturating_sub(polled_at),
        };
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed).saturating_add(present))
    }

    /// Returns the time used by a call that is not being polled.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed))
    }

    /// Runs a call under this meter.
    pub(crate) async fn measure<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|cx| self.poll(call.as_mut(), cx)).await
    }

    /// Polls a call under this meter.
    pub(crate) fn poll<F: Future + ?Sized>(
        &self,
        call: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        // Polls of one future never overlap, and the runtime synchronizes memory when it moves a
        // task to another thread. So relaxed loads and stores see each other. A poll never changes
        // its thread, so one clock measures it.
        let polled_at = &self.0.polled_at;
        if polled_at.load(Ordering::Relaxed) != UNREAD {
            polled_at.store(thread_time(), Ordering::Relaxed);
        }

        let polled = call.poll(cx);

        match polled_at.load(Ordering::Relaxed) {
            UNREAD => {
                self.0.count_unmeasured();
                // From now on, each poll is measured.
                polled_at.store(0, Ordering::Relaxed);
            }
            polled_at => {
                let used = thread_time().saturating_sub(polled_at);
                self.0.used.fetch_add(used, Ordering::Relaxed);
            }
        }
        polled
    }
}

impl Reading {
    /// Counts the time until now, which no clock of a thread has measured.
    fn count_unmeasured(&self) {
        let elapsed = self.created.elapsed().min(TICK);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.used.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// Returns the processor time that the present thread has used, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_poll_counts_at_most_one_tick() {
        let meter = Meter::new();
        let read = meter.clone();
        let ended = meter.measure(async move {
            std::thread::sleep(3 * TICK);
            (read.used(), read.used())
        });
        let (first, second) = ended.await;
        assert_eq!(first, TICK);
        assert!(second >= first && meter.total() >= second);

        let short = Meter::new();
        short.measure(async {}).await;
        assert!(short.total() > Duration::ZERO);
    }

    #[tokio::test]
    async fn meter_counts_processor_time_only() {
        const BUSY: Duration = Duration::from_millis(20);
        let meter = Meter::new();

        meter
            .measure(async { std::thread::sleep(Duration::from_millis(200)) })
            .await;
        let after_idle = meter.total();
        assert!(
            after_idle < Duration::from_millis(100),
            "sleeping is not the call's time: {after_idle:?}"
        );

        let busy = meter.clone();
        meter
            .measure(async move {
                while busy.used() < after_idle + BUSY {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        let after_busy = meter.total();
        assert!(
            after_busy >= after_idle + BUSY,
            "the total includes the time that the call saw: {after_busy:?}"
        );
    }
}
