use serde_json::Value;

use super::*;
use crate::imports::{Capability, Imports};
use crate::language::{Engine, Language};
use crate::manifest::Manifest;
use crate::support::{BUILT_IN, built_in};
use crate::wit::{self, World};

fn manifest(engine: Engine, imports: Imports) -> Manifest {
    Manifest {
        name: "decide".to_owned(),
        language: Language::TypeScript,
        engine: Some(engine),
        provider: None,
        imports,
        hookyard: "0.1.0".to_owned(),
        other: None,
    }
}

/// Returns the bindings of a plugin for a provider, or for bytes.
fn bindings(provider: Option<&str>, engine: Engine, imports: Imports) -> Files {
    let provider = provider.map(built_in);
    let world = World {
        name: "decide",
        provider: provider.as_ref(),
        imports: &imports,
    };
    let folder = tempfile::tempdir().expect("made");
    wit::files(&world)
        .and_then(|files| {
            files.write(folder.path()).expect("written");
            wit::read(folder.path())
        })
        .map(|(resolve, world)| {
            let manifest = manifest(engine, imports.clone());
            let input = Input {
                manifest: &manifest,
                resolve: &resolve,
                world,
            };
            files(&input).expect("bindings")
        })
        .expect("WIT")
}

/// Returns the bindings of a plugin whose package `shop:webhooks` has this handler.
fn of_handler(handler: &str) -> Result<Files, BuildError> {
    let folder = tempfile::tempdir().expect("made");
    let mut files = Files::default();
    files.add(
        "plugin.wit",
        "package plugin:decide;\nworld plugin { export shop:webhooks/handler; }",
    );
    files.add(
        "deps/shop/shop.wit",
        format!("package shop:webhooks;\ninterface handler {{ {handler} }}"),
    );
    files.write(folder.path()).expect("written");

    let (resolve, world) = wit::read(folder.path()).expect("WIT");
    let manifest = manifest(Engine::QuickJs, Imports::default());
    super::files(&Input {
        manifest: &manifest,
        resolve: &resolve,
        world,
    })
}

fn text<'a>(files: &'a Files, path: &str) -> &'a str {
    files.text(path).expect("a file of text")
}

#[test]
fn provider_becomes_types_and_functions() {
    let files = bindings(Some("topi-saas"), Engine::QuickJs, Imports::default());
    let types = text(&files, "topi-saas.d.ts");
    for expected in [
        "  /** An end user accepted an offer. */\n  | { tag: \"offer-accepted-by-user\"; val: AcceptedByUser }\n",
        "  | { tag: \"other\"; val: string };\n",
        "  /** The amount in minor units: 249900 is 2499.00. */\n  value: bigint;\n",
        "  title?: string | undefined;\n",
        "export declare function offerAccepted(payload: OfferAcceptedPayload, destination?: string | undefined): string;\n",
    ] {
        assert!(types.contains(expected), "{expected} is not in\n{types}");
    }

    let code = text(&files, "topi-saas.js");
    let call = "sendEvent(\"topi-saas:webhooks/outgoing\", \"offerAccepted\", [payload, destination], destination)";
    assert!(code.contains(call), "{code}");
}

#[test]
fn all_providers_have_bindings() {
    for name in BUILT_IN {
        for engine in [Engine::QuickJs, Engine::StarlingMonkey] {
            let files = bindings(Some(name), engine, Capability::ALL.into_iter().collect());
            let types = text(&files, &format!("{name}.d.ts"));
            assert!(types.contains("export type Event =\n"), "{types}");
        }
    }
}

#[test]
fn shapes_name_every_integer() {
    let files = bindings(Some("topi-saas"), Engine::QuickJs, Imports::default());
    let shapes: Value = serde_json::from_str(text(&files, "shapes.json")).expect("JSON");

    assert_eq!(shapes["engine"], "quickjs");
    assert_eq!(shapes["types"]["Money"]["record"]["value"], "s64");
    assert_eq!(
        shapes["types"]["Event"]["variant"]["offer-accepted-by-user"],
        "AcceptedByUser"
    );
    assert_eq!(
        shapes["types"]["OfferLine"]["record"]["title"]["option"],
        "string"
    );
}

#[test]
fn entry_gives_the_imports_of_the_world() {
    let imports = [Capability::Keyvalue, Capability::Http];
    let files = bindings(None, Engine::StarlingMonkey, imports.into_iter().collect());
    let entry = text(&files, "entry.js");
    for expected in [
        "from \"../src/handler.ts\";",
        "from \"wasi:keyvalue/store@0.2.0-draft2\";",
        "\"wasi:http/types\": import2",
        "from \"late:http/outgoing-handler@0.2.11\";",
        "from \"wasi:cli/exit@0.2.12\";",
    ] {
        assert!(entry.contains(expected), "{expected} is not in\n{entry}");
    }
    assert!(!entry.contains("wasi:config"), "{entry}");
}

#[test]
fn types_of_wit_become_types_of_typescript() {
    let handler = "\
        record delivery { attempt: u32 }\n\
        variant failure { reject(string) }\n\
        flags marks { first, second-mark }\n\
        enum color { red, light-blue }\n\
        record order { id: u64, color: color, marks: marks, pair: tuple<string, f64>, raw: list<u8>,\n\
          numbers: list<u32>, outcome: result<string, color>, deep: option<option<bool>> }\n\
        variant event { paid(order), ping }\n\
        handle: func(delivery: delivery, event: event) -> result<_, failure>;";
    let files = of_handler(handler).expect("bindings");
    let types = text(&files, "shop.d.ts");
    for expected in [
        "  id: bigint;\n",
        "export type Color =\n  | \"red\"\n  | \"light-blue\";\n",
        "  secondMark: boolean;\n",
        "  pair: [string, number];\n",
        "  raw: Uint8Array;\n",
        "  numbers: Array<number>;\n",
        "  outcome: { tag: \"ok\"; val: string } | { tag: \"err\"; val: Color };\n",
        "  deep?: { tag: \"some\"; val: boolean | undefined } | { tag: \"none\" };\n",
        "  | { tag: \"ping\"; val?: undefined };\n",
    ] {
        assert!(types.contains(expected), "{expected} is not in\n{types}");
    }
}

#[test]
fn unusable_handlers_are_refused() {
    for (handler, expected) in [
        (
            "run: func();",
            "shop:webhooks/handler is not a handler: it needs `handle:",
        ),
        (
            "variant event { a(future<string>) }\nhandle: func(delivery: string, event: event);",
            "an event contains the type `future`",
        ),
    ] {
        let error = of_handler(handler).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
