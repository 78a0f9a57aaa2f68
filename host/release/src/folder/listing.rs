//! Lists the plugin folder: the names and stamps of its entries, read from the file system.
//!
//! Which entries are plugins is decided in [`sighting`](super::sighting).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hookyard_model::PluginRef;

use super::precedence::Precedence;
use super::watch::{Folders, identity};
use crate::rehearsal::{COUNT_MAX, is_fixture};
use hookyard_config::files::{self, OwnedPath, PathChecks};
use hookyard_config::files::{FolderStamp, Stamp};

/// What a folder of fixtures is called after its plugin.
pub(crate) const FIXTURES: &str = ".fixtures";
/// The maximum number of entries of one folder that are read, so that a look at one tenant's folder
/// does not delay other tenants.
pub(crate) const ENTRIES_MAX: usize = 10_000;

/// The plugin folder at one moment.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The entries of the folder itself, except hidden ones.
    pub(crate) top: Vec<Top>,
    /// The folders in which a change could show, with links resolved.
    pub(crate) watched: Folders,
}

/// An entry of the plugin folder itself.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) name: String,
    pub(crate) kind: TopKind,
}

#[derive(Debug)]
pub(crate) enum TopKind {
    /// A tenant's folder.
    Folder(Folder),
    /// An entry that is neither a folder nor a link to a folder.
    File,
    /// A folder that cannot be read at the moment, for this reason.
    Unreadable(String),
}

/// The content of a tenant's folder.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) items: Vec<Item>,
    /// Whether the folder has more than [`ENTRIES_MAX`] entries. The items have the files of
    /// plugins with precedence all the same.
    pub(crate) is_cut: bool,
}

/// An entry of a tenant's folder.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) kind: ItemKind,
}

#[derive(Debug)]
pub(crate) enum ItemKind {
    /// A file or a link to a file.
    File(Stamp),
    /// A folder of fixtures.
    Fixtures(FolderStamp),
    /// A folder, a socket, or another kind of entry.
    Other,
    /// A link whose target is missing.
    Dangling,
    /// An entry that cannot be read at the moment, for this reason.
    Unreadable(String),
}

/// Lists the plugin folder. A tenant's folder that does not answer delays the others once, and
/// counts as unreadable afterwards.
#[derive(Debug, Default)]
pub(crate) struct Lister(PathChecks<(Option<TopKind>, Folders)>);

impl Lister {
    /// Lists `folder` and its tenants' folders. Fails if `folder` itself cannot be read.
    pub(crate) fn list(
        &mut self,
        folder: &Path,
        precedence: &Arc<Precedence>,
    ) -> io::Result<Listing> {
        let top = folder.to_owned();
        let (Names { names, .. }, watched) = files::run_with_timeout(folder, move || {
            let mut watched = Folders::new();
            watch(&mut watched, &top);
            Ok((names(&top, usize::MAX)?, watched))
        })?;

        let place = |name: &String| OwnedPath {
            owner: folder.join(name),
            path: folder.join(name),
        };
        let precedence = Arc::clone(precedence);
        let mut found = self.0.run(names.iter().map(place), &move |path: &Path| {
            look(path, &precedence)
        });

        let mut listing = Listing {
            top: Vec::new(),
            watched,
        };
        for name in names {
            let (kind, watched) =
                found
                    .remove(&folder.join(&name))
                    .flatten()
                    .unwrap_or_else(|| {
                        (
                            Some(TopKind::Unreadable("the system does not answer".to_owned())),
                            Folders::new(),
                        )
                    });
            listing.watched.extend(watched);
            listing.top.extend(kind.map(|kind| Top { name, kind }));
        }
        Ok(listing)
    }
}

/// Returns the kind of an entry of the plugin folder, if it exists, and the folders in which a
/// change of it could show.
fn look(path: &Path, precedence: &Precedence) -> (Option<TopKind>, Folders) {
    let mut watched = Folders::new();
    let name = path
        .file_name()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default();
    let kind = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            match contents(path, &name, precedence, &mut watched) {
                Ok(folder) => Some(TopKind::Folder(folder)),
                Err(error) => Some(TopKind::Unreadable(error.to_string())),
            }
        }
        Ok(_) => Some(TopKind::File),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(TopKind::Unreadable(error.to_string())),
    };

    (kind, watched)
}

fn contents(
    folder: &Path,
    tenant: &str,
    precedence: &Precedence,
    watched: &mut Folders,
) -> io::Result<Folder> {
    watch(watched, folder);
    let Names { mut names, is_cut } = names(folder, ENTRIES_MAX)?;
    if is_cut {
        names.extend(
            precedence
                .of_tenant(tenant)
                .flat_map(|plugin| files_of(folder, plugin)),
        );
        names.sort();
        names.dedup();
    }

    let item = |name: String| {
        let path = folder.join(&name);
        let kind = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                watch_target(watched, &path);
                ItemKind::File(Stamp::of(&metadata))
            }
            Ok(metadata) if metadata.is_dir() && name.ends_with(FIXTURES) => {
                watch(watched, &path);
                ItemKind::Fixtures(fixtures(&path))
            }
            Ok(_) => ItemKind::Other,
            Err(error) if error.kind() == io::ErrorKind::NotFound => ItemKind::Dangling,
            Err(error) => ItemKind::Unreadable(error.to_string()),
        };
        Item { name, kind }
    };
    Ok(Folder {
        items: names.into_iter().map(item).collect(),
        is_cut,
    })
}

