//! Reads a plugin's settled files, checks them and compiles them. Blocks; touches nothing that is shared.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision, TenantName};
use hookyard_plugin::{
    CompileProgress, Contracts, Engine, Fault, Grants, Limits, LoadRequest, LoadedPlugin,
    revision_of,
};

use hookyard_config::granting::Granting;
use tokio::sync::mpsc;

use super::archive::{Archive, Component};
use super::references::References;
use crate::folder::sighting::Files;
use crate::rehearsal::Fixtures;
use hookyard_config::files;
use hookyard_config::files::Stamp;
use hookyard_config::grants::Granted;
use hookyard_config::limits::BOUNDLESS;
use hookyard_config::plugin_file::{Outer, Reading, Sidecar};
use hookyard_config::settings::{Backlog, Rehearsal};
use hookyard_model::{chain, visible};

/// What a load needs beside the plugin's files.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) engine: Arc<Engine>,
    pub(crate) folder: PathBuf,
    pub(crate) file_max: u64,
    pub(crate) limits: Limits,
    pub(crate) ceilings: BTreeMap<TenantName, Limits>,
    pub(crate) grants: Granted,
    pub(crate) references: References,
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) archive: Archive,
    pub(crate) rehearsal: Rehearsal,
    pub(crate) backlog: Backlog,
    /// Who is told how compilations go on, where somebody is.
    pub(crate) reports: Option<mpsc::Sender<Report>>,
}

/// How far the compilation of a plugin's file has come.
pub(crate) type Report = (PluginRef, Revision, CompileProgress);

/// A plugin that can be made active.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) loaded: Arc<LoadedPlugin>,
    pub(crate) sidecar: Sidecar,
    /// Everything odd about the settings that stops nothing.
    pub(crate) notes: Vec<String>,
    /// What it can be tried out with; none where it has served before.
    pub(crate) fixtures: Arc<Fixtures>,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Loading<T = Ready> {
    /// The content of its file, where that could be read.
    pub(crate) revision: Option<Revision>,
    pub(crate) result: Result<T, Failure>,
}

/// The reason for which a plugin could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The files are bad; one line says how. Trying again without a change is no use.
    Refused(String),
    /// The files changed while they were read.
    Moved,
    /// They can't be read just now, and why.
    Unreadable(String),
    /// The host can't compile at the moment, and why. The files may be good.
    Uncompiled(String),
}

impl Loader {
    /// Loads the plugin whose files were seen as `files`, and keeps the component where it can be run, for later; with
    /// those that are `needed`.
    pub(crate) fn load(&self, plugin: &PluginRef, files: Files, needed: &[Revision]) -> Loading {
        let Loading { revision, result } = self.survey(plugin, files);
        let result = result.map(|(ready, component)| {
            for note in &ready.notes {
                tracing::warn!(target: "hookyard::release", %plugin, "{note}");
            }
            if let Err(error) = self.archive.keep(plugin, &component, needed) {
                tracing::warn!(target: "hookyard::release", %plugin, %error, "the component can't be kept: it can't come back once its file is another one");
            }
            ready
        });
        Loading { revision, result }
    }

    /// Loads a revision that was kept. The settings in the folder count, so that what is no longer granted isn't granted
    /// to it; where they are faulty, those that it served with.
    pub(crate) fn recall(&self, plugin: &PluginRef, revision: Revision) -> Result<Ready, Failure> {
        let Component { code, settings } = self
            .archive
            .read(plugin, revision)
            .ok_or_else(|| Failure::Refused(not_archived(revision)))?;
        let present = present(&self.path(plugin, "toml"), self.file_max)
            .ok()
            .filter(|present| self.sidecar(plugin, present).is_ok());
        self.ready(plugin, &code, &present.unwrap_or(settings))
    }

