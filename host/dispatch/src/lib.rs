//! Dispatch: claims due jobs from the inbox, has each run once by a `Runner`, and settles what it came to.
//!
//! Work is found by rereading the inbox; a notification only wakes the loop earlier, so a restart needs no code of its
//! own. Dispatch decides nothing about a job's next state (`hookyard_model::apply` does) and never names ingress.

mod config;
pub mod runner;

mod dispatcher;
mod quarantine;
pub mod probation;

mod attempt;
mod lost;
mod metering;
mod report;
mod turn;

pub use config::{Config, Handle, RetryPolicies};
pub use dispatcher::Dispatcher;
pub use metering::describe as describe_metrics;
pub use probation::{NoProbation, Probation};
pub use runner::{Active, Measures, Ran, Runner, Unrun};
