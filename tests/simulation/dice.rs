//! The dice: the only source of chance in a life.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The dice that all parts of a life share.
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    fn with<T>(&self, roll: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        roll(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.with(|dice| dice.u64(0..end))
    }

    /// Returns a number in `0.0..1.0`.
    pub(crate) fn part(&self) -> f64 {
        self.with(fastrand::Rng::f64)
    }

    /// Returns true in `chance` of a hundred cases.
    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Returns a duration of at most `max` milliseconds.
    pub(crate) fn millis(&self, max: u64) -> Duration {
        Duration::from_millis(self.below(max + 1))
    }

    /// Returns one of the items.
    pub(crate) fn one<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}
