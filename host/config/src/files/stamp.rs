//! What tells one content of a file from another without reading it.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// A file's identity and shape at one moment, symbolic links followed.
///
/// The change time moves with every write, rename and `utimes`, so that a copy that sets the old modification time, or
/// a file that is swapped for one of the same size, differs all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The file system that it's on.
    pub device: u64,
    /// The file within it.
    pub inode: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// When its content last changed, in nanoseconds since the Unix epoch.
    pub modified: i128,
    /// When anything of it last changed, in nanoseconds since the Unix epoch.
    pub changed: i128,
}

impl Stamp {
    /// The stamp of what `metadata` describes.
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

    /// For how long nothing of it had changed at `now`; zero when the clocks disagree.
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

/// What tells the files of a folder from what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderStamp {
    /// Of their names and stamps.
    hash: u64,
    /// When the latest of them changed, as in a stamp.
    changed: i128,
}

impl FolderStamp {
    /// The stamp of these files, in their order.
    pub fn of<'n>(files: impl Iterator<Item = (&'n str, Stamp)>) -> Self {
        let (mut hasher, mut latest) = (DefaultHasher::new(), 0);
        for (name, stamp) in files {
            (name, stamp).hash(&mut hasher);
            latest = stamp.changed.max(latest);
        }
        Self {
            hash: hasher.finish(),
            changed: latest,
        }
    }

    /// As of a stamp.
    pub fn quiet_for(&self, now: SystemTime) -> Duration {
        quiet_for(self.changed, now)
    }
}
