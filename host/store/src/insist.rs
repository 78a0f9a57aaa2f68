//! Trying again what the store couldn't do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;

/// The pause before the second try; it doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Calls the store until it can do it or `time_max` has passed: what it can't do now it may be able to do soon.
pub async fn insist<T, F>(time_max: Duration, mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let give_up = Instant::now() + time_max;
    let mut pause = PAUSE_FIRST;
    loop {
        match call().await {
            Err(Error::Busy | Error::Store(_)) if Instant::now() + pause < give_up => {}
            done => return done,
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
