//! The key-value stores of plugins, and the space that they use.

use async_trait::async_trait;
use hookyard_model::{Key, Limit, PluginRef, Versioned};

use crate::Error;

/// Read access to the key-value stores of plugins.
///
/// Reads return committed values. Only [`Jobs::settle`](crate::Jobs::settle) writes values.
#[async_trait]
pub trait Values: Send + Sync + 'static {
    /// Returns the committed value of a key, or `None` if the key has no value.
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error>;

    /// Returns up to `limit` keys of a bucket that follow `after`, in byte order.
    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error>;

    /// Returns the amount of data in the key-value store of a plugin.
    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error>;
}

/// An amount of key-value data: the data in a plugin's key-value store, or the quota of that store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvUsage {
    /// The number of keys.
    pub keys: u64,
    /// The total size of bucket names, keys and values, in bytes.
    pub bytes: u64,
}

impl KvUsage {
    /// Returns the usage of one key with a value of `value_bytes` bytes.
    pub fn of(key: &Key, value_bytes: usize) -> Self {
        Self {
            keys: 1,
            bytes: (key.bucket.len() + key.key.len() + value_bytes) as u64,
        }
    }

    /// Returns the sum of two amounts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_add(other.keys),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Returns the difference of two amounts, which is never less than zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            keys: self.keys.saturating_sub(other.keys),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// Returns the [`Error::OverQuota`] that prevents a store of this size from becoming `next`, if
    /// any.
    ///
    /// A store may be larger than its quota if the quota was lowered. Such a store may still
    /// shrink.
    pub fn exceeds(self, next: Self, quota: Self) -> Option<Error> {
        if next.keys > quota.keys.max(self.keys) {
            return Some(Error::OverQuota {
                limit: Limit::KvKeys,
                max: quota.keys,
            });
        }

        if next.bytes > quota.bytes.max(self.bytes) {
            return Some(Error::OverQuota {
                limit: Limit::KvBytes,
                max: quota.bytes,
            });
        }

        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(keys: u64, bytes: u64) -> KvUsage {
        KvUsage { keys, bytes }
    }

    #[test]
    fn quota_stops_growth_but_not_shrinking() {
        let quota = usage(2, 100);
        let cases = [
            (usage(0, 0), usage(2, 100), None),
            (usage(0, 0), usage(3, 10), Some((Limit::KvKeys, 2))),
            (usage(0, 0), usage(1, 101), Some((Limit::KvBytes, 100))),
            (usage(9, 900), usage(8, 900), None),
            (usage(9, 900), usage(8, 901), Some((Limit::KvBytes, 100))),
            (usage(9, 900), usage(10, 1), Some((Limit::KvKeys, 2))),
            (usage(9, 50), usage(9, 100), None),
        ];

        for (now, next, expected) in cases {
            let exceeded = now.exceeds(next, quota).map(|error| match error {
                Error::OverQuota { limit, max } => (limit, max),
                other => panic!("{other}"),
            });
            assert_eq!(exceeded, expected, "{now:?} -> {next:?}");
        }
    }

    #[test]
    fn key_and_bucket_names_count_as_bytes() {
        let key = Key {
            bucket: "carts".into(),
            key: "é".into(),
        };

        assert_eq!(KvUsage::of(&key, 10), usage(1, 17));
    }
}
