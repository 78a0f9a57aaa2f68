//! Provider folders: kinds of senders, as files. Those of this repository are compiled in; operators add their own.
//!
//! A provider is a folder with a `provider.toml`, its WIT and its samples. Only `provider.toml` is read when the host
//! runs. An operator's folder takes the place of a built-in provider of the same name.

mod outgoing;
mod read;
pub mod recipe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hookyard_plugin::{Contract, Contracts};
use hookyard_schemes::{Direction, Provider};
use include_dir::{Dir, include_dir};

use crate::document::Sink;
use crate::references::Surroundings;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit/providers");
const FILE: &str = "provider.toml";

/// The built-in providers and those in the operator's `folder`, by name. Faults go to `sink`.
pub fn all(
    folder: Option<&Path>,
    around: &Surroundings<'_>,
    sink: &Sink,
) -> BTreeMap<String, Arc<Provider>> {
    let mut providers = BTreeMap::new();
    for dir in BUILT_IN.dirs() {
        let name = dir.path().to_string_lossy();
        let text = dir
            .get_file(dir.path().join(FILE))
            .and_then(|file| file.contents_utf8());
        let provider = text.and_then(|text| {
            read::provider(&format!("{name}/{FILE} (built in)"), &name, text, sink)
        });
        providers.extend(provider.map(|provider| (provider.name.clone(), Arc::new(provider))));
    }
    if let Some(folder) = folder {
        let own: Vec<_> = operators(folder, around, sink)
            .into_iter()
            .map(Arc::new)
            .collect();
        // First all are in place: one that takes the place of a built-in provider has its package by right.
        providers.extend(
            own.iter()
                .map(|provider| (provider.name.clone(), Arc::clone(provider))),
        );
        for provider in &own {
            refuse_shared_package(
                provider,
                &providers,
                &folder.join(&provider.name).join(FILE),
                sink,
            );
        }
    }
    providers
}

fn refuse_shared_package(
    provider: &Provider,
    providers: &BTreeMap<String, Arc<Provider>>,
    file: &Path,
    sink: &Sink,
) {
    let shares =
        |other: &&Arc<Provider>| other.package == provider.package && other.name != provider.name;
    if let Some(other) = providers.values().find(shares) {
        let why = format!(
            "package: `{}` is the package of the provider {} as well, and by packages plugins tell providers apart; \
             give each its own",
            provider.package, other.name
        );
        sink.push_file(file.display(), why);
    }
}

fn operators(folder: &Path, around: &Surroundings<'_>, sink: &Sink) -> Vec<Provider> {
    let folders = match around.folders_in(folder) {
        Ok(folders) => folders,
        Err(error) => {
            sink.push_file(
                folder.display(),
                format_args!("the folder of providers can't be read: {error}"),
            );
            return Vec::new();
        }
    };
    let read = |folder: &Path| {
        let (name, file) = (folder.file_name()?.to_string_lossy(), folder.join(FILE));
        let text = around.text(&file);
        let text = text
            .map_err(|error| sink.push_file(file.display(), format_args!("can't be read: {error}")))
            .ok()?;
        read::provider(&file.display().to_string(), &name, &text, sink)
    };
    folders.iter().filter_map(|folder| read(folder)).collect()
}

/// What the providers' typed interfaces mean to plugins.
pub fn contracts(providers: &BTreeMap<String, Arc<Provider>>) -> Contracts {
    let contract = |provider: &Arc<Provider>| {
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
    };
    Contracts::new(providers.values().map(contract))
}
