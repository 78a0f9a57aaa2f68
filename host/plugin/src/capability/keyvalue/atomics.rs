//! `wasi:keyvalue/atomics`: increments, and in the second draft compare-and-swap.
//!
//! Within an attempt nothing happens concurrently, so these are plain reads and writes of the
//! attempt's buffer. The commit makes them atomic with regard to other attempts: an attempt that
//! read a key which another attempt has changed since is dropped and retried.

use wasmtime::component::Resource;

use super::{Bucket, StoreError, draft, draft2};
use crate::call::state::State;
use crate::effects::values::Snapshot;

impl draft::wasi::keyvalue::atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Result<u64, StoreError> {
        let _call = self.calls.begin("keyvalue.increment");
        let key = self.key(&bucket, key)?;
        Ok(self.effects.increment(key, delta).await?)
    }
}

/// Why a swap failed.
pub(crate) enum SwapError {
    Store(StoreError),
    /// The key has another value now. The handle is a snapshot of that value.
    Changed(Resource<Snapshot>),
}

impl<E: Into<StoreError>> From<E> for SwapError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl draft2::wasi::keyvalue::atomics::Host for State {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> Result<i64, StoreError> {
        let _call = self.calls.begin("keyvalue.increment");
        let key = self.key(&bucket, key)?;
        Ok(self.effects.increment(key, delta).await?)
    }

    async fn swap(&mut self, cas: Resource<Snapshot>, value: Vec<u8>) -> Result<(), SwapError> {
        let _call = self.calls.begin("keyvalue.swap");
        let snapshot = self.resources.delete(cas)?;
        let swapped = self.effects.swap(&snapshot, value.into());
        // The handle is gone whatever the swap did, so its memory is freed before an error is
        // returned.
        let key = self.effects.drop_snapshot(snapshot);
        if swapped? {
            return Ok(());
        }

        let current = self.effects.snapshot(key).await?;
        Err(SwapError::Changed(self.resources.push(current)?))
    }

    fn convert_cas_error(
        &mut self,
        error: SwapError,
    ) -> wasmtime::Result<draft2::wasi::keyvalue::atomics::CasError> {
        use draft2::wasi::keyvalue::atomics::CasError;
        use draft2::wasi::keyvalue::store::Host;

        match error {
            SwapError::Store(error) => Ok(CasError::StoreError(Host::convert_error(self, error)?)),
            SwapError::Changed(cas) => Ok(CasError::CasFailed(cas)),
        }
    }
}

impl draft2::wasi::keyvalue::atomics::HostCas for State {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> Result<Resource<Snapshot>, StoreError> {
        let _call = self.calls.begin("keyvalue.new");
        let key = self.key(&bucket, key)?;
        let snapshot = self.effects.snapshot(key).await?;
        Ok(self.resources.push(snapshot)?)
    }

    async fn current(&mut self, cas: Resource<Snapshot>) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.resources.get(&cas)?.value.clone().map(Vec::from))
    }

    async fn drop(&mut self, cas: Resource<Snapshot>) -> wasmtime::Result<()> {
        let snapshot = self.resources.delete(cas)?;
        self.effects.drop_snapshot(snapshot);
        Ok(())
    }
}
