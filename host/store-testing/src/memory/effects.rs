//! Plugins' key-value stores, in memory.

use std::collections::{BTreeMap, HashMap};

use hookyard_model::{Key, PluginRef, ReadVersion, Versioned, Write};

use hookyard_store::{Error, KvUsage};

/// What settled attempts have left behind.
#[derive(Default)]
pub(super) struct Kept {
    stores: HashMap<PluginRef, Store>,
}

/// A plugin's key-value store.
#[derive(Default)]
struct Store {
    values: BTreeMap<Key, Versioned>,
    usage: KvUsage,
    /// The last that was given to any key.
    version: u64,
}

impl Kept {
    /// Takes an attempt's writes in, or changes nothing.
    pub(super) fn commit(
        &mut self,
        plugin: &PluginRef,
        all_seen: Vec<ReadVersion>,
        writes: Vec<Write>,
        quota: KvUsage,
    ) -> Result<(), Error> {
        let store = self.stores.entry(plugin.clone()).or_default();
        for seen in all_seen {
            if store.values.get(&seen.key).map(|value| value.version) != seen.version {
                return Err(Error::Conflict(seen.key));
            }
        }
        let next = store.usage_after(&writes);
        if let Some(excess) = store.usage.exceeds(next, quota) {
            return Err(excess);
        }
        store.usage = next;
        for write in writes {
            store.version += 1;
            match write.value {
                Some(value) => drop(store.values.insert(
                    write.key,
                    Versioned {
                        version: store.version,
                        value,
                    },
                )),
                None => drop(store.values.remove(&write.key)),
            }
        }
        Ok(())
    }

    pub(super) fn value(&self, plugin: &PluginRef, key: &Key) -> Option<Versioned> {
        self.stores.get(plugin)?.values.get(key).cloned()
    }

    pub(super) fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<String> {
        let Some(store) = self.stores.get(plugin) else {
            return Vec::new();
        };
        let keys = store
            .values
            .keys()
            .filter(|key| key.bucket == bucket)
            .map(|key| key.key.as_str());
        keys.filter(|key| after.is_none_or(|after| *key > after))
            .take(limit)
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn usage(&self, plugin: &PluginRef) -> KvUsage {
        self.stores
            .get(plugin)
            .map(|store| store.usage)
            .unwrap_or_default()
    }
}

impl Store {
    fn usage_after(&self, writes: &[Write]) -> KvUsage {
        writes.iter().fold(self.usage, |usage, write| {
            let of = |value: &[u8]| KvUsage::of(&write.key, value.len());
            let before = self
                .values
                .get(&write.key)
                .map(|found| of(&found.value))
                .unwrap_or_default();
            usage
                .minus(before)
                .plus(write.value.as_deref().map(of).unwrap_or_default())
        })
    }
}
