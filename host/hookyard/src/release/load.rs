//! Reads a plugin's settled files, checks them and compiles them. Blocks; touches nothing that is shared.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard_model::{PluginRef, TenantName};
use hookyard_plugin::{Contracts, Engine, Grants, Limits, Load, Loaded};

use super::sidecar::Sidecar;
use super::sighting::Files;
use super::stamp::Stamp;
use crate::config::limits::BOUNDLESS;
use crate::explain::chain;

/// What a load needs beside the plugin's files.
#[derive(Clone)]
pub(super) struct Loader {
    pub(super) engine: Arc<Engine>,
    pub(super) folder: PathBuf,
    pub(super) file_bytes_max: u64,
    pub(super) limits: Limits,
    pub(super) ceilings: BTreeMap<TenantName, Limits>,
    pub(super) contracts: Arc<Contracts>,
}

/// A plugin that can be made active.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) loaded: Arc<Loaded>,
    pub(super) sidecar: Sidecar,
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The files are bad; one line says how. Trying again without a change is no use.
    Refused(String),
    /// The files changed while they were read.
    Moved,
    /// They can't be read just now, and why.
    Unreadable(String),
}

impl Loader {
    /// Loads the plugin whose files were seen as `files`.
    pub(super) fn load(&self, plugin: &PluginRef, files: Files) -> Result<Ready, Failure> {
        let code = read(&self.path(plugin, "wasm"), files.code, self.file_bytes_max)?;
        let sidecar = self.sidecar(plugin, files)?;
        let loaded = self.engine.load(Load {
            plugin: plugin.clone(),
            bytes: &code,
            contracts: Contracts::clone(&self.contracts),
            limits: sidecar.limits.clone(),
            grants: Arc::new(Grants { keyvalue: true, logging: true, config: true, ..Grants::default() }),
            config: Arc::default(),
        });
        let loaded = loaded.map_err(|error| Failure::Refused(chain(&error.fault)))?;
        Ok(Ready { loaded: Arc::new(loaded), sidecar })
    }

    fn sidecar(&self, plugin: &PluginRef, files: Files) -> Result<Sidecar, Failure> {
        let path = self.path(plugin, "toml");
        let bytes = files.sidecar.map(|stamp| read(&path, stamp, self.file_bytes_max)).transpose()?.unwrap_or_default();
        let refused = |why: String| Failure::Refused(why.replace('\n', "; "));
        let text = String::from_utf8(bytes).map_err(|_| refused(format!("{} is not UTF-8 text", path.display())))?;
        let most = self.ceilings.get(&plugin.tenant).unwrap_or(&BOUNDLESS);
        let read = Sidecar::read(&path.display().to_string(), &text, &self.limits, most);
        read.map_err(|faults| refused(faults.to_string()))
    }

    fn path(&self, plugin: &PluginRef, extension: &str) -> PathBuf {
        self.folder.join(plugin.tenant.as_str()).join(format!("{}.{extension}", plugin.plugin))
    }
}

/// The content of the file that was seen as `seen`, if it's still that and stays it while it's read.
fn read(path: &Path, seen: Stamp, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    if seen.bytes > bytes_max {
        let path = path.display();
        return Err(Failure::Refused(format!(
            "{path} has {} bytes, more than plugins.file_max, {bytes_max}",
            seen.bytes
        )));
    }
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Moved,
        _ => Failure::Unreadable(format!("{} can't be read: {error}", path.display())),
    };
    let mut file = File::open(path).map_err(failed)?;
    let is_seen = |file: &File| Ok(Stamp::of(&file.metadata()?) == seen);
    if !is_seen(&file).map_err(failed)? {
        return Err(Failure::Moved);
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(seen.bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    match is_seen(&file).map_err(failed)? && bytes.len() as u64 == seen.bytes {
        true => Ok(bytes),
        false => Err(Failure::Moved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_was_seen_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("orders.wasm");
        fs::write(&path, "one").expect("written");
        let seen = Stamp::of(&fs::metadata(&path).expect("there"));
        assert_eq!(read(&path, seen, 10), Ok(b"one".to_vec()));
        assert!(matches!(read(&path, seen, 2), Err(Failure::Refused(why)) if why.contains("plugins.file_max")));
        fs::write(&path, "longer").expect("written");
        assert_eq!(read(&path, seen, 10), Err(Failure::Moved));
        fs::remove_file(&path).expect("removed");
        assert_eq!(read(&path, seen, 10), Err(Failure::Moved));
    }
}
