//! How the files that a configuration depends on stand, and where their changes show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookyard_config::files::Stamp;
use hookyard_config::files::{Looks, Place};
use hookyard_release::watch::{Folders, identity};

/// Every file that the configuration depends on; none for one that is missing.
pub(super) type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// What one look found.
#[derive(Debug)]
pub(super) struct Seen {
    /// None for a file that can't be looked at now.
    files: BTreeMap<PathBuf, Option<Option<Stamp>>>,
    /// The folders that a change could show in.
    pub(super) folders: Folders,
}

/// What was found of one file.
#[derive(Debug)]
pub(super) struct Found {
    stamp: Option<Stamp>,
    folders: Folders,
}

impl Seen {
    /// Looks at files. Blocks.
    pub(super) fn of(files: &BTreeSet<PathBuf>, looks: &mut Looks<Found>) -> Self {
        let place = |file: &PathBuf| Place {
            owner: folder_of(file).to_owned(),
            path: file.clone(),
        };
        let mut seen = Self {
            files: BTreeMap::new(),
            folders: Folders::new(),
        };
        for (file, found) in looks.at(files.iter().map(place), &look) {
            let stamp = found.map(|Found { stamp, folders }| {
                seen.folders.extend(folders);
                stamp
            });
            seen.files.insert(file, stamp);
        }
        seen
    }

    /// The stamps; of what can't be looked at now, the one of before.
    pub(super) fn stamps(&self, before: &Stamps) -> Stamps {
        let stamp = |(file, seen): (&PathBuf, &Option<Option<Stamp>>)| {
            let stamp = seen.unwrap_or_else(|| before.get(file).copied().flatten());
            (file.clone(), stamp)
        };
        self.files.iter().map(stamp).collect()
    }
}

fn look(file: &Path) -> Found {
    let stamp = std::fs::metadata(file)
        .ok()
        .map(|metadata| Stamp::of(&metadata));
    Found {
        stamp,
        folders: folders(file),
    }
}

/// Where a change of `file` shows: where it stands, where it really is, and itself if it's a folder.
fn folders(file: &Path) -> Folders {
    let real = file.canonicalize().ok();
    let parent = folder_of(file).canonicalize().ok();
    let real_parent = real
        .as_ref()
        .and_then(|real| Some(real.parent()?.to_owned()));
    let itself = real.filter(|real| real.is_dir());
    let folders = [parent, real_parent, itself].into_iter().flatten();
    folders
        .filter_map(|folder| identity(&folder).map(|identity| (folder, identity)))
        .collect()
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
