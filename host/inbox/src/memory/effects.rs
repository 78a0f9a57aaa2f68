//! Plugins' key-value stores and the outbox, in memory.

use std::collections::{BTreeMap, HashMap};

use hookyard_model::{Effects, EventId, Key, Message, MessageId, PluginRef, Versioned};

use crate::{Error, MessageSummary, Usage};

/// What settled attempts have left behind.
#[derive(Default)]
pub(super) struct Kept {
    stores: HashMap<PluginRef, Store>,
    /// In the order of their commit.
    messages: Vec<Sent>,
}

/// A plugin's key-value store.
#[derive(Default)]
struct Store {
    values: BTreeMap<Key, Versioned>,
    usage: Usage,
    /// The last that was given to any key.
    version: u64,
}

struct Sent {
    plugin: PluginRef,
    event: EventId,
    message: Message,
}

impl Kept {
    /// Takes an attempt's effects in, or changes nothing.
    pub(super) fn commit(
        &mut self,
        plugin: &PluginRef,
        event: EventId,
        effects: Effects,
        quota: Usage,
    ) -> Result<(), Error> {
        let store = self.stores.entry(plugin.clone()).or_default();
        for seen in &effects.seen {
            if store.values.get(&seen.key).map(|value| value.version) != seen.version {
                return Err(Error::Conflict(seen.key.clone()));
            }
        }
        let next = store.usage_after(&effects);
        if !store.usage.may_become(next, quota) {
            return Err(Error::OverQuota(quota));
        }
        store.usage = next;
        for write in effects.writes {
            store.version += 1;
            match write.value {
                Some(value) => drop(store.values.insert(write.key, Versioned { version: store.version, value })),
                None => drop(store.values.remove(&write.key)),
            }
        }
        let sent = |message| Sent { plugin: plugin.clone(), event, message };
        self.messages.extend(effects.messages.into_iter().map(sent));
        Ok(())
    }

    pub(super) fn value(&self, plugin: &PluginRef, key: &Key) -> Option<Versioned> {
        self.stores.get(plugin)?.values.get(key).cloned()
    }

    pub(super) fn keys(&self, plugin: &PluginRef, bucket: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let Some(store) = self.stores.get(plugin) else { return Vec::new() };
        let keys = store.values.keys().filter(|key| key.bucket == bucket).map(|key| key.key.as_str());
        keys.filter(|key| after.is_none_or(|after| *key > after)).take(limit).map(str::to_owned).collect()
    }

    pub(super) fn usage(&self, plugin: &PluginRef) -> Usage {
        self.stores.get(plugin).map(|store| store.usage).unwrap_or_default()
    }

    pub(super) fn messages(&self, after: Option<MessageId>, limit: usize) -> Vec<MessageSummary> {
        let before = self.messages.iter().enumerate().filter(|(_, sent)| after.is_some_and(|id| sent.message.id <= id));
        let place = before.max_by_key(|(_, sent)| sent.message.id).map_or(0, |(at, _)| at + 1);
        self.messages[place..].iter().take(limit).map(Sent::summary).collect()
    }
}

impl Store {
    fn usage_after(&self, effects: &Effects) -> Usage {
        effects.writes.iter().fold(self.usage, |usage, write| {
            let of = |value: &[u8]| Usage::of(&write.key, value.len());
            let before = self.values.get(&write.key).map(|found| of(&found.value)).unwrap_or_default();
            usage.less(before).plus(write.value.as_deref().map(of).unwrap_or_default())
        })
    }
}

impl Sent {
    fn summary(&self) -> MessageSummary {
        MessageSummary {
            id: self.message.id,
            plugin: self.plugin.clone(),
            event: self.event,
            destination: self.message.destination.to_string(),
            body_bytes: self.message.body.len() as u64,
        }
    }
}
