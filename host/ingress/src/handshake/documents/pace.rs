//! The pace of requests for single keys: a stranger can name any number of key ids, and each request
//! carries the operator's credentials.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Timestamp;
use hookyard_schemes::KeyRequest;

/// The time in which the number of requests is limited.
const PERIOD: Duration = Duration::from_secs(60);
/// The maximum number of requests for unproven keys in one period, for each configured request.
pub(super) const PERIOD_MAX: usize = 6;

/// The times at which requests for unproven keys began.
#[derive(Default)]
pub(super) struct Pace(HashMap<Arc<KeyRequest>, VecDeque<Timestamp>>);

impl Pace {
    /// Returns whether another request may begin now, and counts it.
    pub(super) fn allows(&mut self, request: &Arc<KeyRequest>, now: Timestamp) -> bool {
        self.forget_ended(now);
        let begun = self.0.entry(Arc::clone(request)).or_default();
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
    use hookyard_schemes::JsonPointer;

    use super::*;

    #[test]
    fn each_request_has_a_pace_of_its_own() {
        let request = |url: &str| {
            Arc::new(KeyRequest {
                url: url.to_owned(),
                members: Vec::new(),
                key: JsonPointer::default(),
            })
        };
        let now = Timestamp::from_unix_secs(1_780_000_000);
        let mut pace = Pace::default();

        for _ in 0..PERIOD_MAX {
            assert!(pace.allows(&request("one"), now));
        }
        assert!(!pace.allows(&request("one"), now));
        assert!(pace.allows(&request("two"), now));
        assert!(pace.allows(&request("one"), now.after(PERIOD)));
        assert_eq!(pace.0.len(), 1, "ended periods are forgotten");
    }
}
