//! How much a plugin's key-value store holds, and whether it may hold what an attempt leaves there.

use hookyard_model::{Key, Limit};

use crate::{Error, Usage};

impl Usage {
    /// What one key with a value of that many bytes takes.
    pub fn of(key: &Key, value_bytes: usize) -> Self {
        Self {
            keys: 1,
            bytes: (key.bucket.len() + key.key.len() + value_bytes) as u64,
        }
    }

    /// With this much more.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            keys: self.keys.saturating_add(more.keys),
            bytes: self.bytes.saturating_add(more.bytes),
        }
    }

    /// With this much less.
    #[must_use]
    pub fn less(self, less: Self) -> Self {
        Self {
            keys: self.keys.saturating_sub(less.keys),
            bytes: self.bytes.saturating_sub(less.bytes),
        }
    }

    /// The quota that keeps a store that holds this much from coming to hold `next`, if one does. A store that is past its
    /// quota, since that was lowered, may still shrink.
    pub fn exceeds(self, next: Self, quota: Self) -> Option<Error> {
        if next.keys > quota.keys.max(self.keys) {
            return Some(Error::OverQuota {
                limit: Limit::KvKeys,
                max: quota.keys,
            });
        }
        let is_over = next.bytes > quota.bytes.max(self.bytes);
        is_over.then_some(Error::OverQuota {
            limit: Limit::KvBytes,
            max: quota.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(keys: u64, bytes: u64) -> Usage {
        Usage { keys, bytes }
    }

    #[test]
    fn a_store_grows_to_its_quota_and_shrinks_from_anywhere() {
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
    fn names_count_as_bytes() {
        let key = Key {
            bucket: "carts".into(),
            key: "é".into(),
        };
        assert_eq!(Usage::of(&key, 10), usage(1, 17));
    }
}
