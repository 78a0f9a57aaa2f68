//! Stored values as one attempt sees them: as they were when the attempt first read them, under its
//! own writes.

use std::collections::BTreeSet;

use bytes::Bytes;
use hookyard_model::{Key, Limit};

use super::buffer::{Buffer, ENTRY_BYTES, Refusal};

/// The maximum length of a bucket's name, in bytes.
const BUCKET_BYTES_MAX: usize = 128;
/// The maximum length of a key, in bytes.
const KEY_BYTES_MAX: usize = 1024;
/// The number of keys in one page of a list.
pub(super) const PAGE_KEYS: usize = 256;

/// What the attempt will write at a key.
pub(super) struct WrittenValue {
    /// The value, or `None` if the key will be deleted.
    pub(super) value: Option<Bytes>,
    /// The number of writes so far. A [`Snapshot`] with another number is out of date.
    changes: u64,
}

/// The value of a key at some point of the attempt, for compare-and-swap.
#[derive(Debug, Clone)]
#[expect(
    unreachable_pub,
    reason = "the generated types name it, and they are public within their own module"
)]
pub struct Snapshot {
    pub(crate) key: Key,
    pub(crate) value: Option<Bytes>,
    changes: u64,
}

/// Some keys of a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeysPage {
    pub(crate) keys: Vec<String>,
    /// The key after which the next page begins. `None` for the last page.
    pub(crate) end: Option<String>,
}

impl Buffer {
    /// Whether a bucket may have this name.
    pub(crate) fn is_bucket_name(name: &str) -> bool {
        name.len() <= BUCKET_BYTES_MAX
    }

    /// Returns the value of a key as this attempt sees it.
    ///
    /// # Errors
    ///
    /// Refuses invalid keys and reads over the limit. Ends the attempt if the store cannot be read.
    pub(crate) async fn get(&mut self, key: &Key) -> Result<Option<Bytes>, Refusal> {
        check_key(key)?;
        let value = self.read(key).await?;

        self.budget
            .count_bytes(key.key.len() + value.as_ref().map_or(0, Bytes::len))?;
        Ok(value)
    }

    async fn read(&mut self, key: &Key) -> Result<Option<Bytes>, Refusal> {
        if let Some(written) = self.written.get(key) {
            return Ok(written.value.clone());
        }
        if let Some(found) = self.read.get(key) {
            return Ok(found.as_ref().map(|found| found.value.clone()));
        }

        self.count_read()?;
        let found = self.source.values.value(&self.plugin, key).await?;
        let value = found.as_ref().map(|found| found.value.clone());
        self.hold(entry_bytes(key, value.as_ref()))?;
        self.read.insert(key.clone(), found);
        Ok(value)
    }

