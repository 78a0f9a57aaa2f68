//! The stop of the host: what asked for it, which parts still run, and how long it may take.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The time that the stop may take in addition to `shutdown_timeout`.
const GRACE: Duration = Duration::from_secs(5);

/// A handle on the stop of the host. All clones share one state.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What asked first for the stop, such as the name of a signal.
    asked_by: watch::Sender<Option<&'static str>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shutdown_timeout: Duration,
    /// The names of the parts that still run.
    running: BTreeSet<&'static str>,
}

impl Stop {
    /// Returns a stop that nothing has asked for.
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            asked_by: watch::Sender::new(None),
            state: Mutex::default(),
        }))
    }

    /// Asks for the stop. Returns `false` if something asked earlier.
    pub(super) fn ask(&self, by: &'static str) -> bool {
        self.0.asked_by.send_if_modified(|asked_by| {
            let is_first = asked_by.is_none();
            asked_by.get_or_insert(by);
            is_first
        })
    }

    /// Returns whether something has asked for the stop.
    pub(super) fn is_asked(&self) -> bool {
        self.0.asked_by.borrow().is_some()
    }

    /// Waits until something asks for the stop, and returns what asked first.
    pub(super) async fn asked(&self) -> &'static str {
        let mut asked_by = self.0.asked_by.subscribe();

        // This cannot fail: `self` holds the sender, so the channel stays open.
        asked_by
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|by| *by)
            .unwrap_or_default()
    }

    /// Sets how long the parts may take to finish their current work.
    pub(super) fn set_shutdown_timeout(&self, shutdown_timeout: Duration) {
        self.state().shutdown_timeout = shutdown_timeout;
    }

    /// Returns how long the whole stop may take.
    pub(super) fn time_max(&self) -> Duration {
        self.state().shutdown_timeout + GRACE
    }

    /// Runs a part of the host. The part counts as running until it returns or is dropped.
    pub(super) async fn run<T>(self, name: &'static str, part: impl Future<Output = T>) -> T {
        self.state().running.insert(name);
        let _running = Running { stop: &self, name };
        part.await
    }

    /// Returns the names of the parts that still run, for a message.
    pub(super) fn running(&self) -> String {
        let names: Vec<_> = self.state().running.iter().copied().collect();
        names.join(", ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a part from the running ones when it is dropped.
struct Running<'s> {
    stop: &'s Stop,
    name: &'static str,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.stop.state().running.remove(self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_stop_reason_is_kept() {
        let stop = Stop::new();
        assert!(!stop.is_asked());
        assert!(stop.ask("SIGTERM") && !stop.ask("SIGINT"));
        assert_eq!(stop.asked().await, "SIGTERM");
        assert!(stop.is_asked());
    }

    #[tokio::test]
    async fn part_runs_until_it_ends_or_is_dropped() {
        let stop = Stop::new();
        stop.set_shutdown_timeout(Duration::from_secs(1));
        assert_eq!(stop.time_max(), Duration::from_secs(1) + GRACE);

        let (one, two) = (stop.clone(), stop.clone());
        let endless = tokio::spawn(one.run("one", std::future::pending::<()>()));
        let names = two.run("two", async { stop.running() }).await;
        assert!(names.contains("two"), "{names}");

        tokio::task::yield_now().await;
        assert_eq!(stop.running(), "one");
        endless.abort();
        assert!(endless.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(stop.running(), "");
    }
}
