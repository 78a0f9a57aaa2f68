//! What a plugin may ask of the host beyond effects, by the ecosystem's interfaces: a log, its settings, and requests.
//!
//! Each has three moments: once, when it's put into the linker; once for each plugin, when its imports are held against
//! its grants (`imports`); and each call, which is cheap.

mod config;
mod http;
mod logging;

use wasmtime::component::Linker;

pub use self::http::{Http, HttpCall, HttpError, HttpFault, NoHttp, request_digest};

pub(crate) use self::config::VERSIONS as CONFIG_VERSIONS;
pub(crate) use self::http::Requests;
pub(crate) use self::logging::VERSIONS as LOGGING_VERSIONS;

use crate::call::State;

/// Offers all of it.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker(linker)?;
    config::add_to_linker(linker)?;
    http::add_to_linker(linker)
}