/// Returns the names of a plugin's files that exist.
fn files_of(folder: &Path, plugin: &PluginRef) -> Vec<String> {
    let names = [".wasm", ".toml", FIXTURES].map(|end| format!("{}{end}", plugin.name));
    let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    names
        .into_iter()
        .filter(|name| !folder.join(name).symlink_metadata().is_err_and(is_gone))
        .collect()
}

/// Returns the stamp of a folder with fixtures, as far as it can be read.
fn fixtures(folder: &Path) -> FolderStamp {
    let Names { mut names, .. } = names(folder, ENTRIES_MAX).unwrap_or_default();
    names.retain(|name| is_fixture(name));
    // One more than are read, so that a file beyond the maximum shows as a change.
    names.truncate(COUNT_MAX + 1);
    let stamp = |name: &'_ str| Some(Stamp::of(&fs::metadata(folder.join(name)).ok()?));

    FolderStamp::of(
        names
            .iter()
            .filter_map(|name| Some((name.as_str(), stamp(name)?))),
    )
}

/// The names of a folder's entries.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    /// Whether the folder has more.
    is_cut: bool,
}

/// Returns the names in a folder, in order, except hidden ones. A name that is not UTF-8 cannot be
/// valid, and is returned with replacement characters.
fn names(folder: &Path, entries_max: usize) -> io::Result<Names> {
    let (entries, is_cut) = files::names_here(folder, entries_max)?;
    let names = entries
        .iter()
        .map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    Ok(Names { names, is_cut })
}

/// Adds a folder to the watched ones: its real path, and the folder of the link if it is a link.
fn watch(watched: &mut Folders, folder: &Path) {
    add(watched, folder);
    if folder.is_symlink() {
        folder
            .parent()
            .into_iter()
            .for_each(|parent| add(watched, parent));
    }
}

/// Adds the folder of a link's target, in which a change of the target shows.
fn watch_target(watched: &mut Folders, path: &Path) {
    if path.is_symlink()
        && let Ok(target) = path.canonicalize()
    {
        target
            .parent()
            .into_iter()
            .for_each(|parent| add(watched, parent));
    }
}

fn add(watched: &mut Folders, folder: &Path) {
    let real = folder.canonicalize().ok();
    watched.extend(real.and_then(|real| identity(&real).map(|identity| (real, identity))));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_followed_and_their_targets_watched() {
        let root = tempfile::tempdir().expect("a folder");
        let real = root.path().canonicalize().expect("a folder");
        for folder in ["plugins/acme", "builds", "blue"] {
            fs::create_dir_all(real.join(folder)).expect("made");
        }
        for file in [
            "builds/one.wasm",
            "blue/orders.wasm",
            "plugins/acme/.orders.wasm.part",
            "plugins/stray.wasm",
        ] {
            fs::write(real.join(file), "code").expect("written");
        }
        symlink(
            "../../builds/one.wasm",
            real.join("plugins/acme/orders.wasm"),
        )
        .expect("linked");
        symlink(
            "../../builds/none.wasm",
            real.join("plugins/acme/gone.wasm"),
        )
        .expect("linked");
        symlink("../blue", real.join("plugins/blue")).expect("linked");
        let list = |folder: &str| Lister::default().list(&real.join(folder), &Arc::default());
        let listing = list("plugins").expect("listed");

        let shown: Vec<String> = listing
            .top
            .iter()
            .map(|top| format!("{} {}", top.name, shape(&top.kind)))
            .collect();
        assert_eq!(
            shown,
            [
                "acme [gone.wasm dangling, orders.wasm 4]",
                "blue [orders.wasm 4]",
                "stray.wasm file"
            ]
        );
        let watched: Vec<_> = listing
            .watched
            .keys()
            .filter_map(|path| path.strip_prefix(&real).ok())
            .collect();
        assert_eq!(
            watched,
            ["blue", "builds", "plugins", "plugins/acme"].map(Path::new)
        );
        assert!(list("nowhere").is_err());
    }

    fn shape(kind: &TopKind) -> String {
        let item = |item: &Item| match &item.kind {
            ItemKind::File(stamp) => format!("{} {}", item.name, stamp.bytes),
            ItemKind::Dangling => format!("{} dangling", item.name),
            ItemKind::Fixtures(_) => format!("{} fixtures", item.name),
            ItemKind::Other | ItemKind::Unreadable(_) => format!("{} odd", item.name),
        };

        match kind {
            TopKind::Folder(folder) => format!(
                "[{}]",
                folder.items.iter().map(item).collect::<Vec<_>>().join(", ")
            ),
            TopKind::File => "file".to_owned(),
            TopKind::Unreadable(_) => "unreadable".to_owned(),
        }
    }
}
