//! Ingress: receives the requests of senders, stores their events, and answers.
//!
//! [`bind`] takes a [`Config`] and returns a [`Bound`], whose address is known and which serves
//! nothing yet. [`Bound::run`] serves until shutdown. A [`Handle`] replaces the sources while it
//! runs. The module `receive` contains the steps of a request, from its head to its answer.
//!
//! Ingress knows the store and nothing behind it. It never refers to dispatch, and it serves
//! whether or not jobs are dispatched (invariant 4).

mod bound;
mod accept;
mod connection;
mod stream;
pub mod activity;
mod receive;
mod wait;
mod source;
mod spans;
mod admission;
mod body;
mod headers;
mod declared;
mod handshake;
mod fetch;
mod answer;
mod refused;
mod near_miss;
mod log;
mod metering;
mod config;

pub use admission::Admission;
pub use bound::{Bound, Error, Handle, Parts, bind};
pub use config::Config;
pub use declared::{LearntSecret, LearntSecrets, NotKept};
pub use fetch::{Fetch, FetchError, FetchRequest};
pub use handshake::{DocumentArchive, ProvenDocument};
pub use metering::describe_metrics;
pub use source::{Source, Sources};
pub use wait::WaitRule;
