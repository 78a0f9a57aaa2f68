//! Components that have served, kept by their content so that they can come back whatever stands in the plugin folder.
//!
//! `<folder>/<tenant>/<plugin>/<revision>.wasm`, with the settings that it served with beside it. What is read is hashed:
//! a file that isn't what its name says is not used. Compiled code is not kept here.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hookyard_model::{PluginRef, Revision};
use hookyard_plugin::revision_of;

const UNFINISHED: &str = "new";

/// The folder of kept components. Blocks.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    pub(crate) folder: PathBuf,
    /// Of each plugin, how many are kept beside those that must be.
    pub(crate) count_max: usize,
}

/// A component and the settings that it served with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) code: Vec<u8>,
    pub(crate) settings: String,
}

impl Archive {
    /// Keeps a component, as the latest of its plugin. Of the others, those of `needed` and the latest stay.
    pub(crate) fn keep(
        &self,
        plugin: &PluginRef,
        component: &Component,
        needed: &[Revision],
    ) -> io::Result<()> {
        let folder = self.folder_of(plugin);
        hookyard_private::trusted_folder(&folder)?;
        sweep_unfinished(&folder)?;
        let revision = revision_of(&component.code);
        write(
            &folder.join(format!("{revision}.toml")),
            component.settings.as_bytes(),
        )?;
        let code = folder.join(format!("{revision}.wasm"));
        // What is there may be damaged, and would then be missed when it's needed.
        match fs::read(&code) {
            Ok(kept) if kept == component.code => {
                fs::File::options()
                    .append(true)
                    .open(&code)?
                    .set_modified(SystemTime::now())?;
            }
            _ => write(&code, &component.code)?,
        }
        sweep(&folder, self.count_max, |other| {
            other == revision || needed.contains(&other)
        })
    }

    /// What was kept; `None` where it isn't there, or isn't what it was.
    pub(crate) fn read(&self, plugin: &PluginRef, revision: Revision) -> Option<Component> {
        let folder = self.folder_of(plugin);
        let code = fs::read(folder.join(format!("{revision}.wasm"))).ok()?;
        if revision_of(&code) != revision {
            tracing::warn!(target: "hookyard::release", %plugin, %revision, "a component that was kept is damaged, and is of no use");
            return None;
        }
        let settings =
            fs::read_to_string(folder.join(format!("{revision}.toml"))).unwrap_or_default();
        Some(Component { code, settings })
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

/// Returns the revision that a file of the archive is named after, if it is a component.
fn revision_of_file(name: &str) -> Option<Revision> {
    name.strip_suffix(".wasm")?.parse().ok()
}

/// Writes a file whole: beside its place, synced, and renamed into it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_added_extension(UNFINISHED);
    let mut file = hookyard_private::create_anew(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// Removes the oldest components beyond `count_max`, of those that aren't needed, each with its settings.
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

/// Removes what a host that was killed has left half written. A plugin has one writer at a time.
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

    fn component(text: &str) -> Component {
        Component {
            code: text.as_bytes().to_vec(),
            settings: format!("# {text}"),
        }
    }

    #[test]
    fn what_is_kept_comes_back_unless_it_was_changed() {
        let root = tempfile::tempdir().expect("a folder");
        let kept = Archive {
            folder: root.path().join("revisions"),
            count_max: 2,
        };
        let one = component("one");
        let revision = revision_of(&one.code);
        assert_eq!(kept.read(&plugin(), revision), None);
        kept.keep(&plugin(), &one, &[]).expect("kept");
        assert_eq!(kept.read(&plugin(), revision), Some(component("one")));
        let path = root
            .path()
            .join(format!("revisions/acme/books/{revision}.wasm"));
        fs::write(&path, "two").expect("changed");
        assert_eq!(
            kept.read(&plugin(), revision),
            None,
            "not by its name alone"
        );
        kept.keep(&plugin(), &one, &[]).expect("kept again");
        assert_eq!(
            kept.read(&plugin(), revision),
            Some(component("one")),
            "damage doesn't stay"
        );
    }

    #[test]
    fn what_a_kill_left_half_written_goes_and_nobody_else_may_look() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().expect("a folder");
        let kept = Archive {
            folder: root.path().join("revisions"),
            count_max: 2,
        };
        kept.keep(&plugin(), &component("one"), &[]).expect("kept");
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
        kept.keep(&plugin(), &component("three"), &[])
            .expect("kept");
        let files = fs::read_dir(&folder).expect("listed").count();
        assert_eq!(
            files, 4,
            "two components with their settings, and nothing else"
        );
    }

    #[test]
    fn the_oldest_go_and_what_is_needed_stays() {
        let root = tempfile::tempdir().expect("a folder");
        let kept = Archive {
            folder: root.path().to_owned(),
            count_max: 2,
        };
        let revision = |text: &str| revision_of(text.as_bytes());
        let needed = [revision("0")];
        for number in 0..6 {
            let text = number.to_string();
            kept.keep(&plugin(), &component(&text), &needed)
                .expect("kept");
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
        kept.keep(&plugin(), &component("5"), &needed)
            .expect("kept again");
        let left: Vec<_> = (0..6)
            .map(|number| {
                kept.read(&plugin(), revision(&number.to_string()))
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
}
