//! Whole configurations, as `hookyard.toml` contains them.

mod ack;
mod destinations;
mod egress;
mod event_rules;
mod faults;
mod grants;
mod handshakes;
mod hostile;
mod limits;
mod providers;
mod recipes;
mod reference;
mod sources;
mod support;
mod tables;
mod tokens;
mod verifiers;
