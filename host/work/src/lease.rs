//! Extends a lease for as long as the work under it runs.

use std::convert::Infallible;
use std::time::Duration;

use hookyard_model::{Clock, Timestamp};
use tokio::time::sleep;

/// Runs `work`, and calls `extend` with a new end of its lease each time that a third of `lease`
/// has passed. So the lease survives two calls that fail. `extend` reports its own errors.
pub async fn hold_lease<T, F>(
    lease: Duration,
    clock: &dyn Clock,
    extend: impl Fn(Timestamp) -> F,
    work: impl Future<Output = T>,
) -> T
where
    F: Future<Output = ()>,
{
    tokio::select! {
        result = work => result,
        never = extend_forever(lease, clock, extend) => match never {},
    }
}

async fn extend_forever<F>(
    lease: Duration,
    clock: &dyn Clock,
    extend: impl Fn(Timestamp) -> F,
) -> Infallible
where
    F: Future<Output = ()>,
{
    loop {
        sleep(lease / 3).await;
        extend(clock.now().after(lease)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_secs(43_200)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lease_is_extended_until_the_work_ends() {
        let ends = RefCell::new(Vec::new());
        let extend = |until| {
            ends.borrow_mut().push(until);
            std::future::ready(())
        };

        let work = async {
            sleep(Duration::from_secs(50)).await;
            "done"
        };
        let result = hold_lease(Duration::from_secs(60), &Noon, extend, work).await;

        assert_eq!(result, "done");
        assert_eq!(
            ends.into_inner(),
            [Timestamp::from_unix_secs(43_260); 2],
            "after 20 and 40 seconds"
        );
    }
}
