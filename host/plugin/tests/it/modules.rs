//! Core modules that become components when they are loaded, and what is refused or noted because
//! of the tools that made a file.

use hookyard_hostile::{Guest, good_module};
use hookyard_model::Outcome;
use hookyard_plugin::{HandlerKind, Limits, LoadedPlugin, revision_of};
use std::sync::Arc;

use crate::guests::ORDERS;
use crate::support::{engine, job, load_with, services};

/// Returns a custom section that names a tool.
fn made_by(tool: &str) -> String {
    let length = tool.len();
    format!("(@custom \"producers\" \"\\01\\0cprocessed-by\\01\\{length:02x}{tool}\\011\")")
}

fn refusal(bytes: &[u8]) -> String {
    let loaded = load_with(&engine(), bytes, Limits::default());
    let refusal = loaded.expect_err("it is refused").to_string();
    assert!(!refusal.contains('\n'), "{refusal}");
    refusal
}

#[tokio::test]
async fn core_module_runs_as_component() {
    let module = good_module();
    let loaded: Arc<LoadedPlugin> = load_with(&engine(), &module, Limits::default())
        .expect("it loads")
        .into();
    assert_eq!(loaded.revision(), revision_of(&module));
    assert_eq!(loaded.handlers(), [HandlerKind::Untyped]);
    assert!(loaded.notes().is_empty());
    loaded.start().expect("it starts");

    let result = loaded.rehearse(job(None, "{}"), services()).await;
    let result = result.expect("the host does not fail");
    assert_eq!(result.outcome, Outcome::Done);
    let lines: Vec<_> = result.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, [hookyard_hostile::MODULE_SAYS]);
}

#[test]
fn module_without_types_gets_advice_of_its_language() {
    for (tool, advice) in [
        ("rustc", "cargo build --target wasm32-wasip2"),
        ("Go cmd/compile", "wasm-tools component embed"),
        ("TinyGo", "tinygo build -target=wasip2"),
        ("clang", "plugin_component_type.o"),
        ("hookyard-sdk-zig", "plugin_component_type.o"),
        ("AssemblyScript", "--encoding utf16"),
        ("unheard-of", "hookyard build"),
    ] {
        let module = wat::parse_str(format!("(module {})", made_by(tool)));
        let refusal = refusal(&module.expect("the text is well-formed"));
        assert!(
            refusal.contains("is a core module without types") && refusal.contains(advice),
            "{tool}: {refusal}"
        );
    }
}

#[test]
fn async_component_gets_advice_of_its_language() {
    let built = |tool: &str| {
        let rest = format!("(core func (canon task.cancel)) {}", made_by(tool));
        let rest = rest.as_str();
        refusal(&Guest { rest, ..ORDERS }.build())
    };
    assert_eq!(
        built("componentize-qjs"),
        "plugin acme/orders uses async tasks, and this host runs components of WASI 0.2, without async; build it \
         again with `hookyard build`, or with `componentize-qjs --sync`"
    );
    assert!(built("rustc").ends_with("`cargo build --target wasm32-wasip2`, without async"));
}

#[test]
fn traps_that_tools_bring_are_noted() {
    let notes = |guest: Guest<'_>, tools: &[&str]| {
        let rest: String = tools.iter().map(|tool| made_by(tool)).collect();
        let rest = rest.as_str();
        let component = Guest { rest, ..guest }.build();
        let loaded = load_with(&engine(), &component, Limits::default()).expect("it loads");
        loaded.notes().to_vec()
    };
    let quickjs = notes(ORDERS, &["componentize-qjs"]);
    assert!(
        quickjs.len() == 1
            && quickjs[0].contains("(event.paid.amount, event.failed.amount)")
            && !quickjs[0].contains('\n'),
        "{quickjs:?}"
    );
    let go = notes(ORDERS, &["Go cmd/compile"]);
    assert!(go.len() == 1 && go[0].contains("SetGCPercent"), "{go:?}");

    let none: [String; 0] = [];
    assert_eq!(notes(ORDERS, &["rustc"]), none);
    assert_eq!(
        notes(hookyard_hostile::HARMLESS, &["componentize-qjs"]),
        none
    );
    for (tool, sdk) in [
        ("componentize-qjs", "hookyard-sdk-typescript"),
        ("Go cmd/compile", "hookyard-sdk-go"),
    ] {
        assert_eq!(
            notes(ORDERS, &[tool, sdk]),
            none,
            "the SDK guards against it"
        );
    }
}
