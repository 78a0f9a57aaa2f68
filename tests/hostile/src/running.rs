//! Guests that load successfully and then try to harm the host.

use crate::guest::{Guest, HARMLESS};

/// A guest that misbehaves while it runs.
#[derive(Debug, Clone)]
pub struct HostileGuest {
    /// The name of the guest, which is also a valid name of a plugin.
    pub name: &'static str,
    /// The component.
    pub component: Vec<u8>,
    /// The name of the outcome of its attempt.
    pub outcome: &'static str,
    /// A part of the outcome's description.
    pub says: &'static str,
}

/// Returns the guest of this name.
///
/// # Panics
///
/// Panics if there is no such guest.
pub fn running_named(name: &str) -> HostileGuest {
    running()
        .into_iter()
        .find(|guest| guest.name == name)
        .unwrap_or_else(|| panic!("there is no hostile guest {name}"))
}

/// Returns all guests that load and then misbehave.
pub fn running() -> Vec<HostileGuest> {
    let guest = |name, outcome, says, frame: Guest<'_>| HostileGuest {
        name,
        component: frame.build(),
        outcome,
        says,
    };
    let mut all = Vec::new();
    let mut add =
        |name, outcome, says, frame: Guest<'_>| all.push(guest(name, outcome, says, frame));
    time(&mut add);
    space(&mut add);
    handles(&mut add);
    calls(&mut add);
    abi(&mut add);
    all
}

type Add<'a> = dyn FnMut(&'static str, &'static str, &'static str, Guest<'_>) + 'a;

fn time(add: &mut Add<'_>) {
    add(
        "loop",
        "timed-out",
        "cpu_max",
        Guest {
            handle: ENDLESS,
            ..HARMLESS
        },
    );
    let handle = "(call $block (call $subscribe (i64.const -1))) (call $ok)";
    add(
        "wait-in-host",
        "timed-out",
        "wall_max",
        Guest { handle, ..CLOCK },
    );
}

fn space(add: &mut Add<'_>) {
    let core = "(func $deep (call $deep))";
    add(
        "recursion",
        "exceeded",
        "stack_max",
        Guest {
            core,
            handle: "(call $deep) (call $ok)",
            ..HARMLESS
        },
    );
    // The guest writes to each page, so that the page takes memory and not just address space.
    let handle = "(local $page i32)
        (loop $again
          (local.set $page (memory.grow (i32.const 1)))
          (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
          (memory.fill (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1) (i32.const 65536))
          (br $again))
        unreachable";
    add(
        "memory-bomb",
        "out-of-memory",
        "memory_max",
        Guest { handle, ..HARMLESS },
    );
    let core = "(table $t 0 funcref)";
    let handle = "(loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
        unreachable";
    add(
        "table-bomb",
        "exceeded",
        "table_elements_max",
        Guest {
            core,
            handle,
            ..HARMLESS
        },
    );
}

fn handles(add: &mut Add<'_>) {
    let handle = "(loop $again (drop (call $subscribe (i64.const -1))) (br $again)) unreachable";
    add(
        "handle-hoard",
        "exceeded",
        "handles_max",
        Guest { handle, ..CLOCK },
    );
    // The guest's own resources, which no host function is involved in.
    let imports = "(type $own (resource (rep i32))) (core func $new (canon resource.new $own))";
    let host = [
        r#"(import "own" "new" (func $new (param i32) (result i32)))"#,
        r#"(with "own" (instance (export "new" (func $new))))"#,
    ];
    let handle = "(loop $again (drop (call $new (i32.const 1))) (br $again)) unreachable";
    add(
        "resource-hoard",
        "exceeded",
        "handles_max",
        Guest {
            imports,
            host,
            handle,
            ..HARMLESS
        },
    );
}

fn calls(add: &mut Add<'_>) {
    let handle = "(loop $again (drop (call $now)) (br $again)) unreachable";
    add(
        "host-call-loop",
        "exceeded",
        "host_calls_max",
        Guest { handle, ..CLOCK },
    );
    let handle = "(local $n i32) (loop $again (drop (call $now)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const 300000)))) (call $ok)";
    add(
        "host-calls-and-done",
        "exceeded",
        "host_calls_max",
        Guest { handle, ..CLOCK },
    );
    let handle = "(local $out i32) (local.set $out (call $get))
        (loop $again (call $write (local.get $out) (i32.const 0) (i32.const 4096) (i32.const 512)) (br $again))
        unreachable";
    add(
        "log-flood",
        "exceeded",
        "host_bytes_max",
        Guest { handle, ..OUTPUT },
    );
    let handle = "(call $random (i64.const -1) (i32.const 512)) (call $ok)";
    add("random-hoard", "trapped", "", Guest { handle, ..RANDOM });
    let handle = "(call $poll (i32.const 0) (i32.const 0x3fffffff) (i32.const 512)) (call $ok)";
    add("absurd-list", "trapped", "", Guest { handle, ..CLOCK });
    // Overlapping lists: a hundred thousand names of 64 KiB each would take six gigabytes of the
    // host's memory.
    let core = "(func $fill (local $at i32) (local.set $at (i32.const 0x10000))
        (drop (memory.grow (i32.const 14)))
        (loop $again
          (i32.store (local.get $at) (i32.const 0x1000)) (i32.store offset=4 (local.get $at) (i32.const 0xf000))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (br_if $again (i32.lt_u (local.get $at) (i32.const 0xe0000)))))";
    let handle = "(call $fill)
        (call $open (i32.const 0x1000) (i32.const 4) (i32.const 512))
        (call $get-many (i32.load (i32.const 516)) (i32.const 0x10000) (i32.const 100000) (i32.const 512))
        (call $ok)";
    add(
        "overlapping-lists",
        "exceeded",
        "transfer_max",
        Guest {
            core,
            handle,
            ..STORE
        },
    );
}

