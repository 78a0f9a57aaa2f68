//! `hookyard:verifier/crypto`: functions that need no key.

use hookyard_schemes::component::HashFunction;

use super::bindings::crypto;
use super::state::State;

impl crypto::Host for State {
    fn digest(&mut self, hash: crypto::Hash, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        Ok(HashFunction::from(hash).digest(&data))
    }
}
