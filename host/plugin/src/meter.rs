//! The time that a guest's code runs.
//!
//! A call is a future. The time in which it is being polled is the time in which it runs; the time between polls, while
//! it waits for a timer or gives way to others, is not its own. A call that never returns to its poll is brought back
//! by the engine's epochs, at each of which the meter is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How long a call has run.
#[derive(Debug, Clone)]
pub(crate) struct Meter(Arc<Reading>);

#[derive(Debug)]
struct Reading {
    origin: Instant,
    /// Of the polls that have ended, in nanoseconds.
    used: AtomicU64,
    /// When the present poll began, in nanoseconds after the origin.
    polled_at: AtomicU64,
}

impl Meter {
    /// At zero.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Reading { origin: Instant::now(), used: AtomicU64::new(0), polled_at: AtomicU64::new(0) }))
    }

    /// The time used, as seen from within the call.
    pub(crate) fn used(&self) -> Duration {
        let present = self.elapsed().saturating_sub(self.0.polled_at.load(Ordering::Relaxed));
        Duration::from_nanos(self.0.used.load(Ordering::Relaxed).saturating_add(present))
    }

    /// Runs a call under this meter.
    pub(crate) fn measure<F: Future>(&self, call: F) -> impl Future<Output = F::Output> {
        let meter = self.clone();
        let mut call = Box::pin(call);
        std::future::poll_fn(move |cx| meter.poll(call.as_mut(), cx))
    }

    // Polls of one future never overlap, and a task that moves to another thread is handed over with a barrier, so
    // relaxed loads and stores see each other.
    fn poll<F: Future>(&self, call: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let began = self.elapsed();
        self.0.polled_at.store(began, Ordering::Relaxed);
        let polled = call.poll(cx);
        self.0.used.fetch_add(self.elapsed().saturating_sub(began), Ordering::Relaxed);
        polled
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.0.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
