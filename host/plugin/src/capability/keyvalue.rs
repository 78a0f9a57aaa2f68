//! `wasi:keyvalue`: the interfaces `store` and `batch`, in the two drafts that toolchains build
//! against.
//!
//! The drafts differ in the type of the cursor that continues a list of keys, and in the interface
//! `atomics`, which has its own file. The generated types of one draft are not those of the
//! other, so a macro writes the common part for both.

mod atomics;

use bytes::Bytes;
use hookyard_model::Key;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTableError};

use crate::call::state::State;
use crate::effects::{Buffer, Refusal};

/// The offered versions.
pub(crate) const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-draft2"];

/// An open bucket, by its name.
#[expect(
    unreachable_pub,
    reason = "the generated types name it, and they are public within their own module"
)]
pub struct Bucket(String);

/// Why an operation on stored values failed.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// A bucket cannot have this name.
    NoSuchStore,
    /// The operation was refused.
    Refused(Refusal),
}

impl<E: Into<Refusal>> From<E> for StoreError {
    fn from(refusal: E) -> Self {
        Self::Refused(refusal.into())
    }
}

mod draft {
    //! 0.2.0-draft.
    wasmtime::component::bindgen!({
        path: "../../wit/wasi/keyvalue-0.2.0-draft",
        world: "imports",
        imports: { default: async | trappable },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::capability::keyvalue::StoreError,
        },
        with: { "wasi:keyvalue/store.bucket": crate::capability::keyvalue::Bucket },
    });
}

mod draft2 {
    //! 0.2.0-draft2.
    wasmtime::component::bindgen!({
        path: "../../wit/wasi/keyvalue-0.2.0-draft2",
        world: "imports",
        imports: { default: async | trappable },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::capability::keyvalue::StoreError,
            "wasi:keyvalue/atomics.cas-error" => crate::capability::keyvalue::atomics::SwapError,
        },
        with: {
            "wasi:keyvalue/store.bucket": crate::capability::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": crate::effects::values::Snapshot,
        },
    });
}

/// Adds both drafts to a linker.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    draft::Imports::add_to_linker::<_, HasSelf<State>>(linker, State::entered)?;
    draft2::Imports::add_to_linker::<_, HasSelf<State>>(linker, State::entered)
}

impl State {
    /// Returns the full key of a key in an open bucket.
    fn key(&self, bucket: &Resource<Bucket>, key: String) -> Result<Key, ResourceTableError> {
        Ok(Key {
            bucket: self.resources.get(bucket)?.0.clone(),
            key,
        })
    }
}

/// The cursor type of a draft, which continues a list of keys.
trait Cursor: Sized {
    fn new(end: String, effects: &mut Buffer) -> Result<Self, Refusal>;
    fn page_end(self, effects: &Buffer) -> Result<String, Refusal>;
}

impl Cursor for u64 {
    fn new(end: String, effects: &mut Buffer) -> Result<Self, Refusal> {
        effects.number_page_end(end)
    }

    fn page_end(self, effects: &Buffer) -> Result<String, Refusal> {
        effects.page_end(self)
    }
}

impl Cursor for String {
    fn new(end: String, _: &mut Buffer) -> Result<Self, Refusal> {
        Ok(end)
    }

    fn page_end(self, _: &Buffer) -> Result<String, Refusal> {
        Ok(self)
    }
}

async fn list<C: Cursor>(
    effects: &mut Buffer,
    bucket: &str,
    cursor: Option<C>,
) -> Result<(Vec<String>, Option<C>), Refusal> {
    let after = cursor.map(|cursor| cursor.page_end(effects)).transpose()?;
    let page = effects.keys(bucket, after.as_deref()).await?;
    let cursor = page.end.map(|end| C::new(end, effects)).transpose()?;
    Ok((page.keys, cursor))
}

