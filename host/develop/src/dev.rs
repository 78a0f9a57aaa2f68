//! `hookyard dev`: the parts around a host that serves one plugin under development.
//!
//! The command starts the real host with a generated configuration in a folder of its own, and
//! drops each build into the host's plugin folder. Events go through the whole host: ingress, store,
//! dispatch, plugin, outbox and delivery. A receiver takes the messages, so that none leaves the
//! machine.
//!
//! - [`configuration`] writes the configuration of the host.
//! - [`source`] makes the secrets of the sources, and signs the events.
//! - [`queue`] has the events to send.
//! - [`screen`] writes what came of an event, and [`field`] finds the field of a decoding error.
//! - [`watch`] waits for changed sources, and [`keys`] for keys.

pub mod configuration;
pub mod field;
pub mod keys;
pub mod queue;
pub mod screen;
pub mod source;
pub mod watch;
