//! Waits until the sources of a plugin change.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Folders that contain no sources.
const IGNORED: [&str; 7] = [
    "build",
    "dist",
    "gen",
    "node_modules",
    "target",
    "__pycache__",
    "venv",
];
/// How long the files must be unchanged.
const QUIET: Duration = Duration::from_millis(200);
/// The maximum number of files that are looked at.
const FILES_MAX: usize = 10_000;

/// Watches the sources of a plugin.
pub struct Watch {
    folder: PathBuf,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    changes: mpsc::Receiver<()>,
    /// Whether something changed that was not looked at yet.
    is_changed: bool,
    /// The sources when they were built last.
    seen: u64,
}

impl Watch {
    /// Begins to watch a folder.
    ///
    /// # Errors
    ///
    /// Returns the reason if the system cannot watch files.
    pub fn start(folder: &Path) -> Result<Self, String> {
        let (sender, changes) = mpsc::channel(1);
        let note = move |_: notify::Result<notify::Event>| {
            // A full channel already has the news.
            let _ = sender.try_send(());
        };
        let watcher = notify::recommended_watcher(note)
            .map_err(|error| format!("cannot watch {}: {error}", folder.display()))?;

        let mut watch = Self {
            folder: folder.to_owned(),
            watcher,
            watched: BTreeSet::new(),
            changes,
            is_changed: false,
            seen: 0,
        };
        watch.note_sources();
        Ok(watch)
    }

    /// Remembers the present sources. Call this before a build, so that a change during the build is
    /// not missed.
    pub fn note_sources(&mut self) {
        let Sources { folders, digest } = Sources::of(&self.folder);
        self.seen = digest;
        for folder in folders {
            if !self.watched.contains(&folder)
                && self
                    .watcher
                    .watch(&folder, RecursiveMode::NonRecursive)
                    .is_ok()
            {
                self.watched.insert(folder);
            }
        }
    }

    /// Waits until the sources differ from those that were noted last, and do not change any more.
    /// No change is missed if the future is dropped.
    pub async fn changed(&mut self) {
        loop {
            if !self.is_changed && self.changes.recv().await.is_none() {
                return std::future::pending().await;
            }
            self.is_changed = true;
            while tokio::time::timeout(QUIET, self.changes.recv())
                .await
                .is_ok()
            {}

            let folder = self.folder.clone();
            let look = tokio::task::spawn_blocking(move || Sources::of(&folder).digest);
            let digest = look.await;
            self.is_changed = false;
            if digest.is_ok_and(|digest| digest != self.seen) {
                return;
            }
        }
    }
}

/// The sources of a plugin.
struct Sources {
    folders: Vec<PathBuf>,
    /// A digest of the names and contents of all files.
    digest: u64,
}

impl Sources {
    fn of(folder: &Path) -> Self {
        let mut sources = Self {
            folders: Vec::new(),
            digest: 0,
        };
        let mut files = Vec::new();
        // A folder that cannot be read has no sources.
        let _ = sources.add(folder, &mut files);
        files.sort();

        let mut hasher = DefaultHasher::new();
        for file in files {
            file.hash(&mut hasher);
            fs::read(&file).unwrap_or_default().hash(&mut hasher);
        }
        sources.digest = hasher.finish();
        sources
    }

    fn add(&mut self, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
        self.folders.push(folder.to_owned());
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_folder = entry.file_type()?.is_dir();
            if name.starts_with('.') || (is_folder && IGNORED.contains(&&*name)) {
                continue;
            }

            if is_folder {
                self.add(&entry.path(), files)?;
            } else if files.len() < FILES_MAX {
                files.push(entry.path());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn changed_source_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("src")).expect("made");
        fs::create_dir_all(root.join("build")).expect("made");
        fs::write(root.join("src/a.rs"), "one").expect("written");
        let mut watch = Watch::start(root).expect("watched");

        fs::write(root.join("build/a.wasm"), "two").expect("written");
        fs::write(root.join("src/a.rs"), "one").expect("written");
        let unchanged = tokio::time::timeout(3 * QUIET, watch.changed()).await;
        assert!(unchanged.is_err(), "the sources are the same");

        fs::write(root.join("src/a.rs"), "three").expect("written");
        let changed = tokio::time::timeout(Duration::from_secs(20), watch.changed()).await;
        assert!(changed.is_ok());
    }
}
