//! Delivery: claims the messages that are due from the outbox, signs and posts each of them, and
//! settles the result.
//!
//! A *delivery* is one POST of one message. [`Deliverer`] is a loop over the outbox, the sibling of
//! the dispatcher; the two share only the store. It claims due messages, shares its slots fairly
//! among tenants and their destinations, and starts one task for each delivery. A gate for each
//! destination says how many messages may be sent to it now: it enforces the destination's
//! concurrency and rate, and a breaker stops sending to a receiver that accepts nothing.
//!
//! A message is delivered at least once, always with the same id and body; time and signature are
//! new in each delivery. Messages are found by reading the outbox. A notification only makes the
//! loop look earlier, so a restart needs no code of its own. Delivery does not decide the next
//! state of a message: [`hookyard_model::apply`] does.

mod config;
mod check;
pub mod post;

mod deliverer;
mod gate;
mod breaker;
mod rate;

mod sender;
mod spans;
mod result;
mod lost_deliveries;
mod metering;

pub use breaker::BreakerPolicy;
pub use check::check;
pub use config::{Config, Destination, Destinations, Handle, default_retry};
pub use deliverer::Deliverer;
pub use metering::describe_metrics;
pub use post::{Post, PostError, PostRequest, PostResponse};
