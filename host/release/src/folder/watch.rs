//! Reports changes in folders, so that the host looks at them early.
//!
//! A report does not say what changed, and several reports may become one. Where the system cannot
//! report changes, such as on a network file system, the host still looks at intervals. A watch
//! that failed or was lost is set up again after a pause. The beginning and the end of that state
//! are logged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// The pause before a failed watch is set up again.
const PAUSE: Duration = Duration::from_secs(10);
/// The maximum number of removed paths that are remembered between two looks. Beyond it, the
/// watches of all folders count as lost.
const REMOVED_MAX: usize = 1000;

/// The identity of a folder. The same path may be another folder later.
pub type Identity = (u64, u64);

/// Folders to watch, with their identities. The caller looks them up, because that may wait for the
/// system.
pub type Folders = BTreeMap<PathBuf, Identity>;

/// A watch on a set of folders.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: Folders,
    sender: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
    lost: Arc<Mutex<Lost>>,
    /// The time at which a failed watch is set up again.
    retry_at: Option<Instant>,
    /// The time at which the watcher was last lost. If it is lost again soon, it is set up again
    /// only after the pause.
    lost_at: Option<Instant>,
    is_failing: bool,
}

/// The watches that may have been lost.
#[derive(Debug, Default)]
struct Lost {
    /// The paths that were removed. A new folder at such a path can have the identity of the old
    /// one.
    removed: BTreeSet<PathBuf>,
    /// Whether the watcher reported an error, or missed notifications.
    everything: bool,
}

impl Lost {
    fn hear(&mut self, event: &notify::Result<notify::Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.everything = true,
            Ok(event) if matches!(event.kind, EventKind::Remove(_)) => {
                self.removed.extend(event.paths.iter().cloned());
                self.everything |= self.removed.len() > REMOVED_MAX;
            }
            Ok(_) => {}
            Err(_) => self.everything = true,
        }

        if self.everything {
            self.removed.clear();
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Creates a watch on no folder.
    pub fn new() -> Self {
        let (sender, changes) = mpsc::channel(1);
        Self {
            watcher: None,
            folders: BTreeMap::new(),
            sender,
            changes,
            lost: Arc::default(),
            retry_at: None,
            lost_at: None,
            is_failing: false,
        }
    }

    /// Watches these folders, without the folders in them, and no others.
    pub fn listen(&mut self, wanted: &Folders) {
        self.forget(wanted);

        let is_missing = |(folder, _): &(&PathBuf, &Identity)| !self.folders.contains_key(*folder);
        let missing = wanted
            .iter()
            .filter(is_missing)
            .map(|(folder, identity)| (folder.clone(), *identity));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return self.recover();
        }
        if self
            .retry_at
            .is_some_and(|retry_at| Instant::now() < retry_at)
        {
            return;
        }

        match self.add(missing) {
            Ok(()) => self.recover(),
            Err(error) => self.complain(&error),
        }
    }

    /// Waits until something may have changed since the last call.
    pub async fn changed(&mut self) {
        // `self` has a sender, so the channel stays open.
        self.changes.recv().await;
    }

    /// Ends the watches of folders that are not wanted, have been replaced, or were lost.
    fn forget(&mut self, wanted: &Folders) {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        if lost.everything {
            self.watcher = None;
            self.folders.clear();
            self.retry_at = self
                .lost_at
                .replace(Instant::now())
                .map(|lost_at| lost_at + PAUSE);
            return;
        }

        let is_kept = |folder: &PathBuf, identity: &Identity| {
            wanted.get(folder) == Some(identity) && !lost.removed.contains(folder)
        };
        let stale: Vec<_> = self
            .folders
            .extract_if(.., |folder, identity| !is_kept(folder, identity))
            .map(|(folder, _)| folder)
            .collect();
        for folder in stale {
            if let Some(watcher) = &mut self.watcher {
                // A folder that is gone needs no unwatching.
                let _ = watcher.unwatch(&folder);
            }
        }
    }

