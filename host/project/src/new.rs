//! Makes the folder of a new plugin from the compiled-in templates.
//!
//! The folder is written beside its final place and renamed when it is complete, so a failure
//! leaves nothing behind.

use std::path::{Path, PathBuf};
use std::{fs, io, process};

use crate::VERSION;
use crate::bindings;
use crate::build::{self, BuildError};
use crate::files::{Files, WriteError};
use crate::fixtures;
use crate::imports::Imports;
use crate::language::{Engine, Language};
use crate::manifest::{self, InvalidName, Manifest};
use crate::provider::ProviderFiles;
use crate::template::{self, Kind, Values};
use crate::wit::{self, Shape, WitError, World};

/// The name in templates that stands for the name of the plugin.
const PLACEHOLDER: &str = "decide";

/// The configuration with which the commands find the provider in the folder of the plugin.
const PROVIDERS: &str = "\
# The commands read this file when they run here. `providers` is a copy of the operator's provider.
[providers]
folder = \"providers\"
";

/// What a new plugin is made from.
#[derive(Debug, Clone)]
pub struct NewPlugin {
    /// The name of the plugin and of its folder.
    pub name: String,
    /// The language of the sources.
    pub language: Language,
    /// The JavaScript engine; `None` for the default.
    pub engine: Option<Engine>,
    /// The provider of the events and of the samples that become fixtures.
    pub provider: Option<ProviderFiles>,
    /// Whether the handler receives bytes although there is a provider.
    pub is_untyped: bool,
    /// Capabilities beside the ones that the template uses.
    pub imports: Imports,
}

/// A folder that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The folder.
    pub folder: PathBuf,
    /// The next commands.
    pub next: [String; 3],
}

/// Why a folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The folder exists.
    #[error("{} exists; choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// A typed handler needs a provider.
    #[error("a typed handler needs a provider: add --provider, or --untyped for raw bytes")]
    NoProvider,
    /// Only JavaScript and TypeScript have engines.
    #[error("{} has no choice of engines; leave out --engine", .0.title())]
    NoEngine(Language),
    /// A template has a fault, or does not fit the provider.
    #[error("the template {path}: {fault}")]
    Template {
        /// The file.
        path: String,
        /// The fault.
        fault: String,
    },
    /// The provider's WIT cannot be used.
    #[error(transparent)]
    Wit(#[from] WitError),
    /// The bindings cannot be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] WriteError),
}

/// Makes the folder of a new plugin in `parent`.
///
/// # Errors
///
/// Returns [`NewError`], and leaves nothing behind.
pub fn new(parent: &Path, plugin: &NewPlugin) -> Result<Created, NewError> {
    manifest::check_name(&plugin.name)?;
    if plugin.engine.is_some() && !plugin.language.has_engine() {
        return Err(NewError::NoEngine(plugin.language));
    }
    let folder = parent.join(&plugin.name);
    if folder.symlink_metadata().is_ok() {
        return Err(NewError::Exists(folder));
    }

    let draft = parent.join(format!(".{}.{}", plugin.name, process::id()));
    let written = write(&draft, plugin).and_then(|()| rename(&draft, &folder));
    if written.is_err() {
        // The first error is the one to report.
        fs::remove_dir_all(&draft).ok();
    }
    written?;
    Ok(Created {
        folder,
        next: [
            format!("cd {}", plugin.name),
            "hookyard build".to_owned(),
            "hookyard dev".to_owned(),
        ],
    })
}

fn rename(draft: &Path, folder: &Path) -> Result<(), NewError> {
    fs::rename(draft, folder).map_err(|source| {
        if source.kind() == io::ErrorKind::DirectoryNotEmpty {
            return NewError::Exists(folder.to_owned());
        }
        WriteError {
            path: folder.to_owned(),
            source,
        }
        .into()
    })
}

/// Writes the whole folder.
fn write(folder: &Path, plugin: &NewPlugin) -> Result<(), NewError> {
    let sources = Sources::of(plugin)?;
    let manifest = sources.manifest(plugin);
    let provider = plugin.provider.as_ref();

    let world = World {
        name: &plugin.name,
        provider: provider.filter(|_| !plugin.is_untyped),
        imports: &manifest.imports,
    };
    let mut files = sources.files;
    files.add(Manifest::FILE, manifest.to_string());
    files.add_below("wit", wit::files(&world)?);
    files.add_below(
        fixtures::FOLDER,
        fixtures(sources.kind, provider, &sources.cases),
    );
    if let Some((provider, own)) = provider.and_then(|it| Some((it, it.own.clone()?))) {
        files.add_below(&format!("providers/{}", provider.name), own);
        files.add("hookyard.toml", PROVIDERS);
    }
    files.write(folder)?;

    let bindings = build::generated(&manifest, &folder.join("wit"))?;
    bindings.write(&folder.join(bindings::FOLDER))?;
    Ok(())
}

