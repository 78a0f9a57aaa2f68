//! The bound of the checks with public keys that one request may cost: its sender chooses the number
//! of signatures, and each signature is checked with each key and for each text.

use std::cell::Cell;

use super::Refusal;

/// The maximum number of checks: one signature with the largest set of keys.
pub(crate) const CHECKS_MAX: usize = 100;

/// Counts the checks of one request.
#[derive(Debug, Default)]
pub(crate) struct Checks(Cell<usize>);

impl Checks {
    /// Counts a check that is about to begin.
    ///
    /// # Errors
    ///
    /// Returns [`Refusal::TooManyChecks`] if the request has had all of its checks.
    pub(crate) fn begin(&self) -> Result<(), Refusal> {
        let begun = self.0.get();
        if begun >= CHECKS_MAX {
            return Err(Refusal::TooManyChecks { max: CHECKS_MAX });
        }
        self.0.set(begun + 1);
        Ok(())
    }
}
