//! Reads a plugin's files, checks them and compiles the component. The functions block, and change
//! nothing but the archive.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard_config::files::{self, Stamp};
use hookyard_config::grant_line::CurrentGrants;
use hookyard_config::grants::GrantSettings;
use hookyard_config::limits::UNLIMITED;
use hookyard_config::plugin_file::{PluginDefaults, PluginSettings, Reading};
use hookyard_config::settings::{Backlog, Rehearsal};
use hookyard_model::{PluginRef, Revision, TenantName, chain, visible};
use hookyard_plugin::{
    CompileProgress, Contracts, Engine, Fault, Grants, LARGE_BYTES, Limits, LoadRequest,
    LoadedPlugin, Reuse, revision_of,
};
use tokio::sync::mpsc;

use super::archive::{Archive, ArchivedComponent};
use super::references::References;
use crate::folder::sighting::Files;
use crate::rehearsal::Fixtures;

/// Loads plugins by one configuration.
#[derive(Clone)]
pub(crate) struct Loader {
    pub(crate) engine: Arc<Engine>,
    pub(crate) folder: PathBuf,
    pub(crate) file_max: u64,
    pub(crate) limits: Limits,
    pub(crate) tenant_limits: BTreeMap<TenantName, Limits>,
    pub(crate) grants: GrantSettings,
    pub(crate) references: References,
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) archive: Archive,
    pub(crate) rehearsal: Rehearsal,
    pub(crate) backlog: Backlog,
    /// Receives the progress of compilations, if somebody wants it.
    pub(crate) reports: Option<mpsc::Sender<Report>>,
}

/// The progress of the compilation of a plugin's file.
pub(crate) type Report = (PluginRef, Revision, CompileProgress);

/// A component that can become active, with its settings.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) loaded: Arc<LoadedPlugin>,
    pub(crate) settings: PluginSettings,
    /// Remarks on the settings and the component that do not keep the plugin from service.
    pub(crate) notes: Vec<String>,
    /// The fixtures for a rehearsal; none if the component comes from the archive.
    pub(crate) fixtures: Arc<Fixtures>,
}

/// The result of a load.
#[derive(Debug)]
pub(crate) struct Loading<T = Ready> {
    /// The revision of the file, if the file could be read.
    pub(crate) revision: Option<Revision>,
    pub(crate) result: Result<T, Failure>,
}

/// The reason for which a plugin could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The files are bad, for this reason. Another attempt without a change would fail as well.
    Refused(String),
    /// The files changed while they were read.
    Moved,
    /// The files cannot be read at the moment, for this reason.
    Unreadable(String),
    /// The host cannot compile the component at the moment, for this reason. The files may be good.
    Uncompiled(String),
}

impl Loader {
    /// Loads the plugin whose files were seen as `files`, and archives the component if it can be
    /// run. The archive keeps the `needed` revisions.
    pub(crate) fn load(&self, plugin: &PluginRef, files: Files, needed: &[Revision]) -> Loading {
        let Loading { revision, result } = self.survey(plugin, files);
        let result = result.map(|(ready, component)| {
            for note in &ready.notes {
                tracing::warn!(target: "hookyard::release", %plugin, "{note}");
            }
            if let Err(error) = self.archive.add(plugin, &component, needed) {
                tracing::warn!(
                    target: "hookyard::release", %plugin, %error,
                    "the component cannot be archived: it cannot come back after its file is \
                     replaced"
                );
            }
            ready
        });
        Loading { revision, result }
    }

    /// Loads a revision from the archive.
    ///
    /// The settings in the folder apply, so that the revision gets no grant that has been
    /// withdrawn. If they are faulty, the settings apply that the revision served with.
    pub(crate) fn recall(&self, plugin: &PluginRef, revision: Revision) -> Result<Ready, Failure> {
        let ArchivedComponent { code, settings } = self
            .archive
            .read(plugin, revision)
            .ok_or_else(|| Failure::Refused(not_archived(revision)))?;
        let present = present(&self.path(plugin, "toml"), self.file_max)
            .ok()
            .filter(|present| self.read_settings(plugin, present).is_ok());
        self.ready(plugin, &code, &present.unwrap_or(settings))
    }

