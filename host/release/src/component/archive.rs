//! The archive of components that have served, so that a revision can come back after its file in
//! the plugin folder has been replaced.
//!
//! A component is at `<folder>/<tenant>/<plugin>/<revision>.wasm`, with the settings that it served
//! with beside it. A component that is read is hashed, and not used if its content does not match
//! its name. Compiled code is not archived.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hookyard_model::{PluginRef, Revision};
use hookyard_plugin::revision_of;

/// The extension of a file that is being written.
const UNFINISHED: &str = "new";

/// The archive of components. Its methods block.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    pub(crate) folder: PathBuf,
    /// The number of components of each plugin that are kept, beside those that are needed.
    pub(crate) count_max: usize,
}

/// A component and the settings that it served with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ArchivedComponent {
    pub(crate) code: Vec<u8>,
    pub(crate) settings: String,
}

impl Archive {
    /// Adds a component as the latest of its plugin. Of the others, the needed ones and the latest
    /// stay.
    pub(crate) fn add(
        &self,
        plugin: &PluginRef,
        component: &ArchivedComponent,
        needed: &[Revision],
    ) -> io::Result<()> {
        let folder = self.folder_of(plugin);
        hookyard_private::trusted_folder(&folder)?;
        sweep_unfinished(&folder)?;

        let revision = revision_of(&component.code);
        let settings = folder.join(format!("{revision}.toml"));
        if !has_content(&settings, component.settings.as_bytes()) {
            write(&settings, component.settings.as_bytes())?;
        }
        let code = folder.join(format!("{revision}.wasm"));
        if has_content(&code, &component.code) {
            let file = fs::File::options().append(true).open(&code)?;
            file.set_modified(SystemTime::now())?;
        } else {
            write(&code, &component.code)?;
        }

        sweep(&folder, self.count_max, |other| {
            other == revision || needed.contains(&other)
        })
    }

    /// Reads a component; `None` if it is not in the archive, or if it is damaged.
    pub(crate) fn read(&self, plugin: &PluginRef, revision: Revision) -> Option<ArchivedComponent> {
        let folder = self.folder_of(plugin);
        let code = fs::read(folder.join(format!("{revision}.wasm"))).ok()?;
        if revision_of(&code) != revision {
            tracing::warn!(
                target: "hookyard::release", %plugin, %revision,
                "an archived component is damaged and cannot be used"
            );
            return None;
        }

        let settings = fs::read_to_string(folder.join(format!("{revision}.toml")));
        Some(ArchivedComponent {
            code,
            settings: settings.unwrap_or_default(),
        })
    }

    /// Returns the revisions of a plugin that are in the archive, going by the names of the files.
    pub(crate) fn revisions(&self, plugin: &PluginRef) -> BTreeSet<Revision> {
        let Ok(entries) = fs::read_dir(self.folder_of(plugin)) else {
            return BTreeSet::new();
        };
        entries
            .filter_map(|entry| revision_of_file(&entry.ok()?.file_name().to_string_lossy()))
            .collect()
    }

    fn folder_of(&self, plugin: &PluginRef) -> PathBuf {
        self.folder
            .join(plugin.tenant.as_str())
            .join(plugin.name.as_str())
    }
}

/// Returns the revision that a file of the archive is named after, if the file is a component.
fn revision_of_file(name: &str) -> Option<Revision> {
    name.strip_suffix(".wasm")?.parse().ok()
}

/// Returns whether a file has this content. An archived file may be damaged, which would show only
/// when it is needed.
fn has_content(path: &Path, content: &[u8]) -> bool {
    fs::read(path).is_ok_and(|archived| archived == content)
}

