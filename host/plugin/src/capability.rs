//! The interfaces that plugins import, one file for each: stored values, the outbox, the response to
//! a request, a log, settings and HTTP requests.
//!
//! A capability is handled at three times: once when it is added to the linker, once for each
//! plugin when the plugin's imports are checked against its grants (`load::imports`), and at each
//! call, which must be cheap.

pub(crate) mod config;
pub(crate) mod http;
pub(crate) mod keyvalue;
pub(crate) mod logging;
pub(crate) mod outgoing;

mod destination;
mod outbox;
mod responder;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::call::state::State;

/// Creates a linker with everything that plugins may import, except typed interfaces for sending.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;

    keyvalue::add_to_linker(&mut linker)?;
    outbox::add_to_linker(&mut linker)?;
    responder::add_to_linker(&mut linker)?;
    logging::add_to_linker(&mut linker)?;
    config::add_to_linker(&mut linker)?;
    http::add_to_linker(&mut linker)?;
    Ok(linker)
}
