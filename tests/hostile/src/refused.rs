//! Files that must not be loaded, each refused in one line.

use crate::guest::{Guest, HARMLESS};

/// One of them.
#[derive(Debug, Clone)]
pub struct RefusedFile {
    /// Its name, which is a plugin's.
    pub name: &'static str,
    /// The file.
    pub file: Vec<u8>,
    /// What is said of it.
    pub says: &'static str,
}

/// All of them, but for the truncated ones.
pub fn refused() -> Vec<RefusedFile> {
    let text = |text: &str| wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let refused = |name, says, file| RefusedFile { name, file, says };
    vec![
        refused(
            "core-module",
            "core module",
            text(r#"(module (memory (export "memory") 1))"#),
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

/// Those that can't be started.
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

/// Sixteen copies of a core module, each of sixteen instances.
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

/// Asks for a gigabyte, and can't do without.
const MEMORY_AT_START: &str =
    "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))";

/// A good component, cut off at each hundredth of its length.
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

/// A component in a component in a component.
fn nested(depth: usize) -> Vec<u8> {
    const PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const COMPONENT_SECTION: u8 = 4;
    // From within: each is put together backwards, so that the length of what it holds is known.
    let mut backwards: Vec<u8> = PREAMBLE.iter().rev().copied().collect();
    for _ in 0..depth {
        let mut length = Vec::new();
        let mut rest = backwards.len();
        while rest >= 0x80 {
            length.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        length.push(rest as u8);
        backwards.extend(length.iter().rev());
        backwards.push(COMPONENT_SECTION);
        backwards.extend(PREAMBLE.iter().rev());
    }
    backwards.reverse();
    backwards
}

/// A list of lists of lists.
fn nested_types(depth: usize) -> String {
    let types: String = (1..depth)
        .map(|n| format!("(type $t{n} (list $t{}))", n - 1))
        .collect();
    format!("(component (type $t0 (list u8)) {types})")
}

/// Each component is made of two of the one before: two to the power of `doublings` instances in
/// all.
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

/// More memory to begin with than any plugin may have.
fn memory() -> Vec<u8> {
    let rest = "(core module $huge (memory 65536)) (core instance (instantiate $huge))";
    Guest { rest, ..HARMLESS }.build()
}

/// A good component whose middle is overwritten.
fn garbage_within() -> Vec<u8> {
    let mut file = crate::good();
    let middle = file.len() / 2;
    file[middle..middle + 64].fill(0xa5);
    file
}
