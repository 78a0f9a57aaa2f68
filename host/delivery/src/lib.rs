//! Delivery: claims messages from the outbox, signs each, posts it, and settles what came of it.
//!
//! The sibling of dispatch, and apart from it: they share only the store. Messages are found by rereading the outbox; a
//! notification only wakes the loop earlier, so a restart needs no code of its own. What a message's next state is,
//! `hookyard_model::apply` says. A message is posted at least once, always under the same id and with the same body;
//! time and signature are new on each try.
//!
//! `gate` says how many messages a destination may be sent now: by its concurrency, by its rate, and by its breaker,
//! which leaves a receiver alone that takes nothing.

mod config;
mod check;
pub mod post;

mod deliverer;
mod gate;
mod breaker;
mod rate;

mod sending;
mod verdict;
mod lost;
mod metering;

pub use breaker::BreakerPolicy;
pub use check::check;
pub use config::{Config, Destination, Destinations, Handle, default_retry};
pub use deliverer::Deliverer;
pub use metering::describe_metrics;
pub use post::{Answered, Outgoing, Post, Unanswered};
