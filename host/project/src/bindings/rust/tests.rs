//! Tests of the text. `tests/languages` compiles and runs it.

use crate::bindings::{Input, files};
use crate::imports::{Capability, Imports};
use crate::language::Language;
use crate::manifest::Manifest;
use crate::support::built_in;
use crate::wit::{self, World};

fn bindings(provider: Option<&str>, imports: Imports) -> String {
    let folder = tempfile::tempdir().expect("made");
    let provider = provider.map(built_in);
    let world = World {
        name: "decide",
        provider: provider.as_ref(),
        imports: &imports,
    };
    wit::files(&world)
        .expect("valid")
        .write(folder.path())
        .expect("written");
    let (resolve, world) = wit::read(folder.path()).expect("valid");

    let manifest = Manifest {
        name: "decide".to_owned(),
        language: Language::Rust,
        engine: None,
        provider: None,
        imports,
        hookyard: "0.1.0".to_owned(),
        other: None,
    };
    let files = files(&Input {
        manifest: &manifest,
        resolve: &resolve,
        world,
    })
    .expect("made");
    assert!(
        files.text("sdk/src/lib.rs").is_some(),
        "the SDK is beside the bindings"
    );
    files.text("webhooks.rs").expect("written").to_owned()
}

#[test]
fn typed_events_have_short_paths() {
    let text = bindings(
        Some("topi-saas"),
        [Capability::Keyvalue].into_iter().collect(),
    );

    for expected in [
        "\"wasi:keyvalue/store@0.2.0-draft2\": hookyard::raw::wasi::keyvalue::store,",
        "pub use raw::topi_saas::webhooks::types::*;",
        "pub fn offer_declined(\n        payload: &OfferDeclinedPayload,",
        "super::raw::topi_saas::webhooks::outgoing::offer_declined(payload, destination)",
        "impl Decode for super::raw::topi_saas::webhooks::types::Money {",
        "offer_lines: json.field(\"offer-lines\")?,",
        "json.case(&[\"offer-accepted-by-user\", \"other\"])?",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn untyped_handler_receives_message() {
    let text = bindings(None, Imports::default());
    assert!(
        text.contains("message: $crate::webhooks::Message,"),
        "{text}"
    );
}

#[test]
fn keywords_have_an_underscore() {
    let text = bindings(Some("topper"), Imports::default());
    assert!(text.contains("type_: json.field(\"type\")?,"), "{text}");
}
