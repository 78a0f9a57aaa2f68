//! The folder of the host under development: its configuration, store and plugin folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hookyard_develop::workbench::TENANT;
use uuid::Uuid;

/// The folder. It is removed when the value is dropped, unless the author keeps it.
pub(super) struct HostFolder {
    path: PathBuf,
    is_kept: bool,
}

impl HostFolder {
    /// Makes the folder that the author names, or a temporary one.
    pub(super) fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let path = match keep {
            Some(path) => path.to_owned(),
            None => std::env::temp_dir().join(format!("hookyard-dev-{}", Uuid::new_v4().simple())),
        };
        let folder = Self {
            is_kept: keep.is_some(),
            path,
        };

        hookyard_private::folder(&folder.path)
            .with_context(|| format!("cannot make the folder {}", folder.path.display()))?;
        let plugins = folder.plugins();
        fs::create_dir_all(&plugins)
            .with_context(|| format!("cannot make the folder {}", plugins.display()))?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the configuration.
    pub(super) fn configuration(&self) -> PathBuf {
        self.path.join("hookyard.toml")
    }

    /// Returns the folder of the tenant's plugins.
    fn plugins(&self) -> PathBuf {
        self.path.join("plugins").join(TENANT)
    }

    /// Writes the configuration. Returns whether it differs from the one before.
    pub(super) fn configure(&self, text: &str) -> anyhow::Result<bool> {
        let path = self.configuration();
        let is_new = fs::read_to_string(&path).is_ok_and(|before| before == text);
        if is_new {
            return Ok(false);
        }
        write_whole(&path, text.as_bytes())?;
        Ok(true)
    }

    /// Drops a plugin and its settings into the plugin folder.
    pub(super) fn install(&self, name: &str, code: &[u8], settings: &str) -> anyhow::Result<()> {
        let plugins = self.plugins();
        write_whole(&plugins.join(format!("{name}.toml")), settings.as_bytes())?;
        write_whole(&plugins.join(format!("{name}.wasm")), code)
    }
}

impl Drop for HostFolder {
    fn drop(&mut self) {
        if !self.is_kept {
            // The system removes what is left in its folder for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Writes a file so that no reader sees a part of it.
fn write_whole(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.new"));
    let written = fs::write(&unfinished, content).and_then(|()| fs::rename(&unfinished, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}
