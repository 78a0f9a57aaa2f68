//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use hookyard_model::{Clock, Timestamp};

/// The clock that commands and the host read. Everything else is given a [`Clock`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}
