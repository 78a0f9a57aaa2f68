//! Ingress: from a sender's bytes to a stored event, and an answer.
//!
//! `Config` (plain data) → `Bound` (address known, nothing served) → `Bound::run`, plus a cheap `Handle` that swaps
//! the sources. The story of a request is `receive`. Ingress knows the inbox and nothing behind it: it never names
//! dispatch, and it serves whether or not anything is dispatched (invariant 4).

mod accept;
pub mod activity;
mod answer;
mod body;
pub mod bound;
pub mod config;
mod connection;
pub mod fetch;
mod handshake;
mod log;
mod near_miss;
mod receive;
pub mod source;
mod stream;

pub use bound::{Bound, Error, Handle, Parts, bind};
pub use config::Config;
pub use fetch::{Fetch, FetchError, FetchRequest};
pub use handshake::{CertificateArchive, ProvenCertificate};
pub use log::describe_metrics;
pub use source::{Source, Sources};
