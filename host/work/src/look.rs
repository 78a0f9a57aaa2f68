//! When a worker looks at the store again.

use std::time::Duration;

use tokio::time::Instant;

/// The longest time between two looks, so that a lost notification costs no more than this.
const INTERVAL_MAX: Duration = Duration::from_secs(60);

/// The shortest time between two looks where nothing changed, so that an inconsistent store cannot
/// make a loop spin.
const INTERVAL_MIN: Duration = Duration::from_millis(5);

/// Returns the time of the next look: the earliest of the `reasons` that exist, but not sooner than
/// 5 milliseconds and not later than a minute after `now`.
pub fn next_look(now: Instant, reasons: impl IntoIterator<Item = Option<Instant>>) -> Instant {
    let latest = now + INTERVAL_MAX;
    let next = reasons.into_iter().flatten().min().unwrap_or(latest);

    next.clamp(now + INTERVAL_MIN, latest)
}

/// Returns the instant at which work is due that is due `wait` after `now`, or one after the next
/// look if that is further away.
pub fn due_instant(wait: Duration, now: Instant) -> Instant {
    // Bounded, because a due time may be too far away for an `Instant`.
    now + wait.min(INTERVAL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn next_look_is_the_earliest_reason() {
        let now = Instant::now();
        let after = |millis| Some(now + Duration::from_millis(millis));

        assert_eq!(
            next_look(now, [after(70), None, after(30)]),
            now + Duration::from_millis(30)
        );
        assert_eq!(next_look(now, [after(0)]), now + INTERVAL_MIN);
        assert_eq!(next_look(now, [None]), now + INTERVAL_MAX);
        assert_eq!(next_look(now, [after(99_000)]), now + INTERVAL_MAX);
    }
}
