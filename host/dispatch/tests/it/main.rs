//! The dispatcher over the inbox in memory, a runner that follows a script, and tokio's paused clock: hours pass in no
//! time, and every moment is exact.

mod bounds;
mod effects;
mod fairness;
mod faults;
mod kit;
mod logs;
mod lost;
mod probation;
mod quarantine;
mod random;
mod retries;
mod stopping;
mod waking;
