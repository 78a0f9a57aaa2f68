//! The plugin folder: what it holds, when it changes, and when a change counts.
//!
//! [`listing`] reads names and stamps from the file system. [`sighting`] applies the naming rules
//! to a listing and finds each plugin's files. [`track`] decides when a plugin's files have been
//! unchanged for long enough. [`precedence`] chooses which plugins of a tenant come first where the
//! tenant has too many. [`watch`] reports changes early.

pub(crate) mod listing;
pub(crate) mod precedence;
pub(crate) mod sighting;
pub(crate) mod track;
pub mod watch;
