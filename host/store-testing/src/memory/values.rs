//! The key-value stores of plugins in memory.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use hookyard_model::{Key, PluginRef, ReadVersion, Versioned, Write};
use hookyard_store::{Error, KvUsage, Values};

use super::MemoryStore;

#[async_trait]
impl Values for MemoryStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        let state = self.state();
        let values = state.values.0.get(plugin);

        Ok(values.and_then(|values| values.by_key.get(key).cloned()))
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let state = self.state();
        let Some(values) = state.values.0.get(plugin) else {
            return Ok(Vec::new());
        };

        let in_bucket = values.by_key.keys().filter(|key| key.bucket == bucket);
        Ok(in_bucket
            .filter(|key| after.is_none_or(|after| key.key.as_str() > after))
            .take(limit)
            .map(|key| key.key.clone())
            .collect())
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        let state = self.state();
        let values = state.values.0.get(plugin);

        Ok(values.map(|values| values.usage).unwrap_or_default())
    }
}

/// The key-value stores of all plugins.
#[derive(Default)]
pub(super) struct AllValues(HashMap<PluginRef, PluginValues>);

/// The key-value store of a plugin.
#[derive(Default)]
struct PluginValues {
    by_key: BTreeMap<Key, Versioned>,
    usage: KvUsage,
    /// The last version that any key got.
    version: u64,
}

impl AllValues {
    /// Commits the writes of an attempt, or fails and changes nothing.
    pub(super) fn commit(
        &mut self,
        plugin: &PluginRef,
        reads: &[ReadVersion],
        writes: &[Write],
        quota: KvUsage,
    ) -> Result<(), Error> {
        let values = self.0.entry(plugin.clone()).or_default();

        for read in reads {
            let current = values.by_key.get(&read.key).map(|value| value.version);
            if current != read.version {
                return Err(Error::Conflict(read.key.clone()));
            }
        }

        let next = values.usage_after(writes);
        if let Some(excess) = values.usage.exceeds(next, quota) {
            return Err(excess);
        }

        values.usage = next;
        for write in writes {
            values.write(write.clone());
        }
        Ok(())
    }
}

impl PluginValues {
    fn usage_after(&self, writes: &[Write]) -> KvUsage {
        let mut usage = self.usage;

        for write in writes {
            if let Some(old) = self.by_key.get(&write.key) {
                usage = usage.minus(KvUsage::of(&write.key, old.value.len()));
            }
            if let Some(new) = &write.value {
                usage = usage.plus(KvUsage::of(&write.key, new.len()));
            }
        }

        usage
    }

    fn write(&mut self, write: Write) {
        // A deletion also takes a version, so that a key never gets an old version again.
        self.version += 1;

        if let Some(value) = write.value {
            let version = self.version;
            self.by_key.insert(write.key, Versioned { version, value });
        } else {
            self.by_key.remove(&write.key);
        }
    }
}
