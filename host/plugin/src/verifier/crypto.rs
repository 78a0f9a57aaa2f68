//! `hookyard:verifier/crypto`: functions that need no key.

use hookyard_schemes::recipe::Hash;

use super::bindings::crypto;
use super::state::State;

impl crypto::Host for State {
    fn digest(&mut self, hash: crypto::Hash, data: Vec<u8>) -> wasmtime::Result<Vec<u8>> {
        Ok(Hash::from(hash).digest(&data).as_ref().to_vec())
    }
}
