//! Hears of changes in folders, so that a look is taken early. Never the only reason for a look.
//!
//! What changed is not passed on: whoever listens looks for itself. Notifications that come while one is unread are one.
//! Where the system can't notify (a network file system, a used-up limit) the slow look of the listener remains.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// A folder as it was when it was watched: the same path may be another folder later.
type Identity = (u64, u64);

/// A set of folders that are listened to.
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeMap<PathBuf, Identity>,
    changes: mpsc::Receiver<()>,
    is_failing: bool,
}

impl Watch {
    /// Listens to nothing yet.
    pub(crate) fn new() -> Self {
        let (sender, changes) = mpsc::channel(1);
        let hear = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                // Full means that a notification is unread already.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(hear);
        let mut watch = Self { watcher: None, folders: BTreeMap::new(), changes, is_failing: false };
        match watcher {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.complain(&error),
        }
        watch
    }

    /// Listens to these folders, themselves and not what is below them, and to no others.
    pub(crate) fn listen(&mut self, folders: &BTreeSet<PathBuf>) {
        let wanted: BTreeMap<PathBuf, Identity> =
            folders.iter().filter_map(|folder| Some((folder.clone(), identity(folder)?))).collect();
        let stale = self.folders.iter().filter(|(folder, identity)| wanted.get(*folder) != Some(*identity));
        for folder in stale.map(|(folder, _)| folder.clone()).collect::<Vec<_>>() {
            self.folders.remove(&folder);
            if let Some(watcher) = &mut self.watcher {
                // One that is gone needs no unwatching.
                let _ = watcher.unwatch(&folder);
            }
        }
        for (folder, identity) in wanted {
            if !self.folders.contains_key(&folder) {
                self.add(folder, identity);
            }
        }
    }

    /// Returns when something may have changed since the last time.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    fn add(&mut self, folder: PathBuf, identity: Identity) {
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(&folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.folders.insert(folder, identity);
                self.is_failing = false;
            }
            Err(error) => self.complain(&error),
        }
    }

    fn complain(&mut self, error: &notify::Error) {
        if !self.is_failing {
            tracing::warn!(
                "changes to files can't be listened for ({error}); they are looked for at intervals instead"
            );
        }
        self.is_failing = true;
    }
}

/// Reading is no change, or each look would cause the next; the end of writing is one.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn identity(folder: &Path) -> Option<Identity> {
    let metadata = fs::metadata(folder).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn hears(watch: &mut Watch) -> bool {
        tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.is_ok()
    }

    #[test]
    fn reading_is_no_change_and_writing_is() {
        use notify::event::{CreateKind, ModifyKind, RemoveKind, RenameMode};
        let check = |kind: EventKind, expected: bool| assert_eq!(is_change(kind), expected, "{kind:?}");
        check(EventKind::Access(AccessKind::Open(AccessMode::Any)), false);
        check(EventKind::Access(AccessKind::Close(AccessMode::Read)), false);
        check(EventKind::Access(AccessKind::Close(AccessMode::Write)), true);
        check(EventKind::Create(CreateKind::File), true);
        check(EventKind::Modify(ModifyKind::Name(RenameMode::To)), true);
        check(EventKind::Remove(RemoveKind::File), true);
    }

    #[tokio::test]
    async fn a_folder_that_takes_the_place_of_another_is_listened_to() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("acme");
        let folders: BTreeSet<PathBuf> = [path.clone()].into();
        fs::create_dir(&path).expect("made");
        let mut watch = Watch::new();
        watch.listen(&folders);
        fs::rename(&path, root.path().join("old")).expect("moved");
        fs::create_dir(&path).expect("made again");
        watch.listen(&folders);
        assert_eq!(watch.folders.get(&path).copied(), identity(&path));
        fs::write(path.join("orders.wasm"), "").expect("written");
        assert!(hears(&mut watch).await);
    }
}
