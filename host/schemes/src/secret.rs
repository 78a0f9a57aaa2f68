//! A secret value that cannot be printed by accident.

use std::fmt;

use aws_lc_rs::{constant_time, digest};

/// The bytes of a secret. Its `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps the bytes of a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes of the secret.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether the secret has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `given` is this secret.
    ///
    /// The time reveals neither the position of a difference nor the length of the secret, because
    /// hashes are compared.
    pub fn matches(&self, given: &[u8]) -> bool {
        let own = digest::digest(&digest::SHA256, &self.0);
        let given = digest::digest(&digest::SHA256, given);
        constant_time::verify_slices_are_equal(own.as_ref(), given.as_ref()).is_ok()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