fn fixtures(kind: Kind, provider: Option<&ProviderFiles>, cases: &[template::Case]) -> Files {
    match (kind, provider) {
        (Kind::Example, _) => fixtures::of_example(),
        (_, Some(provider)) => fixtures::of_samples(provider, cases),
        (_, None) => Files::default(),
    }
}

/// The author's own files.
struct Sources {
    kind: Kind,
    files: Files,
    /// The manifest of the template.
    manifest: Manifest,
    /// The cases of the typed handler.
    cases: Vec<template::Case>,
}

impl Sources {
    fn of(plugin: &NewPlugin) -> Result<Self, NewError> {
        let example = template::provider_of_example(plugin.language);
        let provider = plugin.provider.as_ref();
        let kind = match provider {
            _ if plugin.is_untyped => Kind::Untyped,
            None => return Err(NewError::NoProvider),
            Some(provider) if example.as_ref() == Some(&provider.name) => Kind::Example,
            Some(_) => Kind::Typed,
        };

        let mut files = template::files(plugin.language, kind);
        let manifest = template_manifest(&files, plugin.language)?;
        let mut cases = Vec::new();
        if let (Kind::Typed, Some(provider)) = (kind, provider) {
            let shape = Shape::of(provider)?;
            cases.clone_from(&shape.cases);
            files = filled(&files, plugin.language, &values(provider, shape))?;
        }
        if plugin.engine == Some(Engine::StarlingMonkey) {
            files.extend(template::below(&format!(
                "examples/templates/{}/starling",
                plugin.language
            )));
        }
        Ok(Self {
            kind,
            files: renamed(&files, &plugin.name),
            manifest,
            cases,
        })
    }

    fn manifest(&self, plugin: &NewPlugin) -> Manifest {
        let provider = plugin.provider.as_ref().filter(|_| !plugin.is_untyped);
        Manifest {
            name: plugin.name.clone(),
            language: plugin.language,
            engine: plugin.engine.or(self.manifest.engine),
            provider: provider.map(|provider| provider.name.clone()),
            imports: self
                .manifest
                .imports
                .iter()
                .chain(plugin.imports.iter())
                .collect(),
            hookyard: VERSION.to_owned(),
            other: None,
        }
    }
}

fn template_manifest(files: &Files, language: Language) -> Result<Manifest, NewError> {
    let text = files
        .text(Manifest::FILE)
        .ok_or(BuildError::Unsupported(language))?;
    Manifest::parse(text).map_err(|fault| NewError::Template {
        path: format!("examples/{language}"),
        fault,
    })
}

fn values(provider: &ProviderFiles, shape: Shape) -> Values {
    let has_other = shape
        .cases
        .iter()
        .any(|case| case.name == "other" && case.has_payload);
    let mut cases = shape.cases;
    cases.retain(|case| case.name != "other");
    Values {
        provider: provider.name.clone(),
        package: provider.package.clone(),
        version: shape.version.unwrap_or_default(),
        cases,
        has_other,
    }
}

/// Fills in the placeholders of a template. The example's own files have none.
fn filled(files: &Files, language: Language, values: &Values) -> Result<Files, NewError> {
    let own = template::below(&format!("examples/templates/{language}/typed"));
    let mut filled = Files::default();
    for (path, content) in files.iter() {
        let text = str::from_utf8(content)
            .ok()
            .filter(|_| own.get(path).is_some());
        let Some(text) = text else {
            filled.add(path, content);
            continue;
        };
        let text = template::fill(text, values).map_err(|fault| NewError::Template {
            path: path.to_owned(),
            fault,
        })?;
        filled.add(path, text);
    }
    Ok(filled)
}

/// Replaces the placeholder of the name, in paths and in texts.
fn renamed(files: &Files, name: &str) -> Files {
    let files = files.iter().map(|(path, content)| {
        let path = with_name(path, name);
        let content = str::from_utf8(content).map_or_else(
            |_| content.to_vec(),
            |text| with_name(text, name).into_bytes(),
        );
        (path, content)
    });
    files.collect()
}

/// Replaces the placeholder where it is a whole word.
fn with_name(text: &str, name: &str) -> String {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut output = String::with_capacity(text.len());
    let mut rest = text;

    while let Some((before, after)) = rest.split_once(PLACEHOLDER) {
        let begins = !output.ends_with(is_word) || !before.is_empty();
        let is_whole = begins && !before.ends_with(is_word) && !after.starts_with(is_word);
        output.push_str(before);
        output.push_str(if is_whole { name } else { PLACEHOLDER });
        rest = after;
    }
    output.push_str(rest);
    output
}

#[cfg(test)]
mod tests;
