//! The pause after the store failed.

use std::time::Duration;

use tokio::time::Instant;

/// The length of a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// Leaves the store alone for a second after it failed, so that a fault does not make a loop spin
/// or fill the log.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Instant>,
}

impl Pause {
    /// Returns the end of the pause if there is one at `now`.
    pub fn end(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Begins a pause and returns its end.
    pub fn begin(&mut self) -> Instant {
        let until = Instant::now() + PAUSE;
        self.until = Some(until);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pause_ends_after_a_second() {
        let mut pause = Pause::default();
        let now = Instant::now();
        assert_eq!(pause.end(now), None);

        let end = pause.begin();

        assert_eq!(end, now + PAUSE);
        assert_eq!(pause.end(now), Some(end));
        assert_eq!(pause.end(end), None);
    }
}
