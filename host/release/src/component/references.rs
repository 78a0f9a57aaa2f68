//! The files that plugins' settings refer to, such as those with credentials: noted when settings are read, and looked
//! at with the folder, so that a changed one counts without anybody touching the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hookyard_model::PluginRef;

use hookyard_config::files::Stamp;
use hookyard_config::files::{self, Looks, Place};

/// What changed so short before it was read may have been read in the midst of the change.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// What is known of them; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct References(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    seen: BTreeMap<PluginRef, Seen>,
    looks: Looks<State>,
}

/// Each file as it was when it was read.
type Seen = BTreeMap<Place, State>;

#[derive(Debug, PartialEq, Eq)]
enum State {
    Absent,
    Settled(Stamp),
    /// It will be read once more.
    Fresh,
}

impl References {
    /// Notes the files that a plugin's settings refer to; they have just been read. Their owner is known by a folder.
    pub(crate) fn note(&self, plugin: &PluginRef, owner: &Path, files: BTreeSet<PathBuf>) {
        let seen = files.into_iter().map(|path| {
            let file = path.clone();
            // What can't be told is taken for absent, and is another file once it can be.
            let state = files::within(owner, move || Ok(state(&file))).unwrap_or(State::Absent);
            (
                Place {
                    owner: owner.to_owned(),
                    path,
                },
                state,
            )
        });
        let seen: Seen = seen.collect();
        match seen.is_empty() {
            true => self.lock().seen.remove(plugin),
            false => self.lock().seen.insert(plugin.clone(), seen),
        };
    }

    /// Whether one of them is no longer as it was read. Nothing is concluded from one that can't be looked at.
    pub(crate) fn have_changed(&self) -> bool {
        let mut known = self.lock();
        let Known { seen, looks } = &mut *known;
        let places: BTreeSet<_> = seen.values().flat_map(Seen::keys).cloned().collect();
        let found = looks.at(places, &state);
        let is_another = |(place, was): (&Place, &State)| {
            *was == State::Fresh
                || found
                    .get(&place.path)
                    .is_some_and(|now| now.as_ref().is_some_and(|now| now != was))
        };
        seen.values().flatten().any(is_another)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // It's whole whenever the lock is free.
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
        Some(age) if age >= SETTLED_AFTER => State::Settled(Stamp::of(&metadata)),
        _ => State::Fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_comes_or_goes_is_noticed() {
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
        assert!(!references.have_changed(), "nothing refers to anything");
        note();
        assert!(!references.have_changed(), "it still isn't there");
        write("one", 60);
        assert!(references.have_changed(), "it has come");
        note();
        assert!(!references.have_changed());
        write("another", 50);
        assert!(references.have_changed(), "it's another");
        write("fresh", 0);
        note();
        assert!(
            references.have_changed(),
            "it may have been read while it was written"
        );
        write("fresh", 40);
        note();
        fs::remove_file(&path).expect("removed");
        assert!(references.have_changed(), "it's gone");
        references.note(&plugin, folder.path(), BTreeSet::new());
        assert!(!references.have_changed(), "nothing refers to it any more");
    }
}
