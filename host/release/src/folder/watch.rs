//! Hears of changes in folders, so that a look is taken early. Never the only reason for a look.
//!
//! What changed is not passed on: whoever listens looks for itself. Notifications that come while one is unread are one.
//! Where the system can't notify (a network file system, a used-up limit) the slow look of the listener remains. A watch
//! that failed or was lost is set up again with a pause between; that state is logged once when it begins and once when
//! it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long after a failure the system is asked again.
const PAUSE: Duration = Duration::from_secs(10);
/// Removed paths that are remembered between two looks; beyond that every folder counts as lost.
const REMOVED_MAX: usize = 1000;

/// A folder as it was when it was watched: the same path may be another folder later.
pub type Identity = (u64, u64);

/// The folders that are to be listened to. Whoever looked at them says which they are: here nothing waits for the system.
pub type Folders = BTreeMap<PathBuf, Identity>;

/// A set of folders that are listened to.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: Folders,
    sender: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
    lost: Arc<Mutex<Lost>>,
    /// When the system is asked again, where it failed.
    retry_at: Option<Instant>,
    /// When the watcher was lost last. If it is lost again soon, it is set up again only after the pause.
    lost_at: Option<Instant>,
    is_failing: bool,
}

/// What may no longer be watched, though nobody has ended its watch.
#[derive(Debug, Default)]
struct Lost {
    /// A new folder of the same path can have the identity of the old one.
    removed: BTreeSet<PathBuf>,
    /// The watcher reported an error, or missed notifications.
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

impl Watch {
    /// Listens to nothing yet.
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

    /// Listens to these folders, themselves and not what is below them, and to no others.
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

    /// Returns when something may have changed since the last time.
    pub async fn changed(&mut self) {
        // `self` has a sender, so the channel stays open.
        self.changes.recv().await;
    }

    /// Ends the watches of folders that aren't wanted, are others now, or were lost.
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

    /// Watches these folders, as many as the system lets it.
    fn add(&mut self, folders: Vec<(PathBuf, Identity)>) -> notify::Result<()> {
        let watcher = match &mut self.watcher {
            Some(watcher) => watcher,
            none => none.insert(watcher(self.sender.clone(), Arc::clone(&self.lost))?),
        };

        let mut result = Ok(());
        for (folder, identity) in folders {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder, identity)),
                Err(error) => result = Err(error),
            }
        }
        result
    }

    fn complain(&mut self, error: &notify::Error) {
        self.retry_at = Some(Instant::now() + PAUSE);
        if !self.is_failing {
            tracing::warn!(
                "cannot listen for changes to files ({error}); the host looks for changes at intervals until it can"
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

/// Reading is no change, or each look would cause the next; the end of writing is one.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Which folder stands at a path now. May wait for the system.
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
    fn reading_is_no_change_and_writing_is() {
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
    async fn a_folder_that_takes_the_place_of_another_is_listened_to() {
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
    async fn a_failed_watcher_is_replaced() {
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
    fn the_system_is_asked_again_after_a_pause() {
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
    async fn a_removed_folder_is_watched_again_whatever_its_identity() {
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
