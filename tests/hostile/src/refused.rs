//! Files that must not be loaded, each refused in one line.

use crate::guest::{Guest, HARMLESS};
use crate::module::{leb128, typed_module};

/// A file that the host must refuse.
#[derive(Debug, Clone)]
pub struct RefusedFile {
    /// The name of the file, which is also a valid name of a plugin.
    pub name: &'static str,
    /// The content of the file.
    pub file: Vec<u8>,
    /// A part of the refusal.
    pub says: &'static str,
}

/// Returns all files that the host must refuse, except the truncated components.
pub fn refused() -> Vec<RefusedFile> {
    let text = |text: &str| wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let refused = |name, says, file| RefusedFile { name, file, says };
    vec![
        refused(
            "core-module",
            "core module",
            text(r#"(module (memory (export "memory") 1))"#),
        ),
        refused(
            "module-without-handler",
            "cannot be made a component",
            typed_module(
                "package a:b; interface i { f: func(); } world w { export i; }",
                "",
                "",
            ),
        ),
        refused(
            "module-with-unknown-import",
            "cannot be made a component",
            typed_module(
                "package a:b; world w {}",
                "(import \"env\" \"f\" (func))",
                "",
            ),
        ),
        refused(
            "module-with-garbage-types",
            "cannot be made a component",
            text(r#"(module (@custom "component-type:plugin" "\00asm garbage"))"#),
        ),
        refused(
            "module-with-doubling-types",
            "cannot be made a component",
            typed_module(&doubling_types(40), "", ""),
        ),
        refused("empty-component", "exports no handler", text("(component)")),
        refused(
            "hundreds-of-imports",
            "never granted",
            text(&format!("(component {})", imports(900))),
        ),
        refused(
            "thousands-of-imports",
            "never granted",
            text(&format!("(component {})", imports(5_000))),
        ),
        refused("nested-components", "deep", nested(100_000)),
        refused("nested-types", "too deep", text(&nested_types(5_000))),
        refused("laughing-components", "instances", text(&laughing(40))),
        refused("huge-memory", "memory", memory()),
        refused(
            "garbage",
            "not a WebAssembly component",
            (0..4096_u32).map(|n| ((n * 7919) >> 3) as u8).collect(),
        ),
        refused(
            "garbage-within",
            "not a component that this host can compile",
            garbage_within(),
        ),
    ]
}

/// Returns guests that fail at their start.
pub fn unstartable() -> Vec<RefusedFile> {
    let refused = |name, says, code: &str| {
        let core = format!("(func $start {code}) (start $start)");
        RefusedFile {
            name,
            file: Guest {
                core: &core,
                ..HARMLESS
            }
            .build(),
            says,
        }
    };
    vec![
        refused(
            "trap-at-start",
            "cannot be started: trapped: wasm `unreachable` instruction executed",
            "unreachable",
        ),
        refused(
            "loop-at-start",
            "cannot be started: timed-out: used up ",
            "(loop $again (br $again))",
        ),
        refused(
            "memory-at-start",
            "cannot be started: out-of-memory: used up memory_max",
            MEMORY_AT_START,
        ),
        instance_bomb(),
    ]
}

/// Returns a component with sixteen copies of a component that has sixteen instances.
fn instance_bomb() -> RefusedFile {
    let sixteen = "(core instance (instantiate $tiny))".repeat(16);
    let inner = format!("(component $many (core module $tiny) {sixteen})");
    let outer = "(instance (instantiate $many))".repeat(16);
    let file = Guest {
        rest: &(inner + &outer),
        ..HARMLESS
    }
    .build();
    RefusedFile {
        name: "instance-bomb",
        file,
        says: "cannot be started: exceeded: used up instances_max",
    }
}

/// Core code that requests a gigabyte and traps without it.
const MEMORY_AT_START: &str =
    "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))";

/// Returns a good component, cut off at each hundredth of its length.
pub fn truncated() -> Vec<Vec<u8>> {
    let whole = crate::good();
    (1..100)
        .map(|percent| whole[..whole.len() * percent / 100].to_vec())
        .collect()
}

fn imports(count: usize) -> String {
    (0..count)
        .map(|n| {
            format!("(import \"nobody:knows/this-{n}@1.0.0\" (instance (export \"f\" (func))))")
        })
        .collect()
}

/// Returns components that are nested this deep.
fn nested(depth: usize) -> Vec<u8> {
    const PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const COMPONENT_SECTION: u8 = 4;
    // The bytes are built backwards from the innermost component, so that the length of each
    // component is known when its header is written.
    let mut backwards: Vec<u8> = PREAMBLE.iter().rev().copied().collect();
    for _ in 0..depth {
        let length = leb128(backwards.len());
        backwards.extend(length.iter().rev());
        backwards.push(COMPONENT_SECTION);
        backwards.extend(PREAMBLE.iter().rev());
    }
    backwards.reverse();
    backwards
}

/// Returns a component with list types that are nested this deep.
fn nested_types(depth: usize) -> String {
    let types: String = (1..depth)
        .map(|n| format!("(type $t{n} (list $t{}))", n - 1))
        .collect();
    format!("(component (type $t0 (list u8)) {types})")
}

/// Returns a package whose types each contain the previous type twice.
fn doubling_types(doublings: usize) -> String {
    let record = |n: usize| format!("record t{n} {{ a: t{0}, b: t{0} }} ", n - 1);
    let records: String = (1..=doublings).map(record).collect();
    format!(
        "package a:b; interface i {{ record t0 {{ a: u8 }} {records} f: func(x: t{doublings}); }}
         world w {{ import i; }}"
    )
}

/// Returns components that each instantiate the previous component twice, which makes two to the
/// power of `doublings` instances in total.
fn laughing(doublings: usize) -> String {
    let component = |n: usize| {
        let before = n - 1;
        let twice = "(instance (instantiate $c))".repeat(2);
        format!("(component $c{n} (alias outer 1 $c{before} (component $c)) {twice})")
    };
    let all: String = (1..=doublings).map(component).collect();
    let first = "(component $c0 (core module $m) (core instance (instantiate $m)))";
    format!("(component {first} {all} (instance (instantiate $c{doublings})))")
}

/// Returns a component whose initial memory is larger than any plugin's limit.
fn memory() -> Vec<u8> {
    let rest = "(core module $huge (memory 65536)) (core instance (instantiate $huge))";
    Guest { rest, ..HARMLESS }.build()
}

/// Returns a good component whose middle is overwritten.
fn garbage_within() -> Vec<u8> {
    let mut file = crate::good();
    let middle = file.len() / 2;
    file[middle..middle + 64].fill(0xa5);
    file
}
