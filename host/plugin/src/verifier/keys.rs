//! The keys that a verifier computes with. Their bytes stay in the host.

use hookyard_schemes::component::KeyHandle;
use hookyard_schemes::recipe::{self, EcdsaForm, PublicKeyAlgorithm, RsaHash};
use wasmtime::component::Resource;

use super::bindings::types::{self, Algorithm, Hash};
use super::state::State;

impl types::Host for State {}

impl State {
    fn key(&self, handle: &Resource<KeyHandle>) -> wasmtime::Result<&KeyHandle> {
        Ok(self.resources.get(handle)?)
    }

    fn new_key(&mut self, key: Option<KeyHandle>) -> wasmtime::Result<Option<Resource<KeyHandle>>> {
        let Some(key) = key else {
            return Ok(None);
        };
        Ok(Some(self.resources.push(key)?))
    }
}

impl types::HostKey for State {
    fn id(&mut self, handle: Resource<KeyHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.key(&handle)?.id().map(str::to_owned))
    }

    fn hmac_matches(
        &mut self,
        handle: Resource<KeyHandle>,
        hash: Hash,
        signed: Vec<u8>,
        tag: Vec<u8>,
    ) -> wasmtime::Result<bool> {
        Ok(self.key(&handle)?.hmac_matches(hash.into(), &signed, &tag))
    }

    fn derive(
        &mut self,
        handle: Resource<KeyHandle>,
        hash: Hash,
        data: Vec<u8>,
    ) -> wasmtime::Result<Option<Resource<KeyHandle>>> {
        let derived = self.key(&handle)?.derive(hash.into(), &data);
        self.new_key(derived)
    }

    fn with_prefix(
        &mut self,
        handle: Resource<KeyHandle>,
        prefix: Vec<u8>,
    ) -> wasmtime::Result<Option<Resource<KeyHandle>>> {
        let prefixed = self.key(&handle)?.with_prefix(&prefix);
        self.new_key(prefixed)
    }

    fn equals(&mut self, handle: Resource<KeyHandle>, given: Vec<u8>) -> wasmtime::Result<bool> {
        Ok(self.key(&handle)?.equals(&given))
    }

    fn signature_matches(
        &mut self,
        handle: Resource<KeyHandle>,
        algorithm: Algorithm,
        signed: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<bool> {
        let key = self.key(&handle)?;
        Ok(key.signature_matches(algorithm.into(), &signed, &signature))
    }

    fn drop(&mut self, handle: Resource<KeyHandle>) -> wasmtime::Result<()> {
        self.resources.delete(handle)?;
        Ok(())
    }
}

impl From<Hash> for recipe::Hash {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1,
            Hash::Sha256 => Self::Sha256,
            Hash::Sha384 => Self::Sha384,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

impl From<Algorithm> for PublicKeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::EcdsaP256Sha256 => Self::EcdsaP256(EcdsaForm::Der),
            Algorithm::EcdsaP384Sha384 => Self::EcdsaP384(EcdsaForm::Der),
            Algorithm::RsaSha256 => Self::Rsa(RsaHash::Sha256),
            Algorithm::RsaSha384 => Self::Rsa(RsaHash::Sha384),
            Algorithm::RsaSha512 => Self::Rsa(RsaHash::Sha512),
            Algorithm::RsaPssSha256 => Self::RsaPss(RsaHash::Sha256),
            Algorithm::RsaPssSha384 => Self::RsaPss(RsaHash::Sha384),
            Algorithm::RsaPssSha512 => Self::RsaPss(RsaHash::Sha512),
        }
    }
}
