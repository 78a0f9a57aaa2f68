//! Measures the time that a guest's code runs.
//!
//! A call is a future. The call's own time is the processor time of its thread while the future is
//! polled. The time between polls, while the call waits for a timer or yields to others, does not
//! count. Neither does the time in which a busy machine runs another thread. The engine's epochs
//! interrupt a call that never returns from its poll; the meter is read at each epoch, on the
//! thread that polls.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Measures the processor time of one call. Clones share one reading.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// The time of the polls that have ended, in nanoseconds.
    used: AtomicU64,
    /// The time of the thread's clock when the present poll began, in nanoseconds.
    polled_at: AtomicU64,
}

impl Meter {
    /// Creates a meter that reads zero.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Returns the time used so far. Must be called from within the call.
    pub(crate) fn used(&self) -> Duration {
        let present = thread_time().saturating_sub(self.0.polled_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed).saturating_add(present))
    }

    /// Returns the time used by a call that is not being polled.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed))
    }

    /// Runs a call under this meter.
    pub(crate) fn measure<F: Future>(&self, call: F) -> impl Future<Output = F::Output> {
        let meter = self.clone();
        let mut call = Box::pin(call);
        poll_fn(move |cx| meter.poll(call.as_mut(), cx))
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
        let began = thread_time();
        self.0.polled_at.store(began, Ordering::Relaxed);

        let polled = call.poll(cx);

        let used = thread_time().saturating_sub(began);
        self.0.used.fetch_add(used, Ordering::Relaxed);
        polled
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
