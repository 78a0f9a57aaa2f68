//! The frame of a guest in WebAssembly text: a handler around a core module, and what differs
//! between guests.
//!
//! The code of `handle` returns the address of its result. The functions `$ok`, `$reject` and
//! `$retry` write a result at that address in the form that the canonical ABI prescribes.

/// The parts of a guest, in WebAssembly text.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// The name of the export, such as `topper:webhooks/handler@1.0.0`.
    pub export: &'a str,
    /// The fields of the record `delivery`.
    pub delivery: &'a str,
    /// The type `$event'` of the second parameter, and the types that it needs.
    pub types: &'a str,
    /// The core parameters of `handle`, as the canonical ABI flattens the delivery and the event.
    pub parameters: &'a str,
    /// The type of the result.
    pub result: &'a str,
    /// The core code of `handle`. It returns the address of the result.
    pub handle: &'a str,
    /// Further items of the core module.
    pub core: &'a str,
    /// The core code of `realloc`, which the host calls to reserve memory of the guest.
    pub realloc: &'a str,
    /// Further options of the lifted function.
    pub options: &'a str,
    /// Further items of the component in front of the core module: imports and lowered functions.
    pub imports: &'a str,
    /// The imports of these functions in the core module, and the arguments with which it is
    /// instantiated.
    pub host: [&'a str; 2],
    /// Further items at the end of the component.
    pub rest: &'a str,
}

/// A guest with an untyped handler of the smallest possible types. It accepts every event and harms
/// nobody.
pub const HARMLESS: Guest<'static> = Guest {
    export: "hookyard:plugin/handler@0.1.0",
    delivery: r#"(field "attempt" u32)"#,
    types: r#"(type $event' (record (field "unknown" (option u8))))"#,
    parameters: "(param i32 i32 i32)",
    result: "(result (error $failure))",
    handle: "(call $ok)",
    core: "",
    realloc: REALLOC,
    options: "",
    imports: "",
    host: ["", ""],
    rest: "",
};

impl Guest<'_> {
    /// Builds the component.
    ///
    /// # Panics
    ///
    /// Panics if a part is not well-formed.
    pub fn build(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// Returns the component as text.
    pub fn text(&self) -> String {
        let Self {
            export,
            delivery,
            types,
            parameters,
            result,
            handle,
            core,
            realloc,
            options,
            imports,
            host: [host, with],
            rest,
        } = self;
        format!(
            r#"(component
              (import "hookyard:plugin/types@0.1.0" (instance $types
                (type $delivery' (record {delivery}))
                (export "delivery" (type $delivery (eq $delivery')))
                (type $retry' (record (field "reason" string) (field "after" (option u64))))
                (export "retry" (type $retry (eq $retry')))
                (type $failure' (variant (case "retry" $retry) (case "reject" string)))
                (export "failure" (type $failure (eq $failure')))))
              (import "topper:webhooks/types@7.0.0" (instance $events
                {types}
                (export "event" (type $event (eq $event')))))
              (alias export $types "delivery" (type $delivery))
              (alias export $types "failure" (type $failure))
              (alias export $events "event" (type $event))
              (core module $libc
                (memory (export "memory") 1)
                (global $next (mut i32) (i32.const 8192))
                {})
              (core instance $libc (instantiate $libc))
              {imports}
              (core module $m
                (import "libc" "memory" (memory 1))
                {host}
                {RESULTS}
                {core}
                (func $handle (export "handle") {parameters} (result i32) {handle}))
              (core instance $i (instantiate $m (with "libc" (instance $libc)) {with}))
              (func $handle (param "delivery" $delivery) (param "event" $event) (result {result})
                (canon lift (core func $i "handle") (memory (core memory $libc "memory"))
                  (realloc (core func $libc "realloc")) {options}))
              (instance $handler (export "handle" (func $handle)))
              (export "{export}" (instance $handler))
              {rest})"#,
            realloc_function(realloc)
        )
    }
}

/// Returns the function `realloc` with this core code. The module around it must have a global
/// `$next`.
pub fn realloc_function(code: &str) -> String {
    format!(
        r#"(func (export "realloc")
             (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
             {code})"#
    )
}

/// The code of an allocator that never frees: it reserves one piece after another and grows the
/// memory.
pub const REALLOC: &str = "
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

pub(crate) const RESULTS: &str = "
  (func $ok (result i32)
    (i32.store8 (i32.const 1024) (i32.const 0))
    (i32.const 1024))
  (func $reject (param $text i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store8 (i32.const 1032) (i32.const 1))
    (i32.store (i32.const 1040) (local.get $text))
    (i32.store (i32.const 1044) (local.get $length))
    (i32.const 1024))
  (func $retry (param $text i32) (param $length i32) (param $after i64) (result i32)
    (i32.store8 (i32.const 1024) (i32.const 1))
    (i32.store8 (i32.const 1032) (i32.const 0))
    (i32.store (i32.const 1040) (local.get $text))
    (i32.store (i32.const 1044) (local.get $length))
    (i32.store8 (i32.const 1048) (i32.const 1))
    (i64.store (i32.const 1056) (local.get $after))
    (i32.const 1024))";
