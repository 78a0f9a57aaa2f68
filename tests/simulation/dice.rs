//! The one source of chance of a life.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Dice that all parts of a life share.
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn with<T>(&self, roll: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        roll(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.with(|dice| dice.u64(0..end))
    }

    /// In `0.0..1.0`.
    pub(crate) fn part(&self) -> f64 {
        self.with(fastrand::Rng::f64)
    }

    /// In so many of a hundred cases.
    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Up to so many milliseconds.
    pub(crate) fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.below(most + 1))
    }

    /// One of these.
    pub(crate) fn one<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}
