//! Near misses: requests for a path that nothing is served at, and that a known source was probably meant by.
//!
//! The sender reads the same 404 as for any unknown path. The operator reads the route that was probably meant, in a line
//! at the default level. Anybody can cause near misses, so the lines have a bounded rate, and each says how many were left
//! out since the line before.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::SourceRef;

use crate::source::Sources;

/// The most lines at once.
const BURST: u32 = 10;
/// After a burst, one line in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// A near miss that gets a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NearMiss {
    /// The source that was probably meant.
    pub(crate) meant: SourceRef,
    /// In what the path differs from the path of that source.
    pub(crate) differs: &'static str,
    /// How many near misses got no line since the last that got one.
    pub(crate) left_out: u64,
}

/// Finds near misses and bounds their lines.
#[derive(Debug, Default)]
pub(crate) struct NearMisses(Mutex<Rate>);

impl NearMisses {
    /// The near miss at `path`, which leads to no source, unless there were too many of late.
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

/// Lets `BURST` lines through at once, and then one in each `INTERVAL`.
#[derive(Debug, Default)]
struct Rate {
    /// When all lines that were let through will be paid for, one `INTERVAL` each.
    paid_at: Option<Instant>,
    left_out: u64,
}

impl Rate {
    /// The number of lines left out since the last one that was let through; `None` leaves out this one as well.
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
    fn lines_are_bounded_and_counted() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        let taken = (0..1_000).filter(|_| rate.take(start) == Some(0)).count();
        assert_eq!(taken, 10);

        assert_eq!(rate.take(start + INTERVAL - Duration::from_millis(1)), None);
        assert_eq!(rate.take(start + INTERVAL), Some(991));
        assert_eq!(rate.take(start + INTERVAL), None);
        assert_eq!(rate.take(start + INTERVAL * 100), Some(1));
    }
}
