//! Provider folders: kinds of senders, described by files.
//!
//! A provider is a folder with a `provider.toml`, WIT files and samples. The host reads only
//! `provider.toml`. The providers of this repository are compiled in. Operators add their own; an
//! operator's provider replaces a built-in one of the same name.

pub(crate) mod answer;
mod event_rules;
mod handshake;
mod http_signatures;
pub(crate) mod jwt;
mod outgoing;
pub(crate) mod read;
mod samples;
pub mod recipe;
pub mod source;
pub mod value;
mod verifier;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hookyard_plugin::{Contract, Contracts};
use hookyard_schemes::{Direction, Provider};
use include_dir::{Dir, include_dir};

use crate::document::{Fault, Sink};
use crate::references::Resolver;
use crate::tenant::Providers;

pub(crate) use jwt::texts;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit/providers");
const FILE: &str = "provider.toml";

/// Returns the built-in providers and those in the operator's `folder`. Faults go to `sink`.
pub fn all(folder: Option<&Path>, resolver: &Resolver<'_>, sink: &Sink) -> Providers {
    let mut providers = built_in(sink);

    if let Some(folder) = folder {
        let own = in_folder(folder, resolver, sink);
        // All providers are added before the packages are compared, because an operator's provider
        // may have the package of the built-in provider that it replaces.
        for provider in &own {
            let replaced = providers.insert(provider.name.clone(), Arc::clone(provider));
            if replaced.is_some() {
                advise_of_replacement(provider, folder, sink);
            }
        }
        for provider in &own {
            let file = folder.join(&provider.name).join(FILE);
            refuse_shared_package(provider, &providers, &file, sink);
        }
    }
    providers
}

fn built_in(sink: &Sink) -> Providers {
    let mut providers = Providers::new();
    for dir in BUILT_IN.dirs() {
        let name = dir.path().to_string_lossy();
        let provider = built_in_text(&name).and_then(|text| {
            read::provider(&format!("{name}/{FILE} (built in)"), &name, text, sink)
        });
        providers.extend(provider.map(|provider| (provider.name.clone(), Arc::new(provider))));
    }
    providers
}

/// Returns the `provider.toml` of a built-in provider.
pub(crate) fn built_in_text(name: &str) -> Option<&'static str> {
    let file = BUILT_IN.get_file(Path::new(name).join(FILE))?;
    file.contents_utf8()
}

/// Reads the operator's providers, one for each folder in `folder`.
fn in_folder(folder: &Path, resolver: &Resolver<'_>, sink: &Sink) -> Vec<Arc<Provider>> {
    let folders = match resolver.folders_in(folder) {
        Ok(folders) => folders,
        Err(error) => {
            let message = format_args!("the folder of providers cannot be read: {error}");
            sink.push_file(folder.display(), message);
            return Vec::new();
        }
    };

    let mut providers = Vec::new();
    for folder in folders {
        let Some(name) = folder.file_name() else {
            continue;
        };
        let file = folder.join(FILE);
        match resolver.text(&file) {
            Ok(text) => {
                let path = file.display().to_string();
                let provider = read::provider(&path, &name.to_string_lossy(), &text, sink);
                providers.extend(provider.map(|mut provider| {
                    if let Some(rule) = &mut provider.scheme.verifier {
                        rule.component = folder.join(&rule.component);
                    }
                    samples::advise(&provider, &folder, resolver, sink);
                    Arc::new(provider)
                }));
            }
            Err(error) => {
                sink.push_file(file.display(), format_args!("cannot be read: {error}"));
            }
        }
    }
    providers
}

/// Says which of two providers of one name counts.
fn advise_of_replacement(provider: &Provider, folder: &Path, sink: &Sink) {
    let name = &provider.name;
    sink.push_advice(|| Fault {
        file: folder.join(name).join(FILE).display().to_string(),
        line: None,
        path: "name".to_owned(),
        message: format!(
            "replaces the built-in provider {name}, because a folder of yours counts before a \
             built-in one; give the folder and the provider another name to have both"
        ),
    });
}

fn refuse_shared_package(provider: &Provider, providers: &Providers, file: &Path, sink: &Sink) {
    let other = providers
        .values()
        .find(|other| other.package == provider.package && other.name != provider.name);
    let Some(other) = other else {
        return;
    };

    let message = format_args!(
        "package: `{}` is also the package of the provider {}, and plugins identify providers by \
         their package; give each provider its own package",
        provider.package, other.name
    );
    sink.push_file(file.display(), message);
}

/// Returns the typed interfaces of the providers, for plugins.
pub fn contracts(providers: &BTreeMap<String, Arc<Provider>>) -> Contracts {
    Contracts::new(providers.values().map(|provider| contract(provider)))
}

fn contract(provider: &Provider) -> Contract {
    let incoming = provider
        .events
        .iter()
        .filter(|(_, event)| event.direction == Direction::Incoming);
    Contract {
        provider: provider.name.clone(),
        package: provider.package.clone(),
        versions: provider.versions.clone(),
        content: provider.content.as_str().to_owned(),
        cases: incoming
            .map(|(name, event)| (name.clone(), event.case.clone()))
            .collect(),
        outgoing: provider.outgoing.clone(),
    }
}
