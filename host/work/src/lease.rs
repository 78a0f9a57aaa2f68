//! Extends a lease for as long as the work under it runs.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;

/// Runs `work`, and calls `extend` each time that a third of `lease` has passed. So the lease
/// survives two calls that fail. `extend` reports its own errors.
pub async fn hold_lease<T, F>(
    lease: Duration,
    extend: impl Fn() -> F,
    work: impl Future<Output = T>,
) -> T
where
    F: Future<Output = ()>,
{
    tokio::select! {
        result = work => result,
        never = extend_forever(lease, extend) => match never {},
    }
}

async fn extend_forever<F>(lease: Duration, extend: impl Fn() -> F) -> Infallible
where
    F: Future<Output = ()>,
{
    loop {
        sleep(lease / 3).await;
        extend().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn lease_is_extended_until_the_work_ends() {
        let calls = Cell::new(0);
        let extend = || {
            calls.set(calls.get() + 1);
            std::future::ready(())
        };

        let work = async {
            sleep(Duration::from_secs(50)).await;
            "done"
        };
        let result = hold_lease(Duration::from_secs(60), extend, work).await;

        assert_eq!(result, "done");
        assert_eq!(calls.get(), 2, "after 20 and 40 seconds");
    }
}