/// Writes a file as a whole: under another name, synced, and then renamed.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension(UNFINISHED);
    let mut file = hookyard_private::create_anew(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Removes the oldest components beyond `count_max`, with their settings. Needed ones do not count.
fn sweep(folder: &Path, count_max: usize, is_needed: impl Fn(Revision) -> bool) -> io::Result<()> {
    let mut others = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let revision = revision_of_file(&entry.file_name().to_string_lossy());
        if let Some(revision) = revision.filter(|revision| !is_needed(*revision)) {
            others.push((entry.metadata()?.modified()?, revision));
        }
    }

    others.sort();
    let surplus = others.len().saturating_sub(count_max);
    for (_, revision) in others.drain(..surplus) {
        fs::remove_file(folder.join(format!("{revision}.wasm")))?;
        match fs::remove_file(folder.join(format!("{revision}.toml"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes files that a killed host has left unfinished. A plugin has one writer at a time.
fn sweep_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == UNFINISHED)
        {
            fs::remove_file(path)?;
        }
    }

    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    fn component(text: &str) -> ArchivedComponent {
        ArchivedComponent {
            code: text.as_bytes().to_vec(),
            settings: format!("# {text}"),
        }
    }

    #[test]
    fn archived_component_is_read_unless_damaged() {
        let root = tempfile::tempdir().expect("a folder");
        let archive = Archive {
            folder: root.path().join("revisions"),
            count_max: 2,
        };

        let one = component("one");
        let revision = revision_of(&one.code);
        assert_eq!(archive.read(&plugin(), revision), None);
        archive.add(&plugin(), &one, &[]).expect("archived");
        assert_eq!(archive.read(&plugin(), revision), Some(component("one")));
        let path = root
            .path()
            .join(format!("revisions/acme/books/{revision}.wasm"));
        fs::write(&path, "two").expect("changed");
        assert_eq!(
            archive.read(&plugin(), revision),
            None,
            "the name alone is not enough"
        );

        archive.add(&plugin(), &one, &[]).expect("archived again");
        assert_eq!(
            archive.read(&plugin(), revision),
            Some(component("one")),
            "the damaged file was replaced"
        );
    }

    #[test]
    fn unfinished_files_are_removed_and_folders_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        let archive = Archive {
            folder: root.path().join("revisions"),
            count_max: 2,
        };

        archive
            .add(&plugin(), &component("one"), &[])
            .expect("archived");
        for folder in ["revisions", "revisions/acme", "revisions/acme/books"] {
            let mode = fs::metadata(root.path().join(folder))
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o700, "{folder}");
        }

        let folder = root.path().join("revisions/acme/books");
        for extension in ["wasm.new", "toml.new"] {
            fs::write(
                folder.join(format!("{}.{extension}", revision_of(b"two"))),
                "tw",
            )
            .expect("written");
        }

        archive
            .add(&plugin(), &component("three"), &[])
            .expect("archived");
        let files = fs::read_dir(&folder).expect("listed").count();
        assert_eq!(
            files, 4,
            "two components with their settings, and nothing else"
        );
    }

    #[test]
    fn oldest_components_are_removed_and_needed_ones_stay() {
        let root = tempfile::tempdir().expect("a folder");
        let archive = Archive {
            folder: root.path().to_owned(),
            count_max: 2,
        };

        let revision = |text: &str| revision_of(text.as_bytes());
        let needed = [revision("0")];
        for number in 0..6 {
            let text = number.to_string();
            archive
                .add(&plugin(), &component(&text), &needed)
                .expect("archived");
            let file = root
                .path()
                .join(format!("acme/books/{}.wasm", revision(&text)));
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 + number);
            fs::File::options()
                .append(true)
                .open(file)
                .expect("there")
                .set_modified(time)
                .expect("set");
        }

        archive
            .add(&plugin(), &component("5"), &needed)
            .expect("archived again");
        let left: Vec<_> = (0..6)
            .map(|number| {
                archive
                    .read(&plugin(), revision(&number.to_string()))
                    .is_some()
            })
            .collect();
        assert_eq!(left, [true, false, false, true, true, true]);
        let files = fs::read_dir(root.path().join("acme/books"))
            .expect("listed")
            .count();
        assert_eq!(
            files, 8,
            "four components with their settings, and nothing else"
        );
    }

    #[test]
    fn revisions_are_listed_by_file_name() {
        let root = tempfile::tempdir().expect("a folder");
        let archive = Archive {
            folder: root.path().to_owned(),
            count_max: 2,
        };
        assert_eq!(archive.revisions(&plugin()), BTreeSet::new());

        archive
            .add(&plugin(), &component("one"), &[])
            .expect("archived");
        let folder = root.path().join("acme/books");
        fs::write(folder.join("notes.wasm"), "").expect("written");
        let one = revision_of(b"one");
        assert_eq!(archive.revisions(&plugin()), [one].into());

        fs::remove_file(folder.join(format!("{one}.wasm"))).expect("removed");
        assert_eq!(archive.revisions(&plugin()), BTreeSet::new());
    }
}
