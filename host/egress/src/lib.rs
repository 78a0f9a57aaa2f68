//! The one door out: every outgoing HTTP request of the host leaves through a `Client`.
//!
//! For now it fetches: one GET, no redirects, with caps on bytes and time. Deliveries of the outbox and the
//! requests of plugins will join it here, so that what may be reached is decided in one place (`connect`).

pub mod client;
mod connect;

pub use client::{Client, Config, Error, GetLimits};
