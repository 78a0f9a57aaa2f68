//! Plugins: components that are checked, compiled, held to limits, and given typed events by reflection.
//!
//! This is the only crate that knows wasmtime. It is given bytes and events and answers with outcomes; it reads no
//! plugin folder, opens no connection and stores nothing but its cache of compiled code.

mod catalog;
mod contract;
mod engine;
mod error;
mod limits;
mod loaded;

pub use catalog::Catalog;
pub use contract::{Contract, Contracts};
pub use engine::{Config, Engine};
pub use error::{Error, Fault, LoadError};
pub use limits::Limits;
pub use loaded::{HandlerKind, Loaded};