macro_rules! store_and_batch {
    ($draft:ident, $cursor:ty) => {
        impl $draft::wasi::keyvalue::store::Host for State {
            async fn open(&mut self, name: String) -> Result<Resource<Bucket>, StoreError> {
                if !Buffer::is_bucket_name(&name) {
                    return Err(StoreError::NoSuchStore);
                }
                Ok(self.resources.push(Bucket(name))?)
            }

            fn convert_error(
                &mut self,
                error: StoreError,
            ) -> wasmtime::Result<$draft::wasi::keyvalue::store::Error> {
                match error {
                    StoreError::NoSuchStore => {
                        Ok($draft::wasi::keyvalue::store::Error::NoSuchStore)
                    }
                    StoreError::Refused(Refusal::Guest(reason)) => {
                        Ok($draft::wasi::keyvalue::store::Error::Other(reason))
                    }
                    StoreError::Refused(Refusal::End(error)) => Err(error),
                }
            }
        }

        impl $draft::wasi::keyvalue::store::HostBucket for State {
            async fn get(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<Option<Vec<u8>>, StoreError> {
                let _call = self.calls.begin("keyvalue.get");
                let key = self.key(&bucket, key)?;
                Ok(self.effects.get(&key).await?.map(Vec::from))
            }

            async fn set(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                value: Vec<u8>,
            ) -> Result<(), StoreError> {
                let _call = self.calls.begin("keyvalue.set");
                let key = self.key(&bucket, key)?;
                Ok(self.effects.put(key, Some(value.into()))?)
            }

            async fn delete(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<(), StoreError> {
                let _call = self.calls.begin("keyvalue.delete");
                let key = self.key(&bucket, key)?;
                Ok(self.effects.put(key, None)?)
            }

            async fn exists(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<bool, StoreError> {
                let _call = self.calls.begin("keyvalue.exists");
                let key = self.key(&bucket, key)?;
                Ok(self.effects.get(&key).await?.is_some())
            }

            async fn list_keys(
                &mut self,
                bucket: Resource<Bucket>,
                cursor: Option<$cursor>,
            ) -> Result<$draft::wasi::keyvalue::store::KeyResponse, StoreError> {
                let _call = self.calls.begin("keyvalue.list-keys");
                let bucket = &self.resources.get(&bucket)?.0;
                let (keys, cursor) = list(&mut self.effects, bucket, cursor).await?;
                Ok($draft::wasi::keyvalue::store::KeyResponse { keys, cursor })
            }

            async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
                self.resources.delete(bucket)?;
                Ok(())
            }
        }

        impl $draft::wasi::keyvalue::batch::Host for State {
            async fn get_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> Result<Vec<Option<(String, Vec<u8>)>>, StoreError> {
                let _call = self.calls.begin("keyvalue.get-many");
                let keys = keys
                    .into_iter()
                    .map(|key| self.key(&bucket, key))
                    .collect::<Result<Vec<_>, _>>()?;
                let values = self.effects.get_many(&keys).await?;
                let pair = |(key, value): (Key, Option<Bytes>)| {
                    value.map(|value| (key.key, Vec::from(value)))
                };
                Ok(keys.into_iter().zip(values).map(pair).collect())
            }

            async fn set_many(
                &mut self,
                bucket: Resource<Bucket>,
                key_values: Vec<(String, Vec<u8>)>,
            ) -> Result<(), StoreError> {
                let _call = self.calls.begin("keyvalue.set-many");
                for (key, value) in key_values {
                    let key = self.key(&bucket, key)?;
                    self.effects.put(key, Some(Bytes::from(value)))?;
                }
                Ok(())
            }

            async fn delete_many(
                &mut self,
                bucket: Resource<Bucket>,
                keys: Vec<String>,
            ) -> Result<(), StoreError> {
                let _call = self.calls.begin("keyvalue.delete-many");
                for key in keys {
                    let key = self.key(&bucket, key)?;
                    self.effects.put(key, None)?;
                }
                Ok(())
            }
        }
    };
}

store_and_batch!(draft, u64);
store_and_batch!(draft2, String);
