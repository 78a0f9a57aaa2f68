//! The end of a dispatcher.

use tokio::time::{Instant, sleep_until};

use super::Dispatcher;

impl Dispatcher {
    /// Gives back the jobs that have not begun, and waits until all attempts are settled or the
    /// time for the shutdown has passed. The leases of attempts are extended meanwhile.
    pub(super) async fn drain(&mut self) {
        self.handover.close();
        self.plugins.stop();
        let give_up = Instant::now() + self.shutdown_timeout;

        loop {
            let now = Instant::now();
            self.collect(now);
            self.keep_leases(now);
            self.give_back();
            let is_over = self.running.is_empty() && self.calls.is_empty();
            if is_over || now >= give_up {
                break;
            }

            let wake_at = self.next_extension.unwrap_or(give_up).min(give_up);
            tokio::select! {
                biased;
                Some(ended) = self.running.next() => self.ended(ended),
                Some(answer) = self.calls.next() => self.answered(answer),
                () = self.handover.arrived() => {}
                () = sleep_until(wake_at) => {}
            }
        }

        let aborted = self.running.abort().await;
        if aborted > 0 {
            tracing::warn!(
                attempts = aborted,
                "attempts took too long to end; their jobs are attempted again later"
            );
        }
    }
}
