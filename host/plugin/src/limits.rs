//! What one attempt may use, and the accountant that holds a store to it.

use std::time::Duration;

/// What an attempt of a plugin may use. The default is safe for a small handler in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all of the component's memories together, in bytes. The values that the host makes from an
    /// event's JSON are bounded by this as well.
    pub memory_max: u64,
    /// Time that the guest's code runs.
    pub cpu_max: Duration,
    /// Time from the start of instantiation to the answer, whatever it is spent on.
    pub wall_max: Duration,
    /// Attempts at once.
    pub concurrency: usize,
    /// Log lines kept of an attempt.
    pub log_lines_max: usize,
    /// Bytes kept of a log line, and of a reason that a handler gives.
    pub log_line_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: 64 << 20,
            cpu_max: Duration::from_secs(1),
            wall_max: Duration::from_secs(10),
            concurrency: 8,
            log_lines_max: 100,
            log_line_bytes_max: 2048,
        }
    }
}
