//! The pace of requests for single keys: a stranger can name any number of key ids, and each request
//! carries the operator's credentials.
//!
//! Each source has a pace of its own, so that forgeries for one source do not delay the keys of
//! another. A proven key never needs a turn.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hookyard_model::{SourceRef, Timestamp};

/// The time in which the number of requests is limited.
const PERIOD: Duration = Duration::from_secs(60);
/// The maximum number of requests for unproven keys in one period, for each source.
pub(super) const PERIOD_MAX: usize = 6;

/// The times at which requests for unproven keys began.
#[derive(Default)]
pub(super) struct Pace(HashMap<SourceRef, VecDeque<Timestamp>>);

impl Pace {
    /// Returns whether another request may begin now, and counts it.
    pub(super) fn allows(&mut self, source: &SourceRef, now: Timestamp) -> bool {
        self.forget_ended(now);
        let begun = self.0.entry(source.clone()).or_default();
        if begun.len() >= PERIOD_MAX {
            return false;
        }
        begun.push_back(now);
        true
    }

    /// Removes the times of earlier periods. A clock that was set back must not stop the requests,
    /// so that times in the future count as ended too.
    fn forget_ended(&mut self, now: Timestamp) {
        for begun in self.0.values_mut() {
            begun.retain(|at| *at <= now && now.since(*at) < PERIOD);
        }
        self.0.retain(|_, begun| !begun.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_pace_of_its_own() {
        let source = |name: &str| SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        };
        let now = Timestamp::from_unix_secs(1_780_000_000);
        let mut pace = Pace::default();

        for _ in 0..PERIOD_MAX {
            assert!(pace.allows(&source("one"), now));
        }
        assert!(!pace.allows(&source("one"), now));
        assert!(pace.allows(&source("two"), now));
        assert!(pace.allows(&source("one"), now.after(PERIOD)));
        assert_eq!(pace.0.len(), 1, "ended periods are forgotten");
    }
}
