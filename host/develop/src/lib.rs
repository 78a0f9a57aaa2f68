//! The commands for authors of plugins that need the host's own parts: `dev`, `test`, `send` and
//! `events fixture`.
//!
//! Nothing here runs in a production host. A plugin is run by the same engine, rehearsed by the same
//! code and served by the same parts as in a host, so that what an author sees is what an operator
//! gets. The binary reads the command line and hands the parts in.
//!
//! - [`workbench`] loads a component with everything granted that it imports.
//! - [`test`] runs fixtures and compares the results.
//! - [`dev`] has the parts around a host that serves one plugin under development.
//! - [`fixture`] makes a fixture of a stored event.
//! - [`send`] sends events, signed as their provider signs them.

mod json;

pub mod dev;
pub mod fixture;
pub mod progress;
pub mod receiver;
pub mod send;
pub mod test;
pub mod workbench;