fn abi(add: &mut Add<'_>) {
    // A string parameter makes the host call `realloc`.
    let realloc = |realloc| Guest {
        realloc,
        delivery: r#"(field "event-id" string)"#,
        parameters: "(param i32 i32 i32 i32)",
        ..HARMLESS
    };
    add(
        "realloc-traps",
        "trapped",
        "unreachable",
        realloc("unreachable"),
    );
    add("realloc-loops", "timed-out", "cpu_max", realloc(ENDLESS));
    add(
        "realloc-lies",
        "trapped",
        "realloc",
        realloc("(i32.const -16)"),
    );
    let post = |core, options| Guest {
        core,
        options,
        ..HARMLESS
    };
    let options = r#"(post-return (core func $i "post"))"#;
    add(
        "post-return-traps",
        "trapped",
        "unreachable",
        post(r#"(func (export "post") (param i32) unreachable)"#, options),
    );
    let core = r#"(func (export "post") (param i32) (loop $again (br $again)))"#;
    add(
        "post-return-loops",
        "timed-out",
        "cpu_max",
        post(core, options),
    );
    let answer = |handle| Guest { handle, ..HARMLESS };
    let handle = "(i32.store8 (i32.const 1024) (i32.const 0xee)) (i32.const 1024)";
    add(
        "garbage-discriminant",
        "trapped",
        "discriminant",
        answer(handle),
    );
    let handle = "(drop (call $reject (i32.const 0) (i32.const 0))) (i32.store8 (i32.const 1032) (i32.const 77))
        (i32.const 1024)";
    add(
        "garbage-discriminant-within",
        "trapped",
        "discriminant",
        answer(handle),
    );
    add(
        "answer-out-of-bounds",
        "trapped",
        "out of bounds",
        answer("(i32.const -8)"),
    );
    let handle = "(call $reject (i32.const 0) (i32.const 0x7fffffff))";
    add(
        "huge-answer-out-of-bounds",
        "trapped",
        "out of bounds",
        answer(handle),
    );
    let handle =
        "(drop (memory.grow (i32.const 127))) (call $reject (i32.const 0) (i32.const 0x7f0000))";
    add("huge-answer", "exceeded", "transfer_max", answer(handle));
    let core = r#"(data (i32.const 0) "\ff\fe\fd")"#;
    let handle = "(call $reject (i32.const 0) (i32.const 3))";
    add(
        "answer-no-text",
        "trapped",
        "utf-8",
        Guest {
            core,
            handle,
            ..HARMLESS
        },
    );
}

const ENDLESS: &str = "(loop $again (br $again)) unreachable";

/// A guest with clock functions: `(call $now)`, `(call $subscribe nanoseconds)`, `(call $block
/// pollable)` and `(call $poll list length answer)`.
const CLOCK: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))
        (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $p'))
        (export "pollable" (type $p (eq $p')))
        (export "now" (func (result u64)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
      (core func $now (canon lower (func $clock "now")))
      (core func $subscribe (canon lower (func $clock "subscribe-duration")))
      (core func $block (canon lower (func $poll "[method]pollable.block")))
      (core func $poll (canon lower (func $poll "poll")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#,
    host: [
        r#"(import "clock" "now" (func $now (result i64)))
           (import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
           (import "clock" "block" (func $block (param i32)))
           (import "clock" "poll" (func $poll (param i32 i32 i32)))"#,
        r#"(with "clock" (instance (export "now" (func $now)) (export "subscribe" (func $subscribe))
             (export "block" (func $block)) (export "poll" (func $poll))))"#,
    ],
    ..HARMLESS
};

/// A guest with standard output: `(call $get)` returns the stream, and `(call $write stream place
/// length answer)` writes to the stream.
const OUTPUT: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
      (alias export $error "error" (type $io-error))
      (import "wasi:io/streams@0.2.0" (instance $streams
        (alias outer 1 $io-error (type $e'))
        (export "error" (type $e (eq $e')))
        (export "output-stream" (type $o (sub resource)))
        (type $s' (variant (case "last-operation-failed" (own $e)) (case "closed")))
        (export "stream-error" (type $s (eq $s')))
        (export "[method]output-stream.blocking-write-and-flush"
          (func (param "self" (borrow $o)) (param "contents" (list u8)) (result (result (error $s)))))))
      (alias export $streams "output-stream" (type $output-stream))
      (import "wasi:cli/stdout@0.2.0" (instance $stdout
        (alias outer 1 $output-stream (type $o'))
        (export "output-stream" (type $o (eq $o')))
        (export "get-stdout" (func (result (own $o))))))
      (core func $get (canon lower (func $stdout "get-stdout")))
      (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
        (memory (core memory $libc "memory"))))"#,
    host: [
        r#"(import "io" "get" (func $get (result i32)))
           (import "io" "write" (func $write (param i32 i32 i32 i32)))"#,
        r#"(with "io" (instance (export "get" (func $get)) (export "write" (func $write))))"#,
    ],
    ..HARMLESS
};

/// A guest with random numbers: `(call $random length answer)`.
const RANDOM: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
      (core func $random (canon lower (func $random "get-random-bytes")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#,
    host: [
        r#"(import "random" "random" (func $random (param i64 i32)))"#,
        r#"(with "random" (instance (export "random" (func $random))))"#,
    ],
    ..HARMLESS
};

/// A guest with stored values: `(call $open name length answer)` and `(call $get-many bucket list
/// length answer)`.
const STORE: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
        (export "bucket" (type $b (sub resource)))
        (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
        (export "error" (type $error (eq $error')))
        (export "open" (func (param "identifier" string) (result (result (own $b) (error $error)))))))
      (alias export $store "bucket" (type $bucket))
      (alias export $store "error" (type $store-error))
      (import "wasi:keyvalue/batch@0.2.0-draft" (instance $batch
        (alias outer 1 $bucket (type $b'))
        (export "bucket" (type $b (eq $b')))
        (alias outer 1 $store-error (type $e'))
        (export "error" (type $e (eq $e')))
        (export "get-many" (func (param "bucket" (borrow $b)) (param "keys" (list string))
          (result (result (list (option (tuple string (list u8)))) (error $e)))))))
      (core func $open (canon lower (func $store "open")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core func $get-many (canon lower (func $batch "get-many")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#,
    host: [
        r#"(import "kv" "open" (func $open (param i32 i32 i32)))
           (import "kv" "get-many" (func $get-many (param i32 i32 i32 i32)))"#,
        r#"(with "kv" (instance (export "open" (func $open)) (export "get-many" (func $get-many))))"#,
    ],
    ..HARMLESS
};
