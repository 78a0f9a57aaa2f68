//! The plugin's key-value store.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{HostError, host};

/// A bucket of the plugin's key-value store, with values of one type. They are stored as JSON.
///
/// If another attempt changes a key that this attempt has read, the host runs the handler again
/// from its beginning. A handler can therefore read, compute and write as if it were alone.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<T> {
    name: &'static str,
    values: PhantomData<T>,
}

impl<T> Bucket<T> {
    /// Returns the bucket of this name. Nothing is opened or written.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            values: PhantomData,
        }
    }

    /// Removes the value of a key, if there is one.
    pub fn delete(&self, key: &str) -> Result<(), HostError> {
        host::delete(self.name, key).map_err(|why| self.fault(key, why))
    }

    /// Returns whether a key has a value.
    pub fn exists(&self, key: &str) -> Result<bool, HostError> {
        host::exists(self.name, key).map_err(|why| self.fault(key, why))
    }

    /// Returns all keys.
    pub fn keys(&self) -> Result<Vec<String>, HostError> {
        host::keys(self.name).map_err(|why| self.fault("", why))
    }

    /// Returns the bytes of a key.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        host::get(self.name, key).map_err(|why| self.fault(key, why))
    }

    /// Sets the bytes of a key.
    pub fn set_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), HostError> {
        host::set(self.name, key, bytes).map_err(|why| self.fault(key, why))
    }

    fn fault(&self, key: &str, why: impl std::fmt::Display) -> HostError {
        HostError::new(format!(
            "key-value bucket {:?}, key {key:?}: {why}",
            self.name
        ))
    }
}

impl<T: Serialize + DeserializeOwned> Bucket<T> {
    /// Returns the value of a key, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<T>, HostError> {
        let Some(bytes) = self.get_bytes(key)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| self.fault(key, error))
    }

    /// Sets the value of a key.
    pub fn set(&self, key: &str, value: &T) -> Result<(), HostError> {
        let bytes = serde_json::to_vec(value).map_err(|error| self.fault(key, error))?;
        self.set_bytes(key, &bytes)
    }

    /// Computes a value from the old one, sets it and returns it.
    pub fn update(&self, key: &str, f: impl FnOnce(Option<T>) -> T) -> Result<T, HostError> {
        let value = f(self.get(key)?);
        self.set(key, &value)?;
        Ok(value)
    }
}

impl Bucket<i64> {
    /// Adds to the number of a key and returns the sum. A missing key counts as zero.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, HostError> {
        host::increment(self.name, key, by).map_err(|why| self.fault(key, why))
    }
}
