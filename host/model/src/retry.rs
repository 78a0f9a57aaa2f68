//! When a failed attempt is made again.

use std::time::Duration;

/// Exponential back-off with full jitter, up to a number of attempts.
///
/// The delay before attempt `n + 1` is drawn evenly from zero to `min(delay_max, delay_first * 2^(n-1))`, as in
/// "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Runs of a job in all before it is dead; at least 1.
    pub attempts_max: u32,
    /// The ceiling of the first delay.
    pub delay_first: Duration,
    /// The ceiling of any delay.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 10, delay_first: Duration::from_secs(5), delay_max: Duration::from_secs(6 * 3600) }
    }
}

impl RetryPolicy {
    /// The delay after the `attempts`-th failed attempt. `jitter` is a random number in `0.0..1.0`.
    pub fn delay(&self, attempts: u32, jitter: f64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(63);
        let ceiling = self.delay_first.as_millis().saturating_mul(1 << doublings).min(self.delay_max.as_millis());
        let ceiling = u64::try_from(ceiling).unwrap_or(u64::MAX);
        Duration::from_millis((ceiling as f64 * jitter.clamp(0.0, 1.0)) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ceilings_double_up_to_the_cap() {
        let policy =
            RetryPolicy { attempts_max: 9, delay_first: Duration::from_secs(1), delay_max: Duration::from_secs(5) };
        let ceilings: Vec<_> = (1..=5).map(|n| policy.delay(n, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 5, 5]);
        assert_eq!(policy.delay(3, 0.5), Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn no_delay_passes_the_cap(attempts: u32, jitter in 0.0..1.0f64, first: u32, cap: u32) {
            let policy = RetryPolicy {
                attempts_max: 1,
                delay_first: Duration::from_millis(first.into()),
                delay_max: Duration::from_millis(cap.into()),
            };
            prop_assert!(policy.delay(attempts, jitter) <= policy.delay_max);
        }
    }
}
