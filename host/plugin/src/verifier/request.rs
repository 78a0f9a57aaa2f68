//! The request that a verifier reads.

use std::sync::Arc;

use hookyard_schemes::component::Input;
use wasmtime::component::Resource;

use super::bindings::types;
use super::state::State;

/// The handle of the request.
#[expect(unreachable_pub, reason = "the bindings export the type")]
pub struct RequestHandle(pub(super) Arc<Input>);

impl State {
    fn request(&self, handle: &Resource<RequestHandle>) -> wasmtime::Result<&Input> {
        Ok(&self.resources.get(handle)?.0)
    }
}

impl types::HostRequest for State {
    fn method(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.request(&handle)?.method.clone())
    }

    fn url(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.request(&handle)?.url.clone())
    }

    fn query(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.request(&handle)?.query.clone())
    }

    fn header(
        &mut self,
        handle: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Vec<Vec<u8>>> {
        let headers = &self.request(&handle)?.headers;
        Ok(headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(&name))
            .map(|header| header.value.to_vec())
            .collect())
    }

    fn body(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.request(&handle)?.body.to_vec())
    }

    fn received_at(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<u64> {
        let millis = self.request(&handle)?.received_at.unix_millis();
        Ok(u64::try_from(millis).unwrap_or(0))
    }

    fn setting(
        &mut self,
        handle: Resource<RequestHandle>,
        name: String,
    ) -> wasmtime::Result<Option<String>> {
        Ok(self.request(&handle)?.settings.get(&name).cloned())
    }

    fn drop(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<()> {
        self.resources.delete(handle)?;
        Ok(())
    }
}
