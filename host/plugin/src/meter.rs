//! The time that a guest's code runs.
//!
//! A call is a future. What its thread computes while it is being polled is what it uses; the time between polls, while
//! it waits for a timer or gives way to others, is not its own, and neither is the time in which a busy machine runs
//! another thread. A call that never returns to its poll is brought back by the engine's epochs, at each of which the
//! meter is read, on the thread that polls.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long a call has run.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    /// Of the polls that have ended, in nanoseconds.
    used: AtomicU64,
    /// What the polling thread's clock said when the present poll began, in nanoseconds.
    polled_at: AtomicU64,
}

impl Meter {
    /// At zero.
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// The time used, as seen from within the call.
    pub(crate) fn used(&self) -> Duration {
        let present = thread_time().saturating_sub(self.0.polled_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed).saturating_add(present))
    }

    /// The time used by a call that is not being polled.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed))
    }

    /// Runs a call under this meter.
    pub(crate) fn measure<F: Future>(&self, call: F) -> impl Future<Output = F::Output> {
        let meter = self.clone();
        let mut call = Box::pin(call);
        std::future::poll_fn(move |cx| meter.poll(call.as_mut(), cx))
    }

    /// Polls a call under this meter.
    //
    // Polls of one future never overlap, and a task that moves to another thread is handed over with a barrier, so
    // relaxed loads and stores see each other. Within a poll no thread is changed, so one clock measures it.
    pub(crate) fn poll<F: Future + ?Sized>(
        &self,
        call: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        let began = thread_time();
        self.0.polled_at.store(began, Ordering::Relaxed);
        let polled = call.poll(cx);
        self.0
            .used
            .fetch_add(thread_time().saturating_sub(began), Ordering::Relaxed);
        polled
    }
}

/// How long the present thread has run on a processor, in nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (
        u64::try_from(time.tv_sec).unwrap_or(0),
        u64::try_from(time.tv_nsec).unwrap_or(0),
    );
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn computing_counts_and_standing_still_does_not() {
        const BUSY: Duration = Duration::from_millis(20);
        let meter = Meter::new();
        let idle = meter.measure(async { std::thread::sleep(Duration::from_millis(200)) });
        idle.await;
        let after_idle = meter.total();
        assert!(
            after_idle < Duration::from_millis(100),
            "another thread's turn is not the call's: {after_idle:?}"
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
            "what was seen from within is kept: {after_busy:?}"
        );
    }
}
