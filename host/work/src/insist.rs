//! Repeats calls that the store could not serve.

use std::time::Duration;

use hookyard_store::Error;
use tokio::time::{Instant, sleep};

/// The pause before the second call. It doubles with each further call, up to `PAUSE_MAX`.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Calls the store until the call succeeds, and gives up once `time_max` would pass before the next
/// call.
///
/// # Errors
///
/// Returns the last error. Only [`Error::Busy`], [`Error::Store`] and [`Error::Unknown`] are worth
/// another call; any other error is returned at once. After `Unknown` the call may have been done
/// already, so it must be one that the store takes twice, as it does a settlement.
pub async fn insist<T, F>(time_max: Duration, mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let give_up = Instant::now() + time_max;
    let mut pause = PAUSE_FIRST;

    loop {
        match call().await {
            Err(Error::Busy | Error::Store(_) | Error::Unknown(_))
                if Instant::now() + pause < give_up => {}
            result => return result,
        }

        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how often a store was called that is busy `faults` times, and the result.
    async fn calls(faults: u32) -> (u32, Result<(), Error>) {
        let mut calls = 0;
        let result = insist(Duration::from_secs(1), || {
            calls += 1;
            let result = if calls > faults {
                Ok(())
            } else {
                Err(Error::Busy)
            };
            std::future::ready(result)
        })
        .await;
        (calls, result)
    }

    #[tokio::test(start_paused = true)]
    async fn busy_store_is_called_until_time_runs_out() {
        assert!(matches!(calls(0).await, (1, Ok(()))));
        assert!(matches!(calls(3).await, (4, Ok(()))));

        // After 0, 50, 150, 350 and 750 milliseconds.
        assert!(matches!(calls(9).await, (5, Err(Error::Busy))));
    }
}
