//! The files that plugins' settings refer to, such as files with credentials.
//!
//! These files are noted when the settings are read, and looked at together with the plugin folder.
//! A change to one of them counts although nobody has touched the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hookyard_config::files::{self, OwnedPath, PathChecks, Stamp};
use hookyard_model::PluginRef;

/// The age that a change must have when a file is read. A younger file may have been read during
/// the change.
const SETTLED_AGE: Duration = Duration::from_secs(2);

/// The files that plugins' settings refer to. Clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct References(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    seen: BTreeMap<PluginRef, SeenFiles>,
    looks: PathChecks<State>,
}

/// Each file as it was when it was read.
type SeenFiles = BTreeMap<OwnedPath, State>;

/// The state of a file.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Absent,
    Settled(Stamp),
    /// The file changed a moment ago, and must be read once more.
    Fresh,
}

impl References {
    /// Notes the files that a plugin's settings refer to, which have just been read. The folder
    /// names the tenant that owns them.
    pub(crate) fn note(&self, plugin: &PluginRef, owner: &Path, files: BTreeSet<PathBuf>) {
        let mut seen = SeenFiles::new();
        for path in files {
            let file = path.clone();
            // A file whose state is unknown counts as absent, and as changed once its state is
            // known.
            let state =
                files::run_with_timeout(owner, move || Ok(state(&file))).unwrap_or(State::Absent);
            let owner = owner.to_owned();
            seen.insert(OwnedPath { owner, path }, state);
        }

        if seen.is_empty() {
            self.lock().seen.remove(plugin);
        } else {
            self.lock().seen.insert(plugin.clone(), seen);
        }
    }

    /// Returns whether a file has changed since it was read. A file whose state is unknown has not.
    pub(crate) fn have_changed(&self) -> bool {
        let mut known = self.lock();
        let Known { seen, looks } = &mut *known;
        let places: BTreeSet<_> = seen.values().flat_map(SeenFiles::keys).cloned().collect();
        let found = looks.run(places, &state);

        let mut files = seen.values().flatten();
        files.any(|(place, before)| {
            let now = found.get(&place.path).and_then(Option::as_ref);
            *before == State::Fresh || now.is_some_and(|now| now != before)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // The state is complete whenever the lock is free, also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state(file: &Path) -> State {
    let Ok(metadata) = fs::metadata(file) else {
        return State::Absent;
    };

    let modified = metadata.modified().ok();
    let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    match age {
        Some(age) if age >= SETTLED_AGE => State::Settled(Stamp::of(&metadata)),
        _ => State::Fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_created_or_deleted_file_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let plugin = PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "orders".parse().expect("a name"),
        };

        let references = References::default();
        let note = || references.note(&plugin, folder.path(), [path.clone()].into());
        let write = |text: &str, age: u64| {
            fs::write(&path, text).expect("written");
            let file = fs::File::options().write(true).open(&path).expect("opened");
            file.set_modified(SystemTime::now() - Duration::from_secs(age))
                .expect("set");
        };

        assert!(!references.have_changed(), "no settings refer to a file");
        note();
        assert!(!references.have_changed(), "the file is still missing");
        write("one", 60);
        assert!(references.have_changed(), "the file was created");
        note();
        assert!(!references.have_changed());
        write("another", 50);
        assert!(references.have_changed(), "the file was changed");
        write("fresh", 0);
        note();
        assert!(
            references.have_changed(),
            "the file may have been read during a write"
        );

        write("fresh", 40);
        note();
        fs::remove_file(&path).expect("removed");
        assert!(references.have_changed(), "the file was deleted");
        references.note(&plugin, folder.path(), BTreeSet::new());
        assert!(!references.have_changed(), "no settings refer to the file");
    }
}
