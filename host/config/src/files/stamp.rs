//! Stamps: values that tell two contents of a file apart without reading the file.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// The identity and shape of a file at one moment. Symbolic links are followed.
///
/// The change time moves with every write, rename and `utimes`. Therefore the stamp also changes
/// when a copy keeps the old modification time, and when a file of the same size replaces the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The file system of the file.
    pub device: u64,
    /// The number of the file in its file system.
    pub inode: u64,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The time of the last change of the content, in nanoseconds since the Unix epoch.
    pub modified: i128,
    /// The time of the last change of content or metadata, in nanoseconds since the Unix epoch.
    pub changed: i128,
}

impl Stamp {
    /// Returns the stamp of the file that `metadata` describes.
    pub fn of(metadata: &Metadata) -> Self {
        let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns how long the file has been unchanged at `now`. Returns zero if the last change lies
    /// in the future, which happens when clocks disagree.
    pub fn quiet_for(&self, now: SystemTime) -> Duration {
        quiet_for(self.changed, now)
    }
}

fn quiet_for(changed: i128, now: SystemTime) -> Duration {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let changed = u128::try_from(changed).unwrap_or(0);

    u64::try_from(now.saturating_sub(changed)).map_or(Duration::MAX, Duration::from_nanos)
}

/// A value that tells two states of the files in a folder apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderStamp {
    /// The hash of the names and stamps of the files.
    hash: u64,
    /// The time of the latest change, in nanoseconds since the Unix epoch.
    changed: i128,
}

impl FolderStamp {
    /// Returns the stamp of `files`, which must be in a fixed order.
    pub fn of<'n>(files: impl Iterator<Item = (&'n str, Stamp)>) -> Self {
        let mut hasher = DefaultHasher::new();
        let mut changed = 0;

        for (name, stamp) in files {
            (name, stamp).hash(&mut hasher);
            changed = stamp.changed.max(changed);
        }

        Self {
            hash: hasher.finish(),
            changed,
        }
    }

    /// Returns how long all files have been unchanged at `now`, like [`Stamp::quiet_for`].
    pub fn quiet_for(&self, now: SystemTime) -> Duration {
        quiet_for(self.changed, now)
    }
}