    /// Loads a plugin like [`load`](Self::load), and archives nothing.
    pub(crate) fn survey(
        &self,
        plugin: &PluginRef,
        files: Files,
    ) -> Loading<(Ready, ArchivedComponent)> {
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
            Ok((
                Ready { fixtures, ..ready },
                ArchivedComponent { code, settings },
            ))
        });
        Loading { revision, result }
    }

    /// Loads a component from any place as a plugin, with the settings in the plugin folder.
    ///
    /// Its fixtures are in `fixtures` if that is a folder, or else in the plugin folder.
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
        let (plugin_settings, mut notes) = self.read_settings(plugin, settings)?;
        let progress = |revision: Revision, progress| {
            log_progress(plugin, (revision, code.len()), progress);
            if let Some(reports) = &self.reports {
                // A report that is lost is missing from the record alone.
                let _ = reports.try_send((plugin.clone(), revision, progress));
            }
        };
        let Rehearsal {
            record,
            record_bytes_max,
            ..
        } = plugin_settings.rehearsal;
        let request = LoadRequest {
            plugin: plugin.clone(),
            bytes: code,
            contracts: Contracts::clone(&self.contracts),
            limits: plugin_settings.limits.clone(),
            grants: Arc::new(plugin_settings.grants.clone()),
            config: Arc::new(plugin_settings.config.clone()),
            record_bytes_max: if record { record_bytes_max } else { 0 },
            reuse: plugin_settings.reuse,
        };
        let loaded = self.engine.load_with(request, &progress).map(Arc::new);
        let started = loaded.and_then(|loaded| loaded.start().map(|()| loaded));
        let loaded = started.map_err(|error| match &error.fault {
            fault @ (Fault::Compiler { .. } | Fault::Host(_)) => Failure::Uncompiled(chain(fault)),
            fault => {
                Failure::Refused(self.explain(plugin, fault, settings, &plugin_settings.grants))
            }
        })?;
        notes.extend_from_slice(loaded.notes());
        Ok(Ready {
            loaded,
            settings: plugin_settings,
            notes,
            fixtures: Arc::default(),
        })
    }

    /// Reads the text of the settings; it is empty if there are none.
    fn settings(&self, plugin: &PluginRef, files: Files) -> Result<String, Failure> {
        let path = self.path(plugin, "toml");
        let bytes = files
            .settings
            .map(|stamp| read(&path, stamp, self.file_max))
            .transpose()?
            .unwrap_or_default();
        String::from_utf8(bytes)
            .map_err(|_| Failure::Refused(format!("{} is not UTF-8 text", path.display())))
    }

    fn read_settings(
        &self,
        plugin: &PluginRef,
        text: &str,
    ) -> Result<(PluginSettings, Vec<String>), Failure> {
        let path = self.path(plugin, "toml");
        let most = self.tenant_limits.get(&plugin.tenant).unwrap_or(&UNLIMITED);
        let defaults = PluginDefaults {
            limits: &self.limits,
            limits_max: most,
            grants: &self.grants.of_tenant(&plugin.tenant),
            rehearsal: &self.rehearsal,
            backlog: self.backlog,
        };
        let Reading {
            result,
            notes,
            files,
        } = PluginSettings::read(&path, text, &defaults);
        self.references.note(plugin, owner(&path), files);
        let notes = notes.iter().map(ToString::to_string).collect();
        result
            .map(|plugin_settings| (plugin_settings, notes))
            .map_err(|faults| Failure::Refused(faults.to_string()))
    }

    /// Explains what is wrong with a component, and which line of settings would help.
    fn explain(
        &self,
        plugin: &PluginRef,
        fault: &Fault,
        settings: &str,
        granted: &Grants,
    ) -> String {
        let Fault::Ungranted {
            missing, toolchain, ..
        } = fault
        else {
            return visible(&chain(fault));
        };
        let (path, destinations) = (
            self.path(plugin, "toml"),
            self.grants.of_tenant(&plugin.tenant).destinations,
        );
        let current = CurrentGrants {
            path: &path,
            settings,
            tenant: &plugin.tenant,
            granted,
            destinations: &destinations,
        };
        format!("{}; {}", chain(fault), current.advice(missing, *toolchain))
    }

    /// Returns the path of one of a plugin's files.
    pub(crate) fn path(&self, plugin: &PluginRef, extension: &str) -> PathBuf {
        self.folder_of(plugin)
            .join(format!("{}.{extension}", plugin.name))
    }

    /// Returns the folder of a tenant's plugins.
    fn folder_of(&self, plugin: &PluginRef) -> PathBuf {
        self.folder.join(plugin.tenant.as_str())
    }
}

/// Returns the reason for which a revision cannot be recalled that is not in the archive.
pub(crate) fn not_archived(revision: Revision) -> String {
    format!("the component {revision} is no longer kept in plugins.revisions")
}

/// Logs the progress of the compilation of a component of so many bytes.
fn log_progress(
    plugin: &PluginRef,
    (revision, bytes): (Revision, usize),
    progress: CompileProgress,
) {
    let revision = revision.short();
    match progress {
        CompileProgress::Queued => {
            tracing::info!(
                target: "hookyard::release", %plugin, revision,
                "plugin waits until other components are compiled"
            );
        }
        CompileProgress::Compiling if bytes >= LARGE_BYTES => {
            let mebibytes = bytes >> 20;
            tracing::info!(
                target: "hookyard::release", %plugin, revision, mebibytes,
                "compiling a large component; its first build can take a minute"
            );
        }
        CompileProgress::Compiling => {
            tracing::info!(target: "hookyard::release", %plugin, revision, "compiling");
        }
        CompileProgress::Compiled(Reuse { functions, reused }) => {
            tracing::info!(
                target: "hookyard::release", %plugin, revision, functions, reused,
                "compiled; functions that have not changed were reused"
            );
        }
    }
}

/// Reads the settings in the plugin folder. A missing file counts as an empty one.
fn present(path: &Path, bytes_max: u64) -> Result<String, String> {
    match files::text(owner(path), path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|error| format!("{} cannot be read: {error}", path.display())),
    }
}

/// Reads the file that was seen as `seen`, provided that it is unchanged before and after the read.
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
            "{} cannot be read: {error}",
            path.display()
        ))),
    }
}

/// Returns the tenant's folder, which names the owner of a file.
fn owner(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn unreadable_settings_are_not_empty_settings() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.toml");
        assert_eq!(
            present(&path, 100),
            Ok(String::new()),
            "the file is missing"
        );
        fs::write(&path, "[limits]\n").expect("written");
        assert_eq!(present(&path, 100).as_deref(), Ok("[limits]\n"));
        assert!(present(&path, 8).is_err(), "too long");
        fs::write(&path, b"\xff").expect("written");
        assert!(present(&path, 100).is_err(), "not text");
        assert!(present(folder.path(), 100).is_err(), "a folder");
    }

    #[test]
    fn changed_file_is_not_read() {
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