    /// As `load`, and touches nothing.
    pub(crate) fn survey(&self, plugin: &PluginRef, files: Files) -> Loading<(Ready, Component)> {
        let code = match read(&self.path(plugin, "wasm"), files.code, self.file_max) {
            Ok(code) => code,
            Err(failure) => {
                return Loading {
                    revision: None,
                    result: Err(failure),
                };
            }
        };
        let revision = Some(revision_of(&code));
        let result = self.settings(plugin, files).and_then(|settings| {
            let ready = self.ready(plugin, &code, &settings)?;
            let fixtures = Arc::new(Fixtures::read(&code, &self.path(plugin, "fixtures")));
            Ok((Ready { fixtures, ..ready }, Component { code, settings }))
        });
        Loading { revision, result }
    }

    /// A component from anywhere, as the plugin that it would be by the settings in the folder. Its fixtures are those of
    /// `fixtures`, where that is a folder, or else those in the plugin folder.
    pub(crate) fn try_out(
        &self,
        plugin: &PluginRef,
        code: &[u8],
        fixtures: &Path,
    ) -> Result<Ready, Failure> {
        let settings =
            present(&self.path(plugin, "toml"), self.file_max).map_err(Failure::Unreadable)?;
        let ready = self.ready(plugin, code, &settings)?;
        let beside = self.path(plugin, "fixtures");
        let has_own = fixtures
            .parent()
            .is_some_and(|owner| files::is_folder(owner, fixtures));
        let fixtures = if has_own { fixtures } else { &beside };
        Ok(Ready {
            fixtures: Arc::new(Fixtures::read(code, fixtures)),
            ..ready
        })
    }

    fn ready(&self, plugin: &PluginRef, code: &[u8], settings: &str) -> Result<Ready, Failure> {
        let (sidecar, notes) = self.sidecar(plugin, settings)?;
        let progress = |revision: Revision, progress| {
            tell(plugin, revision, progress);
            // One that is lost is missing in the record alone.
            let _ = self
                .reports
                .as_ref()
                .map(|reports| reports.try_send((plugin.clone(), revision, progress)));
        };
        let Rehearsal {
            record,
            record_bytes_max,
            ..
        } = sidecar.rehearsal;
        let request = LoadRequest {
            plugin: plugin.clone(),
            bytes: code,
            contracts: Contracts::clone(&self.contracts),
            limits: sidecar.limits.clone(),
            grants: Arc::new(sidecar.grants.clone()),
            config: Arc::new(sidecar.config.clone()),
            record_bytes_max: if record { record_bytes_max } else { 0 },
        };
        let loaded = self.engine.load_with(request, &progress).map(Arc::new);
        let started = loaded.and_then(|loaded| loaded.start().map(|()| loaded));
        let loaded = started.map_err(|error| match &error.fault {
            fault @ (Fault::Compiler { .. } | Fault::Host(_)) => Failure::Uncompiled(chain(fault)),
            fault => Failure::Refused(self.told(plugin, fault, settings, &sidecar.grants)),
        })?;
        Ok(Ready {
            loaded,
            sidecar,
            notes,
            fixtures: Arc::default(),
        })
    }

    /// The text of the settings; empty where there are none.
    fn settings(&self, plugin: &PluginRef, files: Files) -> Result<String, Failure> {
        let path = self.path(plugin, "toml");
        let bytes = files
            .sidecar
            .map(|stamp| read(&path, stamp, self.file_max))
            .transpose()?
            .unwrap_or_default();
        String::from_utf8(bytes)
            .map_err(|_| Failure::Refused(format!("{} is not UTF-8 text", path.display())))
    }

    fn sidecar(&self, plugin: &PluginRef, text: &str) -> Result<(Sidecar, Vec<String>), Failure> {
        let path = self.path(plugin, "toml");
        let most = self.ceilings.get(&plugin.tenant).unwrap_or(&BOUNDLESS);
        let outer = Outer {
            limits: &self.limits,
            most,
            grants: &self.grants.to(&plugin.tenant),
            rehearsal: &self.rehearsal,
            backlog: self.backlog,
        };
        let Reading {
            result,
            notes,
            files,
        } = Sidecar::read(&path, text, &outer);
        self.references.note(plugin, owner(&path), files);
        let notes = notes.iter().map(ToString::to_string).collect();
        result
            .map(|sidecar| (sidecar, notes))
            .map_err(|faults| Failure::Refused(faults.to_string()))
    }

