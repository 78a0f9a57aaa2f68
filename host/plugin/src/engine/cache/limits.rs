//! What the cache may keep beside the code of the revisions in use.

use std::time::Duration;

/// What a cache of compiled code may keep, beside the code of the revisions in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// The maximum size of the code of all other revisions together, in bytes. The code that was
    /// used last is kept.
    pub unused_max: u64,
    /// The time from the last use after which such code is removed.
    pub unused_age: Duration,
    /// The maximum size of the compiled functions of all tenants together, in bytes. 0 to keep none.
    pub functions_max: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            unused_max: 1 << 30,
            unused_age: Duration::from_secs(30 * 24 * 3600),
            functions_max: 1 << 30,
        }
    }
}
