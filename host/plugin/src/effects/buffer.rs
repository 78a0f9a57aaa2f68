//! The effects of one attempt while it runs: what it has read, what it would write, what it would send.
//!
//! A key that was read stays as it was found, and is noted, so that the commit can refuse what was computed from a value
//! that is no longer there. A key that was only written is not: then there was nothing to go by. All that is held for a
//! guest counts against its memory limit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::{
    DestinationName, Effects, Key, Limit, Message, MessageId, Outcome, PluginRef, ReadVersion,
    Versioned, Write,
};
use hookyard_store::KvUsage;

use super::Parts;
use crate::budget::{Budget, Excess, NoRoom};
use crate::{Http, Limits, Stage};

/// The longest name of a bucket, in bytes.
const BUCKET_BYTES_MAX: usize = 128;
/// The longest key.
const KEY_BYTES_MAX: usize = 1024;
/// The longest ordering key.
const ORDERING_KEY_BYTES_MAX: usize = 256;
/// Keys in one page of a list.
const PAGE_KEYS: usize = 256;
/// What the host spends on an entry beside its texts.
const ENTRY_BYTES: u64 = 256;

/// The effects of one attempt.
pub(crate) struct Buffer {
    parts: Parts,
    plugin: PluginRef,
    pub(crate) budget: Budget,
    quota: KvUsage,
    writes_max: usize,
    written_bytes: u64,
    write_bytes_max: u64,
    messages_max: usize,
    held_bytes_max: u64,
    reads: u64,
    reads_max: u64,
    /// The last limit that a guest was refused something for.
    denied: Option<Outcome>,
    found: BTreeMap<Key, Option<Versioned>>,
    written: BTreeMap<Key, Written>,
    messages: Vec<Message>,
    /// Where pages of keys ended, for those whose cursor is a number.
    page_ends: Vec<String>,
}

/// What is to stand at a key.
struct Written {
    value: Option<Bytes>,
    /// How often it was changed, which tells a handle on an earlier value that it is out of date.
    changes: u64,
}

/// Why the guest isn't given what it asks for.
#[derive(Debug)]
pub(crate) enum Denied {
    /// A fault of the guest's, or a limit that it met; one line.
    Guest(String),
    /// There can be no bucket of that name.
    NoSuchStore,
    /// A fault of the host's, or a misuse of its handles: the attempt ends.
    End(wasmtime::Error),
}

/// The inbox could not be read for a guest: the attempt ends, since the guest couldn't make anything of it.
#[derive(Debug, thiserror::Error)]
#[error("the plugin's store can't be read")]
pub(crate) struct Unreadable(#[source] hookyard_store::Error);

impl From<hookyard_store::Error> for Denied {
    fn from(error: hookyard_store::Error) -> Self {
        Self::End(Unreadable(error).into())
    }
}

impl From<wasmtime::component::ResourceTableError> for Denied {
    fn from(error: wasmtime::component::ResourceTableError) -> Self {
        Self::End(error.into())
    }
}

impl From<Excess> for Denied {
    fn from(excess: Excess) -> Self {
        Self::End(excess.into())
    }
}

/// What stood at a key at some point of the attempt.
#[derive(Debug, Clone)]
#[expect(
    unreachable_pub,
    reason = "the generated types name it, and they are public within their own module"
)]
pub struct Glimpse {
    pub(crate) key: Key,
    pub(crate) value: Option<Bytes>,
    changes: u64,
}

/// Some keys of a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeysPage {
    pub(crate) keys: Vec<String>,
    /// After which the next page begins, unless this is the last.
    pub(crate) end: Option<String>,
}

impl Buffer {
    /// Empty.
    pub(crate) fn new(parts: Parts, plugin: PluginRef, limits: &Limits) -> Self {
        Self {
            parts,
            plugin,
            budget: Budget::new(limits),
            quota: limits.quota(),
            writes_max: limits.kv_writes_max,
            written_bytes: 0,
            write_bytes_max: limits.kv_write_bytes_max,
            messages_max: limits.outbox_messages_max,
            held_bytes_max: limits.memory_max,
            reads: 0,
            reads_max: limits.kv_reads_max,
            denied: None,
            found: BTreeMap::new(),
            written: BTreeMap::new(),
            messages: Vec::new(),
            page_ends: Vec::new(),
        }
    }

