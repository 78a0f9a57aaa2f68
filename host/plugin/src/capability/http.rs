//! `wasi:http/outgoing-handler`: HTTP requests of plugins.
//!
//! Each request is read whole, sent by an [`HttpClient`](client::HttpClient) and answered whole.
//! The client decides whether the plugin's grants allow the request, and adds the credentials. In
//! service the client is `hookyard-plugin-http`, in a rehearsal the recorded answers. This module
//! counts and bounds requests, makes them wait for their turn, and removes credentials from
//! answers.

pub(crate) mod client;
pub(crate) mod record;
pub(crate) mod requests;

#[cfg(test)]
mod tests;

use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::LinkOptions;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView};

use crate::call::state::State;

/// Adds the interface to a linker. The rest of `wasi:http` is for components that are called by
/// HTTP, which plugins are not.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = LinkOptions::default();
    types::add_to_linker::<_, WasiHttp>(linker, &(&options).into(), State::http)?;
    outgoing_handler::add_to_linker::<_, WasiHttp>(linker, State::http)
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (requests, resources) = self.entered().requests();
        requests.view(resources)
    }
}
