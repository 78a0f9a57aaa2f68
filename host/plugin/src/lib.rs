//! Loads and runs plugins: WebAssembly components that handle events.
//!
//! This is the only crate that knows wasmtime. The caller hands it the bytes of a component and
//! later one event at a time; the crate answers with outcomes. It does not read the plugin folder,
//! it opens no connection, and it stores nothing except a cache of compiled code.
//!
//! - `load` turns the bytes of a component into a [`LoadedPlugin`]: it checks the component, its
//!   imports and its grants, and has it compiled.
//! - `handler` finds the handlers that a component exports, and chooses the handler for an event.
//! - `plan` translates between JSON and the types that a plugin declared.
//! - `call` runs a handler once, within its [`Limits`], usually in a fresh instance.
//! - `effects` collects the changes that a handler requests. `capability` implements the
//!   interfaces that plugins import, one file for each.
//! - `engine` owns the resources that all plugins share: compilers, memory for instances, threads
//!   and the cache.
//! - `verifier` loads and runs the components that verify requests.
//! - `catalog` holds the active revision of each plugin and runs jobs on it.

mod text;
mod version;

mod contract;
mod grants;
mod limits;
mod scrub;
mod terms;

mod error;

mod plan;

mod effects;

mod call;
mod capability;

mod engine;

mod handler;
mod load;

mod catalog;

mod verifier;

#[cfg(test)]
mod support;

pub use call::host_fault::HostFault;
pub use call::services::{AsksResponse, HostServices};
pub use call::slots::InstanceReuse;
pub use call::stage::Stage;
pub use capability::http::client::{HttpCall, HttpClient, HttpError, HttpFault, NoHttpClient};
pub use capability::http::record::request_digest;
pub use catalog::Catalog;
pub use contract::{Contract, Contracts};
pub use engine::cache::CacheLimits;
pub use engine::compile::child::ChildCompiler;
pub use engine::compile::{
    CompileLimits, CompileProgress, CompilerMode, CompilerProcess, LARGE_BYTES, Reuse,
};
pub use engine::{Config, Engine};
pub use error::{Error, Fault, LoadError};
pub use grants::{Authority, Grants, HostGrant, MissingGrant, RequiredGrant};
pub use handler::HandlerKind;
pub use handler::loaded::{LoadedPlugin, RehearsalResult};
pub use limits::Limits;
pub use load::custom_section::custom_sections;
pub use load::offers::{OFFERS, Offer};
pub use load::toolchain::Toolchain;
pub use load::{LoadRequest, revision_of};
pub use verifier::LoadedVerifier;
pub use version::Versions;
