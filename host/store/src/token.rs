//! The proof of a lease.

use std::fmt;

/// The proof of a lease: a number that the store chose, and that no other lease of the store has.
///
/// The number means nothing to anybody but the store. Tokens of different processes differ, so that
/// a host that was away for too long cannot end the attempt of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(u128);

impl LeaseToken {
    /// Wraps a number that the store chose.
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// Returns the number that the store chose.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseToken({:032x})", self.0)
    }
}
