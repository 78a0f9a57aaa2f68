//! How much a plugin's key-value store holds, and whether it may hold what an attempt leaves there.

use hookyard_model::Key;

use crate::Usage;

impl Usage {
    /// What one key with a value of that many bytes takes.
    pub fn of(key: &Key, value_bytes: usize) -> Self {
        Self { keys: 1, bytes: (key.bucket.len() + key.key.len() + value_bytes) as u64 }
    }

    /// With this much more.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self { keys: self.keys.saturating_add(more.keys), bytes: self.bytes.saturating_add(more.bytes) }
    }

    /// With this much less.
    #[must_use]
    pub fn less(self, less: Self) -> Self {
        Self { keys: self.keys.saturating_sub(less.keys), bytes: self.bytes.saturating_sub(less.bytes) }
    }

    /// Whether a store that holds this much may come to hold `next`. One that is past its quota, since that was lowered,
    /// may still shrink.
    pub fn may_become(self, next: Self, quota: Self) -> bool {
        (next.keys <= quota.keys || next.keys <= self.keys) && (next.bytes <= quota.bytes || next.bytes <= self.bytes)
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
            (usage(0, 0), usage(2, 100), true),
            (usage(0, 0), usage(3, 10), false),
            (usage(0, 0), usage(1, 101), false),
            (usage(9, 900), usage(8, 900), true),
            (usage(9, 900), usage(8, 901), false),
            (usage(9, 900), usage(10, 1), false),
            (usage(9, 50), usage(9, 100), true),
        ];
        for (now, next, expected) in cases {
            assert_eq!(now.may_become(next, quota), expected, "{now:?} -> {next:?}");
        }
    }

    #[test]
    fn names_count_as_bytes() {
        let key = Key { bucket: "carts".into(), key: "é".into() };
        assert_eq!(Usage::of(&key, 10), usage(1, 17));
    }
}
