//! The folder of an operator: `hookyard.toml`, secrets, the plugin folder and the store.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::guests::Guest;

/// The folder of one host.
pub struct Site {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    // Kept because dropping this value removes the folder.
    _temporary: Option<TempDir>,
}

impl Site {
    /// Creates a new folder, which is removed when the value is dropped.
    pub fn temporary() -> Result<Self> {
        let temporary = tempfile::Builder::new()
            .prefix("hookyard-")
            .tempdir()
            .context("no temporary folder")?;
        // The host reports real paths, and on some systems the temporary folder is a symbolic link.
        let folder = temporary.path().canonicalize()?;
        Self::laid_out(folder, Some(temporary))
    }

    /// Uses this folder, empties it first, and keeps it afterwards. Refuses a folder that was not a
    /// site before.
    pub fn at(folder: &Path) -> Result<Self> {
        let is_site = folder.join("hookyard.toml").is_file();
        let is_empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
        ensure!(
            is_site || is_empty,
            "{} has files in it that are not ours; name another folder",
            folder.display()
        );
        if is_site {
            fs::remove_dir_all(folder)
                .with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be created", folder.display()))?;
        Self::laid_out(folder.canonicalize()?, None)
    }

    fn laid_out(folder: PathBuf, temporary: Option<TempDir>) -> Result<Self> {
        fs::create_dir_all(folder.join("plugins"))?;
        // Marks the folder as a site, even if nothing is configured later.
        fs::write(folder.join("hookyard.toml"), "")?;
        Ok(Self {
            folder,
            environment: Vec::new(),
            _temporary: temporary,
        })
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the path of the configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("hookyard.toml")
    }

    /// Returns the host's additional environment variables.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Adds an environment variable for the host.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// Writes a file atomically: under another name first, then renamed.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.path(name);
        let parent = path.parent().context("a file is in a folder")?;
        fs::create_dir_all(parent)?;
        let aside = self.path(&format!(".aside-{}", uuid::Uuid::new_v4()));
        fs::write(&aside, content)
            .with_context(|| format!("{} cannot be written", aside.display()))?;
        fs::rename(&aside, &path)
            .with_context(|| format!("{} cannot be put in its place", path.display()))?;
        Ok(path)
    }

    /// Writes `hookyard.toml`.
    pub fn configure(&self, config: &Config) -> Result<()> {
        self.write("hookyard.toml", config.text()).map(drop)
    }

    /// Returns the path of the plugin `tenant/name`.
    pub fn plugin_file(&self, plugin: &str) -> PathBuf {
        self.path(&format!("plugins/{plugin}.wasm"))
    }

    /// Adds a plugin, or replaces the existing one by renaming.
    pub fn install(&self, plugin: &str, guest: &Guest) -> Result<()> {
        self.write(&format!("plugins/{plugin}.wasm"), guest.bytes())
            .map(drop)
    }

    /// Removes a plugin.
    pub fn uninstall(&self, plugin: &str) -> Result<()> {
        fs::remove_file(self.plugin_file(plugin))
            .with_context(|| format!("{plugin} cannot be removed"))
    }
}

/// The text of a `hookyard.toml`. Sections are given as text.
#[derive(Debug, Clone, Default)]
pub struct Config {
    top_level: Vec<String>,
    ingress: Vec<String>,
    folder: Option<String>,
    plugins: Vec<String>,
    rest: Vec<String>,
}

impl Config {
    /// Creates the configuration that all tests use: a free loopback port, the embedded store, the
    /// folder `plugins`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line before the first table.
    #[must_use]
    pub fn top_level(mut self, line: &str) -> Self {
        self.top_level.push(line.into());
        self
    }

    /// Adds a line to `[ingress]`.
    #[must_use]
    pub fn ingress(mut self, line: &str) -> Self {
        self.ingress.push(line.into());
        self
    }

    /// Adds a line to `[plugins]`, or replaces the line with the same key.
    #[must_use]
    pub fn plugins(mut self, line: &str) -> Self {
        let key = |line: &str| line.split('=').next().map(|key| key.trim().to_owned());
        self.plugins.retain(|earlier| key(earlier) != key(line));
        self.plugins.push(line.into());
        self
    }

    /// Uses another folder than `plugins`.
    #[must_use]
    pub fn plugins_folder(mut self, folder: &str) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Adds a source with these lines.
    #[must_use]
    pub fn source(self, path: &str, lines: &str) -> Self {
        let (tenant, source) = path.split_once('/').expect("tenant/source");
        self.section(&format!("tenants.{tenant}.sources.{source}"), lines)
    }

    /// Adds another section.
    #[must_use]
    pub fn section(mut self, name: &str, lines: &str) -> Self {
        self.rest.push(format!("\n[{name}]\n{lines}\n"));
        self
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        let mut ingress = self.ingress.join("\n");
        if !ingress.contains("listen") {
            ingress = format!("listen = \"127.0.0.1:0\"\n{ingress}");
        }
        let folder = self.folder.as_deref().unwrap_or("plugins");
        let (plugins, rest) = (self.plugins.join("\n"), self.rest.concat());
        let top_level = self.top_level.join("\n");
        let store = "url = \"sqlite:data/hookyard.db\"";
        // A test can override these defaults. The servers of tests are on this machine, and several
        // hosts run at the same time.
        let unless_configured = |table: &str, line: &str| {
            if rest.contains(&format!("[{table}]")) {
                String::new()
            } else {
                format!("[{table}]\n{line}\n\n")
            }
        };
        let admin = unless_configured("admin", "listen = \"127.0.0.1:0\"");
        let egress = unless_configured("egress", "addresses = [\"127.0.0.0/8\"]");
        format!(
            "{top_level}\n{admin}[ingress]\n{ingress}\n\n[store]\n{store}\n\n{egress}\
             [plugins]\nfolder = \"{folder}\"\n{plugins}\n{rest}"
        )
    }
}