    /// What an attempt that came to `Done` has to commit. One that changes nothing has nothing to go by.
    pub(crate) fn into_effects(self) -> Effects {
        if self.written.is_empty() && self.messages.is_empty() {
            return Effects::default();
        }
        let seen = |(key, found): (Key, Option<Versioned>)| ReadVersion {
            key,
            version: found.map(|found| found.version),
        };
        let write = |(key, Written { value, .. })| Write { key, value };
        Effects {
            reads: self.found.into_iter().map(seen).collect(),
            writes: self.written.into_iter().map(write).collect(),
            messages: self.messages,
            ..Effects::default()
        }
    }

    /// Who makes the attempt's requests.
    pub(crate) fn http(&self) -> Arc<dyn Http> {
        Arc::clone(&self.parts.http)
    }

    /// What time and chance are to the guest; the real ones where `None`.
    pub(crate) fn stage(&self) -> Option<&Stage> {
        self.parts.stage.as_ref()
    }

    /// What a guest failed of, if it failed: what it was refused here.
    pub(crate) fn denial(&self) -> Option<Outcome> {
        self.denied
            .clone()
            .or_else(|| self.budget.no_room().map(Outcome::from))
    }

    /// Tells the guest of a limit that it met, and remembers it.
    fn deny(&mut self, limit: impl Into<Outcome>, reason: String) -> Denied {
        self.denied = Some(limit.into());
        Denied::Guest(reason)
    }

    fn deny_memory(&mut self, reason: String) -> Denied {
        self.deny(
            Outcome::OutOfMemory {
                max: self.held_bytes_max,
            },
            reason,
        )
    }

    /// Whether there can be a bucket of that name.
    pub(crate) fn is_bucket(name: &str) -> bool {
        name.len() <= BUCKET_BYTES_MAX
    }

    /// What stands at a key, as this attempt sees it.
    pub(crate) async fn get(&mut self, key: &Key) -> Result<Option<Bytes>, Denied> {
        check_key(key)?;
        let value = self.look(key).await?;
        self.budget
            .bytes(key.key.len() + value.as_ref().map_or(0, Bytes::len))?;
        Ok(value)
    }

    async fn look(&mut self, key: &Key) -> Result<Option<Bytes>, Denied> {
        if let Some(written) = self.written.get(key) {
            return Ok(written.value.clone());
        }
        if let Some(found) = self.found.get(key) {
            return Ok(found.as_ref().map(|found| found.value.clone()));
        }
        self.count_read()?;
        let found = self.parts.values.value(&self.plugin, key).await?;
        let value = found.as_ref().map(|found| found.value.clone());
        self.hold(entry_bytes(key, value.as_ref()))?;
        self.found.insert(key.clone(), found);
        Ok(value)
    }

    /// What stands at several keys. A guest gets the values in one piece, so they count as if none of them was shared.
    pub(crate) async fn get_many(&mut self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, Denied> {
        let mut room = self.held_bytes_max;
        let mut values = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.get(key).await?;
            room = room
                .checked_sub(entry_bytes(key, value.as_ref()))
                .ok_or_else(|| {
                    self.deny_memory(format!("one answer may take {} bytes", self.held_bytes_max))
                })?;
            values.push(value);
        }
        Ok(values)
    }

    /// Puts a value at a key, or takes out what stands there.
    pub(crate) fn put(&mut self, key: Key, value: Option<Bytes>) -> Result<(), Denied> {
        check_key(&key)?;
        if let Some(value) = &value {
            let bytes = key_bytes(&key) + value.len() as u64;
            if self.quota.keys == 0 || bytes > self.quota.bytes {
                let KvUsage {
                    keys,
                    bytes: bytes_max,
                } = self.quota;
                let message = format!(
                    "{bytes} bytes can't be kept: the plugin's store may hold {keys} keys and {bytes_max} bytes"
                );
                let limit = match self.quota.keys {
                    0 => Excess {
                        limit: Limit::KvKeys,
                        max: 0,
                    },
                    _ => Excess {
                        limit: Limit::KvBytes,
                        max: bytes_max,
                    },
                };
                return Err(self.deny(limit, message));
            }
        }
        self.budget
            .bytes(key.key.len() + value.as_ref().map_or(0, Bytes::len))?;
        let written_bytes = self.check_write(&key, value.as_ref())?;
        let before = self.written.get(&key);
        let changes = before.map_or(0, |before| before.changes);
        let freed = before.map_or(0, |before| entry_bytes(&key, before.value.as_ref()));
        let held = entry_bytes(&key, value.as_ref());
        match held.checked_sub(freed) {
            Some(more) => self.hold(more)?,
            None => self.budget.let_go(freed - held),
        }
        self.written.insert(
            key,
            Written {
                value,
                changes: changes + 1,
            },
        );
        self.written_bytes = written_bytes;
        Ok(())
    }

