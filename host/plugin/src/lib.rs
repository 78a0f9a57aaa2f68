//! Plugins: components that are checked, compiled, held to limits, and given typed events by reflection.
//!
//! This is the only crate that knows wasmtime. It is given bytes and events and answers with outcomes; it reads no
//! plugin folder, opens no connection and stores nothing but its cache of compiled code.
//!
//! `load` tells how a component becomes a plugin, `loaded` how an event finds its handler, `plan` how JSON becomes
//! values, `call` how a handler is run, `effects` what it can ask the host to change, `capability` what else it can ask for.

mod catalog;
mod content;
mod flights;
mod contract;
mod engine;
mod error;
mod grants;
mod loaded;

mod anatomy;
mod section;
mod load;

mod toolchain;
mod asked;
mod cache;
mod compile;
mod handler;
mod imports;
mod offers;

mod delivery;
mod failure;
mod host_fault;
mod plan;
mod typed;
mod untyped;

mod call;
mod capability;
mod effects;
mod outgoing;
mod scrub;
mod stage;

mod background;
mod budget;
mod last_words;
mod limits;
mod meter;
mod output;
mod text;
mod ticker;
mod trap;

#[cfg(test)]
mod tests;

pub use capability::{Http, HttpCall, HttpError, HttpFault, NoHttp, request_digest};
pub use catalog::Catalog;
pub use compile::{Apart, CompileLimits, CompileOrder, Compiling, Progress};
pub use content::revision_of;
pub use contract::{Contract, Contracts};
pub use effects::Parts;
pub use engine::{Config, Engine};
pub use error::{Error, Fault, LoadError};
pub use grants::{Authority, Grants, HostGrant};
pub use host_fault::HostFault;
pub use limits::Limits;
pub use load::Load;
pub use loaded::{HandlerKind, Loaded};
pub use offers::{Lack, Need, OFFERS, Offer, Versions};
pub use section::sections;
pub use stage::{Rehearsed, Stage};
pub use toolchain::Toolchain;
