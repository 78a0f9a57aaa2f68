//! The settings of the listener: its address, and a limit on everything that a sender can use up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The settings of ingress. The default listens on loopback, with limits for a small machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on. Port 0 selects a free port;
    /// [`Bound::address`](crate::Bound::address) returns it.
    pub listen: SocketAddr,
    /// The maximum size of all bodies that are being read, verified or stored, in bytes.
    pub buffered_max: usize,
    /// The maximum size of the head of a request, in bytes. Values under 8 KiB mean 8 KiB.
    pub header_max: usize,
    /// The maximum time for the head of a request. It begins when the connection opens, and for
    /// later requests on the connection, with their first byte.
    pub header_timeout: Duration,
    /// The maximum time for the body of a request, from the end of its head.
    pub body_timeout: Duration,
    /// The maximum time between two requests on one connection.
    pub idle_timeout: Duration,
    /// The maximum time for the store to append an event. After it, the sender is asked to retry.
    pub store_timeout: Duration,
    /// The maximum number of connections. When it is reached, the connection that has waited the
    /// longest for its sender is closed.
    ///
    /// Each connection needs a file descriptor. Keep the value well under the limit of the process
    /// (`ulimit -n`).
    pub connections_max: usize,
    /// The maximum number of concurrent requests on one HTTP/2 connection.
    pub streams_max: u32,
    /// The maximum time for requests in flight to finish after shutdown has begun.
    pub shutdown_timeout: Duration,
    /// The `Retry-After` of an overloaded host.
    pub retry_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            buffered_max: 128 << 20,
            header_max: 32 << 10,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            store_timeout: Duration::from_secs(10),
            connections_max: 512,
            streams_max: 32,
            shutdown_timeout: Duration::from_secs(10),
            retry_after: Duration::from_secs(5),
        }
    }
}
