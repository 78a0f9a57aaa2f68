//! Near misses: requests to an unknown path that probably mean a known source.
//!
//! The sender reads the same 404 as for any unknown path. The operator reads the source that was
//! probably meant, in a log line at the default level. Anybody can cause near misses, so the lines
//! have a limited rate, and each line reports the number of lines that were left out before it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;

use crate::source::Sources;

/// The maximum number of lines at once.
const BURST: u32 = 10;
/// The time between two lines after a burst.
const INTERVAL: Duration = Duration::from_secs(10);

/// A near miss that gets a log line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NearMiss {
    /// The source that was probably meant.
    pub(crate) meant: SourceRef,
    /// How the path differs from the path of that source.
    pub(crate) differs: &'static str,
    /// The number of near misses without a line since the last line.
    pub(crate) left_out: u64,
}

/// Finds near misses and limits the rate of their lines.
#[derive(Debug, Default)]
pub(crate) struct NearMisses(Mutex<RateLimit>);

impl NearMisses {
    /// Returns the near miss at `path`, which leads to no source; `None` if the path is not near a
    /// source, or if there were too many near misses recently.
    pub(crate) fn find(&self, sources: &Sources, path: &str, now: Instant) -> Option<NearMiss> {
        let (meant, differs) = sources.nearest(path)?;
        let left_out = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(now)?;

        Some(NearMiss {
            meant,
            differs,
            left_out,
        })
    }
}

/// Allows [`BURST`] lines at once, and then one line in each [`INTERVAL`].
#[derive(Debug, Default)]
struct RateLimit {
    /// The time at which all allowed lines are paid for, with one [`INTERVAL`] each.
    paid_at: Option<Instant>,
    left_out: u64,
}

impl RateLimit {
    /// Returns the number of lines left out since the last allowed line; `None` leaves out this
    /// line too.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let paid_at = self.paid_at.map_or(now, |paid_at| paid_at.max(now)) + INTERVAL;
        if paid_at > now + INTERVAL * BURST {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }

        self.paid_at = Some(paid_at);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_miss_lines_are_limited_and_counted() {
        let (mut rate, start) = (RateLimit::default(), Instant::now());
        let taken = (0..1_000).filter(|_| rate.take(start) == Some(0)).count();
        assert_eq!(taken, 10);

        assert_eq!(rate.take(start + INTERVAL - Duration::from_millis(1)), None);
        assert_eq!(rate.take(start + INTERVAL), Some(991));
        assert_eq!(rate.take(start + INTERVAL), None);
        assert_eq!(rate.take(start + INTERVAL * 100), Some(1));
    }
}