    /// Returns the values of several keys.
    ///
    /// # Errors
    ///
    /// Fails as [`get`](Self::get) does, and if the answer is larger than the guest's memory. The
    /// guest gets a copy of each value, so a value that occurs twice counts twice.
    pub(crate) async fn get_many(&mut self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, Refusal> {
        let bytes_max = self.limits.held_bytes_max;
        let mut bytes_left = bytes_max;
        let mut values = Vec::with_capacity(keys.len());

        for key in keys {
            let value = self.get(key).await?;
            bytes_left = bytes_left
                .checked_sub(entry_bytes(key, value.as_ref()))
                .ok_or_else(|| {
                    self.refuse_memory(format!("one answer may take {bytes_max} bytes"))
                })?;
            values.push(value);
        }
        Ok(values)
    }

    /// Writes a value at a key, or deletes the key if the value is `None`.
    ///
    /// # Errors
    ///
    /// Refuses invalid keys and writes that exceed a limit.
    pub(crate) fn put(&mut self, key: Key, value: Option<Bytes>) -> Result<(), Refusal> {
        check_key(&key)?;
        self.check_quota(&key, value.as_ref())?;
        self.budget
            .count_bytes(key.key.len() + value.as_ref().map_or(0, Bytes::len))?;
        let written_bytes = self.check_write(&key, value.as_ref())?;

        let previous = self.written.get(&key);
        let changes = previous.map_or(0, |previous| previous.changes);
        let freed = previous.map_or(0, |previous| entry_bytes(&key, previous.value.as_ref()));
        let held = entry_bytes(&key, value.as_ref());
        match held.checked_sub(freed) {
            Some(more) => self.hold(more)?,
            None => self.budget.free(freed - held),
        }

        let written = WrittenValue {
            value,
            changes: changes + 1,
        };
        self.written.insert(key, written);
        self.written_bytes = written_bytes;
        Ok(())
    }

    /// Checks that the plugin's quota has room for a value at all. The commit checks the quota as a
    /// whole.
    fn check_quota(&mut self, key: &Key, value: Option<&Bytes>) -> Result<(), Refusal> {
        let Some(value) = value else {
            return Ok(());
        };
        let bytes = key_bytes(key) + value.len() as u64;
        let (keys_max, bytes_max) = (self.limits.quota.keys, self.limits.quota.bytes);
        if keys_max > 0 && bytes <= bytes_max {
            return Ok(());
        }

        let reason = format!(
            "{bytes} bytes cannot be stored: the plugin may store {keys_max} keys and {bytes_max} bytes"
        );
        if keys_max == 0 {
            Err(self.refuse(Limit::KvKeys, 0, reason))
        } else {
            Err(self.refuse(Limit::KvBytes, bytes_max, reason))
        }
    }

    /// Returns the size of all writes of the attempt, including this write, in bytes. The write
    /// replaces an earlier write at the same key.
    fn check_write(&mut self, key: &Key, value: Option<&Bytes>) -> Result<u64, Refusal> {
        let size = |value: Option<&Bytes>| key_bytes(key) + value.map_or(0, Bytes::len) as u64;
        let previous = self.written.get(key);

        let writes_max = self.limits.writes_max;
        if previous.is_none() && self.written.len() >= writes_max {
            let reason = format!("one run may write {writes_max} keys");
            return Err(self.refuse(Limit::KvWrites, writes_max as u64, reason));
        }

        let replaced = previous.map_or(0, |previous| size(previous.value.as_ref()));
        let written_bytes = self.written_bytes - replaced + size(value);
        let bytes_max = self.limits.write_bytes_max;
        if written_bytes > bytes_max {
            let reason = format!("one run may write {bytes_max} bytes in all");
            return Err(self.refuse(Limit::KvWriteBytes, bytes_max, reason));
        }
        Ok(written_bytes)
    }

    /// Adds to the number at a key, and returns the sum. Numbers are stored as decimal text; a
    /// missing value is 0.
    ///
    /// # Errors
    ///
    /// Refuses values that are not numbers, and sums that are out of range.
    pub(crate) async fn increment<N>(&mut self, key: Key, delta: N) -> Result<N, Refusal>
    where
        N: Into<i128> + TryFrom<i128>,
    {
        let number = match self.get(&key).await? {
            None => 0,
            Some(value) => decimal(&value).ok_or_else(|| {
                Refusal::Guest(format!(
                    "the value of `{}` is not a number in decimal text",
                    key.key
                ))
            })?,
        };

        let sum = number.saturating_add(delta.into());
        let result = N::try_from(sum)
            .map_err(|_| Refusal::Guest(format!("`{}` would be {sum}, out of range", key.key)))?;
        self.put(key, Some(sum.to_string().into()))?;
        Ok(result)
    }

    /// Takes a snapshot of a key. Its value is held until [`drop_snapshot`](Self::drop_snapshot).
    ///
    /// # Errors
    ///
    /// Fails as [`get`](Self::get) does, and if the value would take too much memory.
    pub(crate) async fn snapshot(&mut self, key: Key) -> Result<Snapshot, Refusal> {
        let value = self.get(&key).await?;
        self.hold(entry_bytes(&key, value.as_ref()))?;

        Ok(Snapshot {
            changes: self.changes(&key),
            key,
            value,
        })
    }

    /// Frees the memory of a snapshot, and returns its key.
    pub(crate) fn drop_snapshot(&mut self, snapshot: Snapshot) -> Key {
        let held = entry_bytes(&snapshot.key, snapshot.value.as_ref());
        self.budget.free(held);
        snapshot.key
    }

    /// Writes a value if the key has not been written since the snapshot. Returns whether the value
    /// was written.
    ///
    /// # Errors
    ///
    /// Fails as [`put`](Self::put) does.
    pub(crate) fn swap(&mut self, snapshot: &Snapshot, value: Bytes) -> Result<bool, Refusal> {
        let is_unchanged = self.changes(&snapshot.key) == snapshot.changes;
        if is_unchanged {
            self.put(snapshot.key.clone(), Some(value))?;
        }
        Ok(is_unchanged)
    }

    fn changes(&self, key: &Key) -> u64 {
        self.written.get(key).map_or(0, |written| written.changes)
    }

    /// Returns keys of a bucket after `after`, in the order of their bytes: the committed keys with
    /// the attempt's own writes applied.
    ///
    /// # Errors
    ///
    /// Refuses reads over the limit. Ends the attempt if the store cannot be read.
    pub(crate) async fn keys(
        &mut self,
        bucket: &str,
        after: Option<&str>,
    ) -> Result<KeysPage, Refusal> {
        self.count_read()?;
        let committed = self
            .source
            .values
            .keys(&self.plugin, bucket, after, PAGE_KEYS)
            .await?;

        // The store may have more keys after the last key of a full page. Own writes after that key
        // belong to a later page.
        let last_committed = if committed.len() == PAGE_KEYS {
            committed.last().cloned()
        } else {
            None
        };
        let is_in_page = |key: &str| {
            after.is_none_or(|after| key > after)
                && last_committed.as_deref().is_none_or(|last| key <= last)
        };

        let mut keys: BTreeSet<String> = committed.into_iter().collect();
        for (key, written) in &self.written {
            if key.bucket != bucket || !is_in_page(&key.key) {
                continue;
            }
            if written.value.is_some() {
                keys.insert(key.key.clone());
            } else {
                keys.remove(&key.key);
            }
        }

        let is_cut = keys.len() > PAGE_KEYS;
        let keys: Vec<String> = keys.into_iter().take(PAGE_KEYS).collect();
        self.budget
            .count_bytes(keys.iter().map(String::len).sum())?;
        let end = if is_cut {
            keys.last().cloned()
        } else {
            last_committed
        };
        Ok(KeysPage { keys, end })
    }

    /// Returns a number that stands for the end of a page.
    ///
    /// # Errors
    ///
    /// Refuses the number if it would take too much memory.
    pub(crate) fn number_page_end(&mut self, end: String) -> Result<u64, Refusal> {
        self.hold(ENTRY_BYTES + end.len() as u64)?;
        self.page_ends.push(end);
        Ok(self.page_ends.len() as u64)
    }

    /// Returns the end of the page that has this number.
    ///
    /// # Errors
    ///
    /// Refuses numbers that were never given to the guest.
    pub(crate) fn page_end(&self, number: u64) -> Result<String, Refusal> {
        let index = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_sub(1));
        let end = index.and_then(|index| self.page_ends.get(index)).cloned();

        end.ok_or_else(|| {
            Refusal::Guest(format!("{number} is not a cursor that this run was given"))
        })
    }

    fn count_read(&mut self) -> Result<(), Refusal> {
        let reads_max = self.limits.reads_max;
        if self.reads == reads_max {
            let reason = format!("one run may read {reads_max} times");
            return Err(self.refuse(Limit::KvReads, reads_max, reason));
        }
        self.reads += 1;
        Ok(())
    }
}

fn decimal(value: &[u8]) -> Option<i128> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn check_key(key: &Key) -> Result<(), Refusal> {
    match key.key.len() {
        1..=KEY_BYTES_MAX => Ok(()),
        length => Err(Refusal::Guest(format!(
            "a key may have 1 to {KEY_BYTES_MAX} bytes, not {length}"
        ))),
    }
}

/// Returns the size of a key in the plugin's usage, in bytes.
fn key_bytes(key: &Key) -> u64 {
    (key.bucket.len() + key.key.len()) as u64
}

fn entry_bytes(key: &Key, value: Option<&Bytes>) -> u64 {
    ENTRY_BYTES + key_bytes(key) + value.map_or(0, |value| value.len() as u64)
}
