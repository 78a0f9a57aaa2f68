//! Tests of the dispatcher with an in-memory store, a scripted runner and the paused clock of
//! tokio. Hours pass at once, and every time is exact.

mod backlog;
mod concurrency;
mod effects;
mod fairness;
mod faults;
mod handover;
mod leases;
mod logs;
mod lost_attempts;
mod properties;
mod quarantine;
mod release_guard;
mod responses;
mod retries;
mod shutdown;
mod support;
mod wakeups;
