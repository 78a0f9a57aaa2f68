//! Dispatch: claims the jobs that are due, runs each of them, and settles the outcome.
//!
//! [`Dispatcher`] is a loop over the inbox. New jobs of a plugin that has room come through the
//! [handover](hookyard_store::Handover); the dispatcher claims all others. It shares its slots fairly
//! among tenants and their plugins, and starts one task for each job. The task runs the job's
//! handler through a [`Runner`], frees its slot, and settles the outcome with its effects in one
//! transaction. A lease gives the task the right to do so; if the host stops, the lease runs out
//! and the job is attempted again.
//!
//! All work can be found by reading the inbox. The handover and notifications only make it faster,
//! so a restart needs no code of its own. Dispatch does not decide the next state of a job
//! ([`hookyard_model::apply`] does), and it knows neither ingress nor WebAssembly.

mod config;
pub mod runner;
pub mod release_guard;

mod dispatcher;
mod plugins;
mod plugin;
mod queue;
mod slots;
mod spans;
mod freed_slots;
mod store_calls;

mod executor;
mod settle;
mod responses;
mod lost_attempts;
mod quarantine;
mod attempt_log;
mod metering;

pub use config::{Config, Handle, RetryPolicies};
pub use dispatcher::Dispatcher;
pub use metering::describe_metrics;
pub use release_guard::{NoReleaseGuard, ReleaseGuard};
pub use runner::{ActivePlugin, AttemptResult, HostCall, Measures, RunError, Runner};
