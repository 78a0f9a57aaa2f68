//! Releases: how a file in the plugin folder comes into service, and how it goes out of it again.
//!
//! ```text
//! seen -> settled -> loaded: read, checked, compiled -> rehearsed -> active -> draining -> retired
//!                                 '------------------------'-> refused   '-> blocked: rolled back
//! ```
//!
//! Everything is decided in one place. [`Plugin`](plugin::Plugin) is the state of one plugin's
//! release, and [`step`](decide::step) maps a state and an [`Input`](decide::Input) to the next
//! state and a list of [`Action`](decide::Action)s. It is pure. The [`Keeper`] looks at the folder,
//! feeds inputs, and carries actions out with the help of `folder`, `component`, `active`,
//! `routes`, `record` and `probation`. Commands read a plugin's state from the record and ask the
//! same functions.
//!
//! Invariant 8: a failed reload leaves the active revision in place.

mod active;
mod backlog;
mod backoff;
mod component;
pub mod decide;
mod desired;
mod folder;
mod keeper;
pub mod notice;
pub mod plugin;
mod plugins;
mod probation;
mod record;
pub mod rehearsal;
mod routes;
mod slots;
mod survey;

pub use component::load::Failure;
pub use desired::Desired;
pub use folder::sighting::Files;
pub use folder::track::Moment;
pub use folder::watch;
pub use keeper::{Handle, Keeper, Parts};
pub use probation::Probations;
pub use rehearsal::{Component, Findings, Verdict, prepare, prepare_revision};
pub use survey::{Finding, Present, present, serving, survey, unreadable};
