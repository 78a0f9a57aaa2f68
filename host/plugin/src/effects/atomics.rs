//! `wasi:keyvalue/atomics`: numbers, and in the second draft compare-and-swap.
//!
//! Within an attempt nothing happens at once, so all of this is plain reading and writing of its buffer. Against other
//! attempts it is the commit that makes it atomic: one that read a key which another has changed meanwhile is dropped and
//! run again.

use wasmtime::component::Resource;

use super::buffer::{Denied, Glimpse};
use super::keyvalue::{Bucket, draft, draft2};
use crate::call::State;

impl draft::wasi::keyvalue::atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, Denied> {
        let key = self.key(&bucket, key)?;
        self.effects.increment(key, delta).await
    }
}

/// Why a swap wasn't made.
pub(crate) enum NotSwapped {
    Denied(Denied),
    /// Something else stands there by now: a new handle on it.
    Changed(Resource<Glimpse>),
}

impl From<Denied> for NotSwapped {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl draft2::wasi::keyvalue::atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<i64, Denied> {
        let key = self.key(&bucket, key)?;
        self.effects.increment(key, delta).await
    }

    async fn swap(&mut self, cas: Resource<Glimpse>, value: Vec<u8>) -> Result<(), NotSwapped> {
        let seen = self.resources.delete(cas).map_err(Denied::from)?;
        let swapped = self.effects.swap(&seen, value.into());
        let key = self.effects.forget(seen);
        if swapped? {
            return Ok(());
        }
        let now = self.effects.glimpse(key).await?;
        Err(NotSwapped::Changed(
            self.resources.push(now).map_err(Denied::from)?,
        ))
    }

    fn convert_cas_error(
        &mut self,
        error: NotSwapped,
    ) -> wasmtime::Result<draft2::wasi::keyvalue::atomics::CasError> {
        use draft2::wasi::keyvalue::atomics::CasError;
        use draft2::wasi::keyvalue::store::Host;
        match error {
            NotSwapped::Denied(denied) => {
                Ok(CasError::StoreError(Host::convert_error(self, denied)?))
            }
            NotSwapped::Changed(cas) => Ok(CasError::CasFailed(cas)),
        }
    }
}

impl draft2::wasi::keyvalue::atomics::HostCas for State {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Resource<Glimpse>, Denied> {
        let key = self.key(&bucket, key)?;
        let seen = self.effects.glimpse(key).await?;
        Ok(self.resources.push(seen)?)
    }

    async fn current(&mut self, cas: Resource<Glimpse>) -> Result<Option<Vec<u8>>, Denied> {
        Ok(self.resources.get(&cas)?.value.clone().map(Vec::from))
    }

    async fn drop(&mut self, cas: Resource<Glimpse>) -> wasmtime::Result<()> {
        let seen = self.resources.delete(cas)?;
        self.effects.forget(seen);
        Ok(())
    }
}
