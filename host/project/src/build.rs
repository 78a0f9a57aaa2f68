//! Turns an author's folder into a component.
//!
//! [`build`] completes the folder, runs the compiler of its language, and does everything after it:
//! it adds the types of the world, makes a component, strips it, and adds fixtures and the names of
//! the tools. `build/<name>.wasm` is replaced only by a whole component.

mod c;
mod cpp;
mod error;
mod finish;
mod go;
mod javascript;
mod missing_import;
mod other;
mod python;
mod rust;
mod strip;
mod tool;
mod workshop;
mod zig;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bindings;
use crate::files::{self, Files, WriteError};
use crate::fixtures;
use crate::language::Language;
use crate::manifest::Manifest;
use crate::provider::ProviderFiles;
use crate::wit::{self, World};

pub use error::BuildError;
pub(crate) use tool::Tool;
pub use tool::find_program;
pub(crate) use workshop::{Output, Workshop};

/// The folder with the plugin's WIT.
const WIT: &str = "wit";
/// The folder of everything that a build writes.
const BUILD: &str = "build";

/// What a build needs beside the folder.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The provider that the manifest names. Only a folder without `wit/` needs it.
    pub provider: Option<ProviderFiles>,
}

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// How long the build took.
    pub duration: Duration,
}

/// Builds the plugin of a folder. `progress` receives lines for people.
///
/// # Errors
///
/// Returns [`BuildError`] if the folder is not complete, a tool is missing or fails, or the result
/// cannot be made a component. The component of an earlier build then stays.
pub fn build(
    folder: &Path,
    options: &BuildOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let start = Instant::now();
    let manifest = Manifest::read(folder)?;
    prepare(folder, &manifest, options, progress)?;

    let (resolve, world) = wit::read(&folder.join(WIT))?;
    let workshop = Workshop::new(folder, &manifest, (&resolve, world), progress);
    let bindings = bindings::files(&workshop.bindings_input())?;
    if bindings.renew(&folder.join(bindings::FOLDER))? {
        workshop.say("renewed gen/ from wit/");
    }
    workshop.make_build_folder()?;

    let output = compile(&workshop)?;
    let fixtures = fixtures::section(&folder.join(fixtures::FOLDER))?;
    let component = finish::component(&workshop, output, fixtures.as_deref())?;

    let path = folder.join(BUILD).join(format!("{}.wasm", manifest.name));
    files::write(&path, &component)?;
    Ok(Built {
        path,
        size: component.len() as u64,
        duration: start.elapsed(),
    })
}

/// Writes `wit/` and `fixtures/` if `wit/` is missing.
///
/// # Errors
///
/// Returns [`BuildError`] as [`build`] does.
pub fn prepare(
    folder: &Path,
    manifest: &Manifest,
    options: &BuildOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<(), BuildError> {
    if folder.join(WIT).is_dir() {
        return Ok(());
    }

    let provider = match &manifest.provider {
        None => None,
        Some(name) => {
            let given = options
                .provider
                .as_ref()
                .filter(|provider| provider.name == *name);
            Some(given.ok_or_else(|| BuildError::MissingProvider(name.clone()))?)
        }
    };
    let world = World {
        name: &manifest.name,
        provider,
        imports: &manifest.imports,
    };
    wit::files(&world)?.write(&folder.join(WIT))?;
    progress("wrote wit/");

    // A folder without WIT is an example of the repository, which shares its fixtures with the
    // other examples.
    let fixtures = folder.join(fixtures::FOLDER);
    if let Some(provider) = provider.filter(|_| !fixtures.exists()) {
        fixtures::first(manifest.language, provider)?.write(&fixtures)?;
        progress("wrote fixtures/");
    }
    Ok(())
}

/// Returns the files of `gen/` for a folder's manifest and WIT.
pub(crate) fn generated(manifest: &Manifest, wit: &Path) -> Result<Files, BuildError> {
    let (resolve, world) = wit::read(wit)?;
    bindings::files(&bindings::Input {
        manifest,
        resolve: &resolve,
        world,
    })
}

/// Runs the compiler of the language.
fn compile(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    match workshop.manifest.language {
        Language::Rust => rust::build(workshop),
        Language::TypeScript | Language::JavaScript => javascript::build(workshop),
        Language::Python => python::build(workshop),
        Language::Go => go::build(workshop),
        Language::C => c::build(workshop),
        Language::Cpp => cpp::build(workshop),
        Language::Zig => zig::build(workshop),
        Language::Other => other::build(workshop),
    }
}

impl Workshop<'_> {
    /// Makes the folder of the build's outputs.
    fn make_build_folder(&self) -> Result<(), WriteError> {
        std::fs::create_dir_all(&self.build).map_err(|source| WriteError {
            path: self.build.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests;
