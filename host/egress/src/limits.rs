//! The limits of a door and of an exchange, and the body that an exchange returns.

use std::time::Duration;

use bytes::Bytes;

/// The configuration of a door: the table `[egress]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Root certificates to trust besides those of the platform. Each entry is a PEM text with one
    /// or more certificates.
    pub roots: Vec<Vec<u8>>,
    /// The maximum number of open connections, including idle ones. One tenant can have three
    /// quarters of them.
    pub connections_max: usize,
    /// The maximum number of exchanges that one tenant can have with one host and port at a time.
    pub host_concurrency_max: usize,
    /// The maximum time to resolve a host, connect and set up TLS.
    pub connect_timeout: Duration,
    /// The maximum size of a response's header, in bytes.
    pub header_max: usize,
    /// The time for which an unused connection is kept open.
    pub idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            connections_max: 512,
            host_concurrency_max: 64,
            connect_timeout: Duration::from_secs(5),
            header_max: 64 << 10,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// The limits of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum time from the call to the last byte of the response.
    pub timeout: Duration,
    /// The maximum size of the response's body, in bytes as they arrive.
    pub body_max: usize,
    /// What to do with a longer body.
    pub over_long: OverLong,
}

/// What to do with a body that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLong {
    /// The exchange fails.
    Refuse,
    /// The body is truncated, and the rest is not read.
    Cut,
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The body or its beginning, as it arrived: nothing is decompressed.
    pub bytes: Bytes,
    /// Whether the body was truncated.
    pub is_cut: bool,
}
