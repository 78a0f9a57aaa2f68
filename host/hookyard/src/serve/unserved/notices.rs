//! The times at which the log warns about waiting events. Pure.
//!
//! The log warns when events begin to wait, then once an hour, and reports when none waits any
//! more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hookyard_store::Tally;

/// The minimum time between two warnings about the same source or plugin.
const REPEAT: Duration = Duration::from_secs(3600);
/// The maximum number of notices at once. The rest follows at the next look.
const NOTICES_MAX: usize = 20;

/// A notice for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice<N> {
    /// Events wait for this source or plugin.
    Waiting(Tally<N>),
    /// No event waits any more.
    Over(N),
}

impl<N> Notice<N> {
    /// Returns the source or plugin of the notice.
    pub(super) fn subject(&self) -> &N {
        match self {
            Self::Waiting(tally) => &tally.of,
            Self::Over(subject) => subject,
        }
    }
}

/// The last warning about each source or plugin.
pub(super) struct Notices<N>(BTreeMap<N, Instant>);

impl<N> Default for Notices<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Ord + Clone> Notices<N> {
    /// Returns the notices that are due at `now`, given the events that wait.
    pub(super) fn look(&mut self, tallies: &[Tally<N>], now: Instant) -> Vec<Notice<N>> {
        let is_waiting = |subject: &N| tallies.iter().any(|tally| tally.of == *subject);
        let over: Vec<_> = self
            .0
            .keys()
            .filter(|subject| !is_waiting(subject))
            .take(NOTICES_MAX)
            .cloned()
            .collect();
        for subject in &over {
            self.0.remove(subject);
        }

        let mut notices: Vec<_> = over.into_iter().map(Notice::Over).collect();
        for tally in tallies {
            if notices.len() == NOTICES_MAX {
                break;
            }
            let last = self.0.get(&tally.of);
            if last.is_none_or(|last| now.duration_since(*last) >= REPEAT) {
                self.0.insert(tally.of.clone(), now);
                notices.push(Notice::Waiting(tally.clone()));
            }
        }
        notices
    }
}

#[cfg(test)]
mod tests {
    use hookyard_model::Timestamp;

    use super::*;

    fn tally(of: u32, count: u64) -> Tally<u32> {
        Tally {
            of,
            count,
            oldest: Timestamp::from_unix_secs(1),
        }
    }

    #[test]
    fn notice_is_repeated_every_hour() {
        let start = Instant::now();
        let mut notices = Notices::default();
        let minutes = |count: u64| start + Duration::from_secs(60 * count);

        let first = [tally(1, 5)];
        assert_eq!(
            notices.look(&first, minutes(0)),
            [Notice::Waiting(tally(1, 5))]
        );
        let second = [tally(1, 6), tally(2, 1)];
        assert_eq!(
            notices.look(&second, minutes(30)),
            [Notice::Waiting(tally(2, 1))]
        );
        let third = [tally(1, 7), tally(2, 1)];
        assert_eq!(
            notices.look(&third, minutes(60)),
            [Notice::Waiting(tally(1, 7))]
        );
        assert_eq!(notices.look(&[tally(2, 1)], minutes(61)), [Notice::Over(1)]);
        let again = [tally(1, 1), tally(2, 1)];
        assert_eq!(
            notices.look(&again, minutes(62)),
            [Notice::Waiting(tally(1, 1))]
        );
    }

    #[test]
    fn notices_at_once_are_bounded() {
        let now = Instant::now();
        let mut notices = Notices::default();
        let tallies: Vec<_> = (0..30).map(|of| tally(of, 1)).collect();

        assert_eq!(notices.look(&tallies, now).len(), 20);
        assert_eq!(notices.look(&tallies, now).len(), 10);
        assert_eq!(notices.look(&tallies, now).len(), 0);
    }
}
