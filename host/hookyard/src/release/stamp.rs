//! What tells one content of a file from another without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// A file's identity and shape at one moment, symbolic links followed.
///
/// The change time moves with every write, rename and `utimes`, so that a copy that sets the old modification time, or
/// a file that is swapped for one of the same size, differs all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The file system that it's on.
    pub(crate) device: u64,
    /// The file within it.
    pub(crate) inode: u64,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// When its content last changed, in nanoseconds since the Unix epoch.
    pub(crate) modified: i128,
    /// When anything of it last changed, in nanoseconds since the Unix epoch.
    pub(crate) changed: i128,
}

impl Stamp {
    /// The stamp of what `metadata` describes.
    pub(crate) fn of(metadata: &Metadata) -> Self {
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
    pub(crate) fn quiet_for(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let changed = u128::try_from(self.changed).unwrap_or(0);
        u64::try_from(now.saturating_sub(changed)).map_or(Duration::MAX, Duration::from_nanos)
    }
}
