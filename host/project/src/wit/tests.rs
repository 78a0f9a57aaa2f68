//! Tests of the WIT folder: every provider with every set of imports is parsed from disk.

use std::path::Path;

use wit_parser::{WorldItem, WorldKey};

use super::*;
use crate::support::{BUILT_IN, built_in};

/// Returns the names of the imports and exports of a written folder.
fn world_of(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (resolve, world) = read(folder).expect("valid");
    let world = &resolve.worlds[world];
    let names = |items: Vec<(&WorldKey, &WorldItem)>| {
        items
            .into_iter()
            .map(|(key, _)| resolve.name_world_key(key))
            .collect()
    };
    (
        names(world.imports.iter().collect()),
        names(world.exports.iter().collect()),
    )
}

fn written(world: &World<'_>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("made");
    files(world)
        .expect("made")
        .write(folder.path())
        .expect("written");
    folder
}

#[test]
fn each_provider_and_import_set_is_valid() {
    let providers: Vec<_> = BUILT_IN.iter().map(|name| built_in(name)).collect();
    let untyped = None;
    for provider in providers.iter().map(Some).chain([untyped]) {
        for mask in 0..1_u32 << Capability::ALL.len() {
            let chosen = Capability::ALL.into_iter().enumerate();
            let imports: Imports = chosen
                .filter(|(bit, _)| mask & (1 << bit) != 0)
                .map(|(_, capability)| capability)
                .collect();
            let folder = written(&World {
                name: "decide",
                provider,
                imports: &imports,
            });

            let (found, exports) = world_of(folder.path());
            for capability in imports.iter() {
                for interface in interfaces(capability) {
                    assert!(
                        found.iter().any(|name| name == interface),
                        "{interface}: {found:?}"
                    );
                }
            }
            let handler = provider.map_or("hookyard:plugin", |provider| &provider.package);
            assert_eq!(exports.len(), 1, "{exports:?}");
            assert!(
                exports[0].starts_with(&format!("{handler}/handler@")),
                "{exports:?}"
            );
        }
    }
}

#[test]
fn typed_outgoing_events_are_imported() {
    let provider = built_in("topi-saas");
    let folder = written(&World {
        name: "decide",
        provider: Some(&provider),
        imports: &Imports::default(),
    });

    let (imports, _) = world_of(folder.path());
    assert!(
        imports.contains(&"topi-saas:webhooks/outgoing@1.0.0".to_owned()),
        "{imports:?}"
    );
    assert!(
        !imports.iter().any(|name| name.starts_with("wasi:")),
        "{imports:?}"
    );
    assert!(
        folder
            .path()
            .join("deps/topi-saas-webhooks/topi-saas.wit")
            .is_file()
    );
}

#[test]
fn own_provider_without_types_is_refused() {
    let refusal = |wit: &[(&str, &str)]| {
        let wit = wit
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let provider = ProviderFiles {
            name: "shopfront".to_owned(),
            package: "shopfront:webhooks".to_owned(),
            wit: wit.collect(),
            ..ProviderFiles::default()
        };
        let imports = Imports::default();
        let world = World {
            name: "decide",
            provider: Some(&provider),
            imports: &imports,
        };
        files(&world).expect_err("refused").to_string()
    };

    assert!(refusal(&[]).starts_with("the provider shopfront has no WIT file"));
    let no_handler = "package shopfront:webhooks; interface types {}";
    assert!(
        refusal(&[("a.wit", no_handler)]).starts_with("the provider shopfront has no WIT file")
    );
    let broken = refusal(&[("a.wit", "package shopfront:webhooks; interface {")]);
    assert!(
        broken.starts_with("shopfront: ") && broken.contains("a.wit:1:"),
        "{broken}"
    );
}

#[test]
fn keywords_can_be_names() {
    for name in ["type", "world", "interface", "use"] {
        written(&World {
            name,
            provider: None,
            imports: &Imports::default(),
        });
    }
}
