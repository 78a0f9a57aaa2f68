//! What is the same in all guests that are loaded: an untyped handler of the smallest shape, around a core module.
//!
//! `$handle` is given three numbers that say nothing of the event, and returns the place of its answer. `$ok` and
//! `$reject` fill that place as the canonical ABI has it.

/// What differs between guests, in WebAssembly text.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The core code of `handle`.
    pub(crate) handle: &'a str,
    /// Further items of the core module.
    pub(crate) core: &'a str,
    /// What the host calls for room in the guest's memory.
    pub(crate) realloc: &'a str,
    /// Further options of the lifted function.
    pub(crate) options: &'a str,
    /// Further items of the component, before the core module is instantiated: imports, lowered functions.
    pub(crate) imports: &'a str,
    /// The core module's imports of them, and what it is instantiated with.
    pub(crate) host: [&'a str; 2],
    /// The delivery's field, and the core parameters of `handle`.
    pub(crate) delivery: [&'a str; 2],
    /// Further items of the component, at its end.
    pub(crate) rest: &'a str,
}

/// A guest that is content with whatever it's given.
pub(crate) const FRAME: Frame<'static> = Frame {
    handle: "(call $ok)",
    core: "",
    realloc: REALLOC,
    options: "",
    imports: "",
    host: ["", ""],
    delivery: [r#"(field "attempt" u32)"#, "(param i32 i32 i32)"],
    rest: "",
};

impl Frame<'_> {
    /// The component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let Self {
            handle,
            core,
            realloc,
            options,
            imports,
            host: [host, with],
            delivery,
            rest,
        } = self;
        let [field, parameters] = delivery;
        let text = format!(
            r#"(component
              (import "hookyard:plugin/types@0.1.0" (instance $types
                (type $delivery' (record {field}))
                (export "delivery" (type $delivery (eq $delivery')))
                (type $message' (record (field "nothing-known" (option u8))))
                (export "message" (type $message (eq $message')))
                (type $retry' (record (field "reason" string) (field "after" (option u64))))
                (export "retry" (type $retry (eq $retry')))
                (type $failure' (variant (case "retry" $retry) (case "reject" string)))
                (export "failure" (type $failure (eq $failure')))))
              (alias export $types "delivery" (type $delivery))
              (alias export $types "message" (type $message))
              (alias export $types "failure" (type $failure))
              (core module $libc
                (memory (export "memory") 1)
                (global $next (mut i32) (i32.const 8192))
                (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32)
                  (result i32) {realloc}))
              (core instance $libc (instantiate $libc))
              {imports}
              (core module $m
                (import "libc" "memory" (memory 1))
                {host}
                {ANSWERS}
                {core}
                (func $handle (export "handle") {parameters} (result i32) {handle}))
              (core instance $i (instantiate $m (with "libc" (instance $libc)) {with}))
              (func $handle (param "delivery" $delivery) (param "message" $message) (result (result (error $failure)))
                (canon lift (core func $i "handle") (memory (core memory $libc "memory"))
                  (realloc (core func $libc "realloc")) {options}))
              (instance $handler (export "handle" (func $handle)))
              (export "hookyard:plugin/handler@0.1.0" (instance $handler))
              {rest})"#
        );
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

/// Room after room, growing the memory as it must.
const REALLOC: &str = "
  (local $at i32)
  (local.set $at (i32.and
    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
    (i32.sub (i32.const 0) (local.get $align))))
  (global.set $next (i32.add (local.get $at) (local.get $size)))
  (block $fits (loop $grow
    (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
    (br $grow)))
  (local.get $at)";

const ANSWERS: &str = "
  (func $ok (result i32)
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.const 1024))
  (func $reject (param $text i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store8 (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 1040) (local.get $text))
    (i32.store (i32.const 1044) (local.get $length))
    (i32.const 1024))";