    /// Watches these folders, as many of them as the system allows.
    fn add(&mut self, folders: Vec<(PathBuf, Identity)>) -> notify::Result<()> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => none.insert(watcher(self.sender.clone(), Arc::clone(&self.lost))?),
        };

        let mut result = Ok(());
        for (folder, identity) in folders {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder, identity);
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    fn complain(&mut self, error: &notify::Error) {
        self.retry_at = Some(Instant::now() + PAUSE);
        if !self.is_failing {
            tracing::warn!(
                "cannot listen for changes to files ({error}); the host looks for changes at \
                 intervals until it can"
            );
        }
        self.is_failing = true;
    }

    fn recover(&mut self) {
        self.retry_at = None;
        if self.is_failing {
            tracing::info!("listening for changes to files again");
        }
        self.is_failing = false;
    }
}

fn watcher(sender: mpsc::Sender<()>, lost: Arc<Mutex<Lost>>) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        lost.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hear(&event);
        // An error counts as a change: the look that follows sets the watch up again.
        if event.map_or(true, |event| event.need_rescan() || is_change(event.kind)) {
            // Full means that a notification is unread already.
            let _ = sender.try_send(());
        }
    })
}

/// Returns whether an event is a change. Reading is not, or each look would cause the next one.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Returns the identity of the folder at a path. May wait for the system.
pub fn identity(folder: &Path) -> Option<Identity> {
    let metadata = fs::metadata(folder).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(watch: &mut Watch, folder: &Path) {
        let folders = identity(folder).map(|identity| (folder.to_owned(), identity));
        watch.listen(&folders.into_iter().collect());
    }

    async fn hears(watch: &mut Watch) -> bool {
        tokio::time::timeout(Duration::from_secs(5), watch.changed())
            .await
            .is_ok()
    }

    #[test]
    fn writing_is_a_change_and_reading_is_not() {
        use notify::event::{CreateKind, ModifyKind, RemoveKind, RenameMode};
        let check =
            |kind: EventKind, expected: bool| assert_eq!(is_change(kind), expected, "{kind:?}");
        check(EventKind::Access(AccessKind::Open(AccessMode::Any)), false);
        check(
            EventKind::Access(AccessKind::Close(AccessMode::Read)),
            false,
        );

        check(
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            true,
        );

        check(EventKind::Create(CreateKind::File), true);
        check(EventKind::Modify(ModifyKind::Name(RenameMode::To)), true);
        check(EventKind::Remove(RemoveKind::File), true);
    }

    #[tokio::test]
    async fn replaced_folder_is_watched() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("acme");
        fs::create_dir(&path).expect("made");
        let mut watch = Watch::new();
        listen(&mut watch, &path);
        fs::rename(&path, root.path().join("old")).expect("moved");
        fs::create_dir(&path).expect("made again");
        listen(&mut watch, &path);
        assert_eq!(watch.folders.get(&path).copied(), identity(&path));
        fs::write(path.join("orders.wasm"), "").expect("written");

        assert!(hears(&mut watch).await);
    }

    #[tokio::test]
    async fn failed_watcher_is_replaced() {
        let root = tempfile::tempdir().expect("a folder");
        let mut watch = Watch::new();
        listen(&mut watch, root.path());
        watch
            .lost
            .lock()
            .expect("unpoisoned")
            .hear(&Err(notify::Error::generic("lost")));
        listen(&mut watch, root.path());
        fs::write(root.path().join("orders.wasm"), "").expect("written");

        assert!(hears(&mut watch).await);
    }

    #[test]
    fn failed_watch_is_repeated_after_a_pause() {
        let root = tempfile::tempdir().expect("a folder");
        let mut watch = Watch::new();
        watch.complain(&notify::Error::generic("too many watches"));
        listen(&mut watch, root.path());
        assert!(
            watch.folders.is_empty() && watch.is_failing,
            "the pause is not over"
        );

        watch.retry_at = Some(Instant::now());
        listen(&mut watch, root.path());
        assert!(watch.folders.len() == 1 && !watch.is_failing);
    }

    #[tokio::test]
    async fn removed_folder_is_watched_again() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("acme");
        fs::create_dir(&path).expect("made");
        let mut watch = Watch::new();
        listen(&mut watch, &path);
        fs::remove_dir(&path).expect("removed");
        assert!(hears(&mut watch).await, "of the removal");
        fs::create_dir(&path).expect("made again");
        // As on a file system that gives the new folder the number of the old one.
        watch
            .folders
            .insert(path.clone(), identity(&path).expect("there"));
        listen(&mut watch, &path);
        fs::write(path.join("orders.wasm"), "").expect("written");

        assert!(hears(&mut watch).await);
    }
}
