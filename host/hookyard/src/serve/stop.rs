//! The end of the host: who asked for it, what is still running, and how long that may go on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What everything that isn't a drain may take at the end, together.
const GRACE: Duration = Duration::from_secs(5);

/// The end, as it is asked for and waited for. Clones are of the same.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What asked for the end first.
    asked_by: watch::Sender<Option<&'static str>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shutdown_timeout: Duration,
    running: BTreeSet<&'static str>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            asked_by: watch::Sender::new(None),
            state: Mutex::default(),
        }))
    }

    /// Asks for the end. `false` where somebody has done so before.
    pub(crate) fn ask(&self, by: &'static str) -> bool {
        self.0.asked_by.send_if_modified(|asked_by| {
            let is_first = asked_by.is_none();
            asked_by.get_or_insert(by);
            is_first
        })
    }

    /// Returns what asked for the end, once something has.
    pub(crate) async fn asked(&self) -> &'static str {
        let mut asked_by = self.0.asked_by.subscribe();
        // `self` has the sender, so that the channel stays open.
        asked_by
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|by| *by)
            .unwrap_or_default()
    }

    /// Sets how long what is in flight is waited for.
    pub(crate) fn set_shutdown_timeout(&self, shutdown_timeout: Duration) {
        self.state().shutdown_timeout = shutdown_timeout;
    }

    /// How long the end may take in all.
    pub(crate) fn time_max(&self) -> Duration {
        self.state().shutdown_timeout + GRACE
    }

    /// Runs a part of the host, which counts as running until then.
    pub(crate) async fn run<T>(self, name: &'static str, part: impl Future<Output = T>) -> T {
        self.state().running.insert(name);
        let _removed_at_any_end = Running { stop: &self, name };
        part.await
    }

    /// The parts that are still running, for people.
    pub(crate) fn running(&self) -> String {
        self.state()
            .running
            .iter()
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    async fn the_first_who_asks_is_remembered() {
        let stop = Stop::new();
        assert!(stop.ask("SIGTERM") && !stop.ask("SIGINT"));
        assert_eq!(stop.asked().await, "SIGTERM");
    }

    #[tokio::test]
    async fn parts_count_as_running_until_they_end_or_are_dropped() {
        let stop = Stop::new();
        stop.set_shutdown_timeout(Duration::from_secs(1));
        assert_eq!(stop.time_max(), Duration::from_secs(1) + GRACE);
        let (one, two) = (stop.clone(), stop.clone());
        let endless = tokio::spawn(one.run("one", std::future::pending::<()>()));
        let name = two.run("two", async { stop.running() }).await;
        assert!(name.contains("two"), "{name}");
        tokio::task::yield_now().await;
        assert_eq!(stop.running(), "one");
        endless.abort();
        assert!(endless.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(stop.running(), "");
    }
}