    /// What the attempt would write in all with this write, which takes the place of an earlier one at its key.
    fn check_write(&mut self, key: &Key, value: Option<&Bytes>) -> Result<u64, Denied> {
        let before = self.written.get(key);
        if before.is_none() && self.written.len() >= self.writes_max {
            let excess = Excess {
                limit: Limit::KvWrites,
                max: self.writes_max as u64,
            };
            return Err(self.deny(
                excess,
                format!("one run may write {} keys", self.writes_max),
            ));
        }
        let bytes =
            |value: Option<&Bytes>| key_bytes(key) + value.map_or(0, |value| value.len() as u64);
        let freed = before.map_or(0, |before| bytes(before.value.as_ref()));
        let written_bytes = self.written_bytes - freed + bytes(value);
        if written_bytes > self.write_bytes_max {
            let excess = Excess {
                limit: Limit::KvWriteBytes,
                max: self.write_bytes_max,
            };
            return Err(self.deny(
                excess,
                format!("one run may write {} bytes in all", self.write_bytes_max),
            ));
        }
        Ok(written_bytes)
    }

    /// Adds to the number at a key, which is kept as decimal text.
    pub(crate) async fn increment<N>(&mut self, key: Key, delta: N) -> Result<N, Denied>
    where
        N: Into<i128> + TryFrom<i128>,
    {
        let before = match self.get(&key).await? {
            None => 0,
            Some(value) => decimal(&value).ok_or_else(|| {
                Denied::Guest(format!(
                    "what stands at `{}` is no number in decimal text",
                    key.key
                ))
            })?,
        };
        let sum = before.saturating_add(delta.into());
        let too_large = |_| Denied::Guest(format!("`{}` would be {sum}, out of range", key.key));
        let number = N::try_from(sum).map_err(too_large)?;
        self.put(key, Some(sum.to_string().into()))?;
        Ok(number)
    }

    /// What stands at a key, to be compared with later. The value is held as long as the glimpse is.
    pub(crate) async fn glimpse(&mut self, key: Key) -> Result<Glimpse, Denied> {
        let value = self.get(&key).await?;
        self.hold(entry_bytes(&key, value.as_ref()))?;
        Ok(Glimpse {
            changes: self.changes(&key),
            key,
            value,
        })
    }

    /// Lets go of a glimpse; its key.
    pub(crate) fn forget(&mut self, seen: Glimpse) -> Key {
        self.budget
            .let_go(entry_bytes(&seen.key, seen.value.as_ref()));
        seen.key
    }

    /// Puts a value in the place of what was seen, if it still stands there; whether it did.
    pub(crate) fn swap(&mut self, seen: &Glimpse, value: Bytes) -> Result<bool, Denied> {
        let stands = self.changes(&seen.key) == seen.changes;
        if stands {
            self.put(seen.key.clone(), Some(value))?;
        }
        Ok(stands)
    }

    fn changes(&self, key: &Key) -> u64 {
        self.written.get(key).map_or(0, |written| written.changes)
    }

