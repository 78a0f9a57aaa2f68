//! When it is said that events wait: once when it begins, then at a bounded rate, and when it is over. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hookyard_store::Tally;

/// How often the same is said at most.
const REPEAT: Duration = Duration::from_secs(3600);
/// What is said at once at most; the rest follows at the next look.
const NOTICES_MAX: usize = 20;

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice<N> {
    /// So many wait.
    Waits(Tally<N>),
    /// None waits any more.
    Over(N),
}

impl<N> Notice<N> {
    /// Whom it is about.
    pub(super) fn of(&self) -> &N {
        match self {
            Self::Waits(tally) => &tally.of,
            Self::Over(of) => of,
        }
    }
}

/// What was said, and when.
pub(super) struct Notices<N>(BTreeMap<N, Instant>);

impl<N> Default for Notices<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Ord + Clone> Notices<N> {
    /// What is to be said at `now`, when these wait.
    pub(super) fn look(&mut self, tallies: &[Tally<N>], now: Instant) -> Vec<Notice<N>> {
        let waits = |of: &N| tallies.iter().any(|tally| tally.of == *of);
        let over: Vec<_> = self
            .0
            .keys()
            .filter(|of| !waits(of))
            .take(NOTICES_MAX)
            .cloned()
            .collect();
        for of in &over {
            self.0.remove(of);
        }

        let mut notices: Vec<_> = over.into_iter().map(Notice::Over).collect();
        for tally in tallies {
            if notices.len() == NOTICES_MAX {
                break;
            }
            if self
                .0
                .get(&tally.of)
                .is_none_or(|told| now.duration_since(*told) >= REPEAT)
            {
                self.0.insert(tally.of.clone(), now);
                notices.push(Notice::Waits(tally.clone()));
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
    fn a_wait_is_told_once_and_then_each_hour() {
        let (start, mut notices) = (Instant::now(), Notices::default());
        let minutes = |count: u64| start + Duration::from_secs(60 * count);
        assert_eq!(
            notices.look(&[tally(1, 5)], minutes(0)),
            [Notice::Waits(tally(1, 5))]
        );
        assert_eq!(
            notices.look(&[tally(1, 6), tally(2, 1)], minutes(30)),
            [Notice::Waits(tally(2, 1))]
        );
        assert_eq!(
            notices.look(&[tally(1, 7), tally(2, 1)], minutes(60)),
            [Notice::Waits(tally(1, 7))]
        );
        assert_eq!(notices.look(&[tally(2, 1)], minutes(61)), [Notice::Over(1)]);
        assert_eq!(
            notices.look(&[tally(1, 1), tally(2, 1)], minutes(62)),
            [Notice::Waits(tally(1, 1))]
        );
    }

    #[test]
    fn many_waits_are_told_bit_by_bit() {
        let (now, mut notices) = (Instant::now(), Notices::default());
        let tallies: Vec<_> = (0..30).map(|of| tally(of, 1)).collect();
        assert_eq!(notices.look(&tallies, now).len(), 20);
        assert_eq!(notices.look(&tallies, now).len(), 10);
        assert_eq!(notices.look(&tallies, now).len(), 0);
    }
}
