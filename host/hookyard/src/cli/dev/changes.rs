//! What `hookyard dev` looks at for changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookyard_develop::dev::watch::Watch;

/// How often the record and a component file are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// What to look at for changes.
pub(super) enum Changes {
    Sources(Watch),
    Component(PathBuf, Option<(SystemTime, u64)>),
}

impl Changes {
    /// Waits for the next change.
    pub(super) async fn next(&mut self) {
        match self {
            Self::Sources(watch) => watch.changed().await,
            Self::Component(path, seen) => loop {
                tokio::time::sleep(LOOK).await;
                let stamp = stamp(path);
                if stamp.is_some() && stamp != *seen {
                    return;
                }
            },
        }
    }
}

/// Returns the time of the last change and the size of a file.
pub(super) fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
