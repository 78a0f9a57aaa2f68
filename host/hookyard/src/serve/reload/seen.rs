//! The state of the files that a configuration depends on, and the folders that show their changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookyard_config::files::{OwnedPath, PathChecks, Stamp};
use hookyard_release::watch::{Folders, identity};

/// The stamp of each file that the configuration depends on, or `None` for a missing file.
pub(super) type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// The result of one look at all files.
#[derive(Debug)]
pub(super) struct FilesSeen {
    /// The stamp of each file. The outer `None` means that the file gave no answer.
    files: BTreeMap<PathBuf, Option<Option<Stamp>>>,
    /// The folders to watch for changes.
    pub(super) folders: Folders,
}

/// The result of one look at one file.
#[derive(Debug)]
pub(super) struct FileSeen {
    stamp: Option<Stamp>,
    folders: Folders,
}

impl FilesSeen {
    /// Looks at files. Blocks.
    pub(super) fn of(files: &BTreeSet<PathBuf>, looks: &mut PathChecks<FileSeen>) -> Self {
        let place = |file: &PathBuf| OwnedPath {
            owner: folder_of(file).to_owned(),
            path: file.clone(),
        };
        let mut seen = Self {
            files: BTreeMap::new(),
            folders: Folders::new(),
        };

        for (file, answer) in looks.run(files.iter().map(place), &look) {
            let stamp = answer.map(|FileSeen { stamp, folders }| {
                seen.folders.extend(folders);
                stamp
            });
            seen.files.insert(file, stamp);
        }
        seen
    }

    /// Returns the stamps. A file that gave no answer keeps its stamp from `before`.
    pub(super) fn stamps(&self, before: &Stamps) -> Stamps {
        let stamp = |(file, seen): (&PathBuf, &Option<Option<Stamp>>)| {
            let stamp = seen.unwrap_or_else(|| before.get(file).copied().flatten());
            (file.clone(), stamp)
        };
        self.files.iter().map(stamp).collect()
    }
}

fn look(file: &Path) -> FileSeen {
    let metadata = std::fs::metadata(file).ok();
    FileSeen {
        stamp: metadata.map(|metadata| Stamp::of(&metadata)),
        folders: folders(file),
    }
}

/// Returns the folders that show a change of `file`: its folder, the folder of its target if it is
/// a link, and the file itself if it is a folder.
fn folders(file: &Path) -> Folders {
    let target = file.canonicalize().ok();
    let parent = folder_of(file).canonicalize().ok();
    let target_parent = target
        .as_ref()
        .and_then(|target| Some(target.parent()?.to_owned()));
    let itself = target.filter(|target| target.is_dir());

    [parent, target_parent, itself]
        .into_iter()
        .flatten()
        .filter_map(|folder| identity(&folder).map(|identity| (folder, identity)))
        .collect()
}

fn folder_of(file: &Path) -> &Path {
    file.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
