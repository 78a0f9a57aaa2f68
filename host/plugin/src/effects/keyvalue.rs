//! `wasi:keyvalue`: `store` and `batch`, in the two drafts that toolchains build against.
//!
//! The drafts differ in how one page of keys is followed by the next, and in `atomics`, which is next door. What they
//! have in common is written once, as a macro, since the generated types of one draft are not those of the other.

use bytes::Bytes;
use hookyard_model::Key;
use wasmtime::component::{HasSelf, Linker, Resource};

use super::buffer::{Buffer, Denied};
use crate::call::State;

/// The versions that are offered.
pub(crate) const VERSIONS: [&str; 2] = ["0.2.0-draft", "0.2.0-draft2"];

/// An open bucket, by its name.
#[expect(
    unreachable_pub,
    reason = "the generated types name it, and they are public within their own module"
)]
pub struct Bucket(String);

pub(super) mod draft {
    //! 0.2.0-draft.
    wasmtime::component::bindgen!({
        path: "../../wit/wasi/keyvalue-0.2.0-draft",
        world: "imports",
        imports: { default: async | trappable },
        trappable_error_type: { "wasi:keyvalue/store.error" => crate::effects::buffer::Denied },
        with: { "wasi:keyvalue/store.bucket": crate::effects::keyvalue::Bucket },
    });
}

pub(super) mod draft2 {
    //! 0.2.0-draft2.
    wasmtime::component::bindgen!({
        path: "../../wit/wasi/keyvalue-0.2.0-draft2",
        world: "imports",
        imports: { default: async | trappable },
        trappable_error_type: {
            "wasi:keyvalue/store.error" => crate::effects::buffer::Denied,
            "wasi:keyvalue/atomics.cas-error" => crate::effects::atomics::NotSwapped,
        },
        with: {
            "wasi:keyvalue/store.bucket": crate::effects::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": crate::effects::buffer::Glimpse,
        },
    });
}

/// Offers both drafts.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    draft::Imports::add_to_linker::<_, HasSelf<State>>(linker, State::entered)?;
    draft2::Imports::add_to_linker::<_, HasSelf<State>>(linker, State::entered)
}

impl State {
    /// A key of an open bucket.
    pub(super) fn key(&self, bucket: &Resource<Bucket>, key: String) -> Result<Key, Denied> {
        Ok(Key {
            bucket: self.resources.get(bucket)?.0.clone(),
            key,
        })
    }
}

/// What stands for the end of a page of keys in one of the drafts.
trait Cursor: Sized {
    fn of(end: String, effects: &mut Buffer) -> Result<Self, Denied>;
    fn end(self, effects: &Buffer) -> Result<String, Denied>;
}

impl Cursor for u64 {
    fn of(end: String, effects: &mut Buffer) -> Result<Self, Denied> {
        effects.number_page_end(end)
    }

    fn end(self, effects: &Buffer) -> Result<String, Denied> {
        effects.page_end(self)
    }
}

impl Cursor for String {
    fn of(end: String, _: &mut Buffer) -> Result<Self, Denied> {
        Ok(end)
    }

    fn end(self, _: &Buffer) -> Result<String, Denied> {
        Ok(self)
    }
}

async fn list<C: Cursor>(
    effects: &mut Buffer,
    bucket: &str,
    cursor: Option<C>,
) -> Result<(Vec<String>, Option<C>), Denied> {
    let after = cursor.map(|cursor| cursor.end(effects)).transpose()?;
    let page = effects.keys(bucket, after.as_deref()).await?;
    let cursor = page.end.map(|end| C::of(end, effects)).transpose()?;
    Ok((page.keys, cursor))
}

macro_rules! store_and_batch {
    ($draft:ident, $cursor:ty) => {
        impl $draft::wasi::keyvalue::store::Host for State {
            async fn open(&mut self, name: String) -> Result<Resource<Bucket>, Denied> {
                if !Buffer::is_bucket(&name) {
                    return Err(Denied::NoSuchStore);
                }
                Ok(self.resources.push(Bucket(name))?)
            }

            fn convert_error(
                &mut self,
                denied: Denied,
            ) -> wasmtime::Result<$draft::wasi::keyvalue::store::Error> {
                match denied {
                    Denied::NoSuchStore => Ok($draft::wasi::keyvalue::store::Error::NoSuchStore),
                    Denied::Guest(reason) => {
                        Ok($draft::wasi::keyvalue::store::Error::Other(reason))
                    }
                    Denied::End(error) => Err(error),
                }
            }
        }

        impl $draft::wasi::keyvalue::store::HostBucket for State {
            async fn get(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<Option<Vec<u8>>, Denied> {
                let key = self.key(&bucket, key)?;
                Ok(self.effects.get(&key).await?.map(Vec::from))
            }

            async fn set(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
                value: Vec<u8>,
            ) -> Result<(), Denied> {
                let key = self.key(&bucket, key)?;
                self.effects.put(key, Some(value.into()))
            }

            async fn delete(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<(), Denied> {
                let key = self.key(&bucket, key)?;
                self.effects.put(key, None)
            }

            async fn exists(
                &mut self,
                bucket: Resource<Bucket>,
                key: String,
            ) -> Result<bool, Denied> {
                let key = self.key(&bucket, key)?;
                Ok(self.effects.get(&key).await?.is_some())
            }

            async fn list_keys(
                &mut self,
                bucket: Resource<Bucket>,
                cursor: Option<$cursor>,
            ) -> Result<$draft::wasi::keyvalue::store::KeyResponse, Denied> {
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
            ) -> Result<Vec<Option<(String, Vec<u8>)>>, Denied> {
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
            ) -> Result<(), Denied> {
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
            ) -> Result<(), Denied> {
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
