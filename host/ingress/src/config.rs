//! What an operator decides about the listener: the address, and a bound for everything that a sender can use up.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Plain settings; `Default` is loopback and bounds that suit a small machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one; `Bound::address` tells which.
    pub listen: SocketAddr,
    /// The most bytes of all bodies together that are held while they are read, verified and stored.
    pub buffered_max: usize,
    /// The most bytes of one request's head. Below 8 KiB counts as 8 KiB.
    pub header_max: usize,
    /// How long a request's head may take: from the connection's opening for its first request, from the first
    /// byte for later ones.
    pub header_timeout: Duration,
    /// How long a request's body may take, from the end of its head.
    pub body_timeout: Duration,
    /// How long a connection may stay open between requests.
    pub idle_timeout: Duration,
    /// How long the inbox may take to store an event before the sender is told to try again.
    pub store_timeout: Duration,
    /// The most connections at once. At the cap, the one that has kept us waiting the longest makes room.
    ///
    /// Each takes a file descriptor: keep it well under the process's limit (`ulimit -n`).
    pub connections_max: usize,
    /// The most requests at once on one HTTP/2 connection.
    pub streams_max: u32,
    /// How long requests in flight may take to finish once shutdown has begun.
    pub shutdown_timeout: Duration,
    /// What an overloaded host tells senders to wait.
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
