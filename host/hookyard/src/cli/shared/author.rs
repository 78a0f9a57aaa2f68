//! What the commands for authors of plugins have in common: the folder of a plugin or a component,
//! and the engine and the providers to run it with.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use hookyard_config::document::{Sink, unknown};
use hookyard_config::files;
use hookyard_config::references::Resolver;
use hookyard_config::settings::Plugins;
use hookyard_config::{self as config, providers};
use hookyard_develop::send::Sample;
use hookyard_develop::workbench::{Providers, Workbench};
use hookyard_project::{BuildError, Built, Manifest};
use hookyard_schemes::Provider;

use super::report;
use crate::cli::Failure;
use crate::engine;

/// The file in a plugin's folder with the settings that a plugin gets from `dev` and `test`.
const SETTINGS: &str = "dev.toml";

/// The plugin that a command works with.
pub(crate) enum Target {
    /// The folder of an author, with a manifest.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The name of the plugin.
        name: String,
    },
    /// A component file.
    Component {
        /// The file.
        file: PathBuf,
        /// The name of the plugin.
        name: String,
    },
}

/// The text of a plugin's settings file.
pub(crate) struct SettingsText {
    /// The path of the file, which may not exist.
    pub(crate) path: PathBuf,
    /// The text, empty if there is no file.
    pub(crate) text: String,
}

impl Target {
    /// Returns what a path on the command line means.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let metadata =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            let folder = if path.join(Manifest::FILE).is_file() {
                path.to_owned()
            } else {
                Manifest::find(path).map_err(|error| report::report(&error))?
            };
            let manifest = Manifest::read(&folder).map_err(|error| report::report(&error))?;
            return Ok(Self::Folder {
                name: manifest.name,
                folder,
            });
        }

        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self::Component {
            file: path.to_owned(),
            name: name.into_owned(),
        })
    }

    /// Returns the name of the plugin.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Folder { name, .. } | Self::Component { name, .. } => name,
        }
    }

    /// Returns the path of the component.
    pub(crate) fn component(&self) -> PathBuf {
        match self {
            Self::Folder { folder, name } => folder.join("build").join(format!("{name}.wasm")),
            Self::Component { file, .. } => file.clone(),
        }
    }

    /// Returns the folder of the fixtures.
    pub(crate) fn fixtures(&self) -> PathBuf {
        match self {
            Self::Folder { folder, .. } => folder.join("fixtures"),
            Self::Component { file, .. } => file.with_extension("fixtures"),
        }
    }

    /// Reads the component.
    pub(crate) fn code(&self) -> Result<Vec<u8>, Failure> {
        let path = self.component();
        let owner = path.parent().filter(|it| !it.as_os_str().is_empty());
        let read = files::read(
            owner.unwrap_or(Path::new(".")),
            &path,
            Plugins::default().file_max,
        );

        match (read, self) {
            (Ok(content), _) => Ok(content.bytes),
            (Err(error), Self::Folder { .. }) if error.kind() == io::ErrorKind::NotFound => {
                let path = path.display();
                Err(anyhow!("there is no {path} yet; run without --no-build").into())
            }
            (Err(error), _) => {
                let context = format!("cannot read {}", path.display());
                Err(anyhow::Error::from(error).context(context).into())
            }
        }
    }

    /// Reads the settings: `dev.toml` in the folder, or the settings file next to the component.
    pub(crate) fn settings(&self) -> Result<SettingsText, Failure> {
        let path = match self {
            Self::Folder { folder, .. } => folder.join(SETTINGS),
            Self::Component { file, .. } => file.with_extension("toml"),
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(SettingsText { path, text }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SettingsText {
                path,
                text: String::new(),
            }),
            Err(error) => {
                let context = format!("cannot read {}", path.display());
                Err(anyhow::Error::from(error).context(context).into())
            }
        }
    }
}

/// Builds the plugin of a folder. `progress` receives lines for people. Blocks.
///
/// `path` is the path of the configuration, which may name a folder of providers.
pub(crate) fn build(
    folder: &Path,
    path: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, BuildFailure> {
    let manifest = Manifest::read(folder).map_err(|error| BuildFailure::Build(error.into()))?;
    let options = crate::cli::build::options(path, folder, &manifest)?;

    hookyard_project::build::build(folder, &options, progress).map_err(BuildFailure::Build)
}

/// Why a plugin was not built.
pub(crate) enum BuildFailure {
    /// The build itself failed.
    Build(BuildError),
    /// The command failed before.
    Command(Failure),
}

impl From<Failure> for BuildFailure {
    fn from(failure: Failure) -> Self {
        Self::Command(failure)
    }
}

impl From<BuildFailure> for Failure {
    fn from(failure: BuildFailure) -> Self {
        match failure {
            BuildFailure::Build(error) => report::report(&error),
            BuildFailure::Command(failure) => failure,
        }
    }
}

/// Returns an engine for a command of an author, and the providers of the configuration at `path`.
pub(crate) fn workbench(path: &Path) -> Result<Arc<Workbench>, Failure> {
    Ok(Arc::new(Workbench {
        engine: engine::author_engine().context("cannot run plugins")?,
        providers: providers_of(path)?,
    }))
}

/// Returns the providers of the configuration at `path`. Without a configuration, these are the
/// built-in ones.
pub(crate) fn providers_of(path: &Path) -> Result<Providers, Failure> {
    if path.exists() {
        return Ok(Arc::new(config::read(path).result?.providers));
    }

    let sink = Sink::default();
    let providers = providers::all(None, &Resolver::of_process(path), &sink);
    Ok(Arc::new(sink.into_result(Some(providers))?))
}

/// Returns the provider with this name.
pub(crate) fn provider(providers: &Providers, name: &str) -> Result<Arc<Provider>, Failure> {
    let known = providers.keys().map(String::as_str);
    providers
        .get(name)
        .map(Arc::clone)
        .ok_or_else(|| Failure::Arguments(unknown("provider", name, known)))
}

/// Returns the samples of a provider.
pub(crate) fn samples(path: &Path, provider: &Provider) -> Result<Vec<Sample>, Failure> {
    let files = super::provider::find(path, &provider.name)?.samples;
    let samples = files.into_iter();
    Ok(samples
        .map(|sample| Sample::new(provider, sample.name, sample.body, sample.is_form))
        .collect())
}