    /// What is wrong with a component. Where a line of its settings would help, it follows.
    fn told(&self, plugin: &PluginRef, fault: &Fault, settings: &str, granted: &Grants) -> String {
        let Fault::Ungranted {
            missing, toolchain, ..
        } = fault
        else {
            return visible(&chain(fault));
        };
        let (path, destinations) = (
            self.path(plugin, "toml"),
            self.grants.to(&plugin.tenant).destinations,
        );
        let granting = Granting {
            path: &path,
            settings,
            tenant: &plugin.tenant,
            granted,
            destinations: &destinations,
        };
        format!("{}; {}", chain(fault), granting.told(missing, *toolchain))
    }

    pub(crate) fn path(&self, plugin: &PluginRef, extension: &str) -> PathBuf {
        self.folder_of(plugin)
            .join(format!("{}.{extension}", plugin.name))
    }

    /// Where a tenant's plugins stand. The tenant is known by it where files are read.
    pub(crate) fn folder_of(&self, plugin: &PluginRef) -> PathBuf {
        self.folder.join(plugin.tenant.as_str())
    }
}

/// Returns the reason for which a revision cannot be recalled that is not in the archive.
pub(crate) fn not_archived(revision: Revision) -> String {
    format!("the component {revision} is no longer kept in plugins.revisions")
}

/// Says how a compilation goes on.
fn tell(plugin: &PluginRef, revision: Revision, progress: CompileProgress) {
    let revision = revision.short();
    match progress {
        CompileProgress::Queued => {
            tracing::info!(target: "hookyard::release", %plugin, revision, "plugin waits until other components are compiled");
        }
        CompileProgress::Compiling => {
            tracing::info!(target: "hookyard::release", %plugin, revision, "compiling")
        }
    }
}

/// The settings that stand in the folder, where no file is as good as an empty one; or why they can't be read.
fn present(path: &Path, bytes_max: u64) -> Result<String, String> {
    match files::text(owner(path), path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| format!("{} can't be read: {error}", path.display())),
    }
}

/// The content of the file that was seen as `seen`, if it's still that and stays it while it's read.
fn read(path: &Path, seen: Stamp, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    if seen.bytes > bytes_max {
        let (path, bytes) = (path.display(), seen.bytes);
        return Err(Failure::Refused(format!(
            "{path} has {bytes} bytes, more than plugins.file_max, {bytes_max}"
        )));
    }
    match files::read(owner(path), path, bytes_max) {
        Ok(content) if content.stamps == [seen; 2] && content.bytes.len() as u64 == seen.bytes => {
            Ok(content.bytes)
        }
        Ok(_) => Err(Failure::Moved),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::FileTooLarge
            ) =>
        {
            Err(Failure::Moved)
        }
        Err(error) => Err(Failure::Unreadable(format!(
            "{} can't be read: {error}",
            path.display()
        ))),
    }
}

/// The tenant's folder.
fn owner(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn settings_that_cannot_be_read_are_not_taken_for_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.toml");
        assert_eq!(present(&path, 100), Ok(String::new()), "there are none");
        fs::write(&path, "[limits]\n").expect("written");
        assert_eq!(present(&path, 100).as_deref(), Ok("[limits]\n"));
        assert!(present(&path, 8).is_err(), "too long");
        fs::write(&path, b"\xff").expect("written");
        assert!(present(&path, 100).is_err(), "no text");
        assert!(present(folder.path(), 100).is_err(), "a folder");
    }

    #[test]
    fn only_what_was_seen_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.wasm");
        fs::write(&path, "one").expect("written");
        let seen = Stamp::of(&fs::metadata(&path).expect("there"));
        assert_eq!(read(&path, seen, 10), Ok(b"one".to_vec()));
        assert!(
            matches!(read(&path, seen, 2), Err(Failure::Refused(why)) if why.contains("plugins.file_max"))
        );
        fs::write(&path, "longer").expect("written");
        assert_eq!(read(&path, seen, 10), Err(Failure::Moved));
        fs::remove_file(&path).expect("removed");
        assert_eq!(read(&path, seen, 10), Err(Failure::Moved));
    }
}