    /// Keys of a bucket in the order of their bytes, after `after`: what is committed, and over it the attempt's writes.
    pub(crate) async fn keys(
        &mut self,
        bucket: &str,
        after: Option<&str>,
    ) -> Result<KeysPage, Denied> {
        self.count_read()?;
        let committed = self
            .parts
            .values
            .keys(&self.plugin, bucket, after, PAGE_KEYS)
            .await?;
        // Beyond the last of a full page there may be more, which this page must not pass by.
        let reach = if committed.len() == PAGE_KEYS {
            committed.last().cloned()
        } else {
            None
        };
        let mut keys: BTreeSet<String> = committed.into_iter().collect();
        let is_within = |key: &str| {
            after.is_none_or(|after| key > after)
                && reach.as_deref().is_none_or(|reach| key <= reach)
        };
        let own = self
            .written
            .iter()
            .filter(|(key, _)| key.bucket == bucket && is_within(&key.key));
        for (key, written) in own {
            match &written.value {
                Some(_) => drop(keys.insert(key.key.clone())),
                None => drop(keys.remove(&key.key)),
            }
        }
        let is_cut = keys.len() > PAGE_KEYS;
        let keys: Vec<String> = keys.into_iter().take(PAGE_KEYS).collect();
        self.budget.bytes(keys.iter().map(String::len).sum())?;
        let end = if is_cut { keys.last().cloned() } else { reach };
        Ok(KeysPage { keys, end })
    }

    /// A number for the end of a page.
    pub(crate) fn number_page_end(&mut self, end: String) -> Result<u64, Denied> {
        self.hold(ENTRY_BYTES + end.len() as u64)?;
        self.page_ends.push(end);
        Ok(self.page_ends.len() as u64)
    }

    /// The end of the page that has this number.
    pub(crate) fn page_end(&self, number: u64) -> Result<String, Denied> {
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let end = place.and_then(|place| self.page_ends.get(place)).cloned();
        end.ok_or_else(|| Denied::Guest(format!("{number} is no cursor that this run was given")))
    }

    /// Asks for a message; its id. `None` where there can be no such destination.
    pub(crate) fn send(
        &mut self,
        destination: String,
        body: Bytes,
        ordering_key: Option<String>,
    ) -> Result<Option<MessageId>, Denied> {
        let Ok(destination) = destination.parse::<DestinationName>() else {
            return Ok(None);
        };
        let id = self.message_id();
        self.post(Message {
            id,
            destination,
            event_type: None,
            body,
            ordering_key,
        })?;
        Ok(Some(id))
    }

    /// An id for a message, for those whose body says it.
    pub(crate) fn message_id(&self) -> MessageId {
        (self.parts.message_ids)()
    }

    /// Asks for a message.
    pub(crate) fn post(&mut self, message: Message) -> Result<(), Denied> {
        if message
            .ordering_key
            .as_ref()
            .is_some_and(|key| key.len() > ORDERING_KEY_BYTES_MAX)
        {
            return Err(Denied::Guest(format!(
                "an ordering key may have {ORDERING_KEY_BYTES_MAX} bytes"
            )));
        }
        if self.messages.len() >= self.messages_max {
            let excess = Excess {
                limit: Limit::OutboxMessages,
                max: self.messages_max as u64,
            };
            return Err(self.deny(
                excess,
                format!("one run may send {} messages", self.messages_max),
            ));
        }
        self.budget.bytes(message.body.len())?;
        self.hold(ENTRY_BYTES + message.body.len() as u64)?;
        self.messages.push(message);
        Ok(())
    }

    fn count_read(&mut self) -> Result<(), Denied> {
        if self.reads == self.reads_max {
            let excess = Excess {
                limit: Limit::KvReads,
                max: self.reads_max,
            };
            return Err(self.deny(excess, format!("one run may read {} times", self.reads_max)));
        }
        self.reads += 1;
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> Result<(), Denied> {
        self.budget.hold(bytes).map_err(|NoRoom { max }| {
            self.deny_memory(format!(
                "what one run reads, writes and sends may take {max} bytes in all"
            ))
        })
    }
}

fn decimal(value: &[u8]) -> Option<i128> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn check_key(key: &Key) -> Result<(), Denied> {
    match key.key.len() {
        1..=KEY_BYTES_MAX => Ok(()),
        length => Err(Denied::Guest(format!(
            "a key may have 1 to {KEY_BYTES_MAX} bytes, not {length}"
        ))),
    }
}

/// What a key counts for in a plugin's usage.
fn key_bytes(key: &Key) -> u64 {
    (key.bucket.len() + key.key.len()) as u64
}

fn entry_bytes(key: &Key, value: Option<&Bytes>) -> u64 {
    ENTRY_BYTES + key_bytes(key) + value.map_or(0, |value| value.len() as u64)
}

#[cfg(test)]
mod tests;
