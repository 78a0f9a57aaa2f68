//! Guests for tests, written in WebAssembly text: the part that is the same in all, and what differs.
//!
//! A guest answers with `$ok`, `$reject` or `$retry`, which fill the place of the result as the canonical ABI has it.

/// What differs between guests.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    /// What it exports, such as `topper:webhooks/handler@1.0.0`.
    pub(super) export: &'a str,
    /// The fields of its delivery record, as component text.
    pub(super) delivery: &'a str,
    /// Further types, and the type `event`.
    pub(super) types: &'a str,
    /// The core parameters of `handle`, as the canonical ABI flattens delivery and event.
    pub(super) parameters: &'a str,
    /// The core code of `handle`; returns the place of the result.
    pub(super) handle: &'a str,
    /// Further items of the core module.
    pub(super) core: &'a str,
    /// Further imports of the component, and of them the functions that the core module imports.
    pub(super) imports: &'a str,
    /// The core module's import of them, and what it is instantiated with.
    pub(super) host: [&'a str; 2],
    /// The result's type.
    pub(super) result: &'a str,
}

impl Default for Guest<'_> {
    /// Takes an event of one case without payload and the number of the attempt, and is content with it.
    fn default() -> Self {
        Self {
            export: "topper:webhooks/handler@1.0.0",
            delivery: r#"(field "attempt" u32)"#,
            types: r#"(type $event' (variant (case "other")))"#,
            parameters: "(param $attempt i32) (param $case i32)",
            handle: "(call $ok)",
            core: "",
            imports: "",
            host: ["", ""],
            result: "(result (error $failure))",
        }
    }
}

impl Guest<'_> {
    /// The component.
    pub(super) fn build(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// A component that exports the same handler under another name as well.
    pub(super) fn build_twice(&self, other: &str) -> Vec<u8> {
        let last = format!("(export \"{}\" (instance $handler))", self.export);
        let both = format!("{last} (export \"{other}\" (instance $handler))");
        wat::parse_str(self.text().replace(&last, &both)).expect("it is well-formed")
    }

    fn text(&self) -> String {
        let Self {
            export,
            delivery,
            types,
            parameters,
            handle,
            core,
            imports,
            host: [host, with],
            result,
        } = self;
        format!(
            r#"(component
              (import "hookyard:plugin/types@0.9.0" (instance $types
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
                {REALLOC})
              (core instance $libc (instantiate $libc))
              {imports}
              (core module $m
                (import "libc" "memory" (memory 1))
                {host}
                {ANSWERS}
                {core}
                (func $handle (export "handle") {parameters} (result i32) {handle}))
              (core instance $i (instantiate $m (with "libc" (instance $libc)) {with}))
              (func $handle (param "delivery" $delivery) (param "event" $event) (result {result})
                (canon lift (core func $i "handle") (memory (core memory $libc "memory"))
                  (realloc (core func $libc "realloc"))))
              (instance $handler (export "handle" (func $handle)))
              (export "{export}" (instance $handler)))"#
        )
    }
}

/// Allocates one after another, growing the memory as it must.
pub(crate) const REALLOC: &str = r#"
  (func (export "realloc") (param $old i32) (param $had i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (block $fits (loop $grow
      (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
      (br $grow)))
    (local.get $at))"#;

const ANSWERS: &str = r#"
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
    (i32.const 1024))"#;

/// The untyped handler of our WIT as it is; `handle` is given the place of its arguments.
pub(super) const UNTYPED: Guest<'static> = Guest {
    export: "hookyard:plugin/handler@0.1.0",
    delivery: r#"(field "event-id" string) (field "tenant" string) (field "source" string) (field "provider" string)
        (field "event-type" (option string)) (field "key" string) (field "attempt" u32) (field "received-at" u64)"#,
    types: MESSAGE,
    parameters: "(param $arguments i32)",
    // The body.
    handle: "(call $reject (i32.load offset=72 (local.get $arguments)) (i32.load offset=76 (local.get $arguments)))",
    core: "",
    imports: "",
    host: ["", ""],
    result: "(result (error $failure))",
};

/// The untyped handler's message, under the name that guests have for what they take.
pub(super) const MESSAGE: &str = r#"
  (type $header' (record (field "name" string) (field "value" (list u8))))
  (export "header" (type $header (eq $header')))
  (type $event' (record (field "headers" (list $header)) (field "body" (list u8))))"#;

/// An event of one provider as most tests have it: two cases with an order, and `other`.
pub(super) const ORDERS: Guest<'static> = Guest {
    export: "topper:webhooks/handler@1.0.0",
    delivery: r#"(field "attempt" u32)"#,
    types: r#"
      (type $order' (record (field "id" string) (field "amount" u64)))
      (export "order" (type $order (eq $order')))
      (type $event' (variant (case "paid" $order) (case "failed" $order) (case "other" string)))"#,
    parameters: "(param $attempt i32) (param $case i32) (param $id i32) (param $length i32) (param $amount i64)",
    handle: "(call $reject (local.get $id) (local.get $length))",
    core: "",
    imports: "",
    host: ["", ""],
    result: "(result (error $failure))",
};

/// Waits for an hour by WASI's clock.
pub(super) const SLEEPER: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $p (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $p))))))
      (alias export $poll "pollable" (type $pollable))
      (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $p'))
        (export "pollable" (type $p (eq $p')))
        (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
      (core func $subscribe (canon lower (func $clock "subscribe-duration")))
      (core func $block (canon lower (func $poll "[method]pollable.block")))"#,
    host: [
        r#"(import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
           (import "clock" "block" (func $block (param i32)))"#,
        r#"(with "clock" (instance (export "subscribe" (func $subscribe)) (export "block" (func $block))))"#,
    ],
    handle: "(call $block (call $subscribe (i64.const 3600000000000))) (call $ok)",
    ..ORDERS
};

/// Can write to its standard output: `(call $print place length)`.
pub(super) const PRINTER: Guest<'static> = Guest {
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
    core: r#"
      (data (i32.const 16) "hello\nworld\n")
      (func $print (param $text i32) (param $length i32)
        (call $write (call $get) (local.get $text) (local.get $length) (i32.const 512)))"#,
    handle: "(call $print (i32.const 16) (i32.const 12)) (call $ok)",
    ..ORDERS
};

/// Keeps numbers and sends messages: `(call $open)` gives a bucket `seen`, `(call $add bucket delta)` adds to its key
/// `seen`, `(call $found bucket)` rejects with what stands there, `(call $send length)` sends so many bytes to `seen`. A
/// call that is answered with an error rejects with it, if it has words.
pub(super) const KEEPER: Guest<'static> = Guest {
    imports: r#"
      (import "wasi:keyvalue/store@0.2.0-draft" (instance $store
        (export "bucket" (type $b (sub resource)))
        (type $error' (variant (case "no-such-store") (case "access-denied") (case "other" string)))
        (export "error" (type $error (eq $error')))
        (export "[method]bucket.get" (func (param "self" (borrow $b)) (param "key" string)
          (result (result (option (list u8)) (error $error)))))
        (export "open" (func (param "identifier" string) (result (result (own $b) (error $error)))))))
      (alias export $store "bucket" (type $bucket))
      (alias export $store "error" (type $store-error))
      (import "wasi:keyvalue/atomics@0.2.0-draft" (instance $atomics
        (alias outer 1 $bucket (type $b'))
        (export "bucket" (type $b (eq $b')))
        (alias outer 1 $store-error (type $e'))
        (export "error" (type $e (eq $e')))
        (export "increment" (func (param "bucket" (borrow $b)) (param "key" string) (param "delta" u64)
          (result (result u64 (error $e)))))))
      (import "hookyard:plugin/outbox@0.1.0" (instance $outbox
        (type $error' (variant (case "no-such-destination") (case "too-much" string) (case "other" string)))
        (export "error" (type $error (eq $error')))
        (export "send" (func (param "destination" string) (param "body" (list u8)) (param "ordering-key" (option string))
          (result (result string (error $error)))))))
      (core func $open (canon lower (func $store "open")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core func $get (canon lower (func $store "[method]bucket.get")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core func $increment (canon lower (func $atomics "increment")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core func $send (canon lower (func $outbox "send")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#,
    host: [
        r#"(import "kv" "open" (func $kv-open (param i32 i32 i32)))
           (import "kv" "get" (func $kv-get (param i32 i32 i32 i32)))
           (import "kv" "increment" (func $kv-increment (param i32 i32 i32 i64 i32)))
           (import "kv" "send" (func $kv-send (param i32 i32 i32 i32 i32 i32 i32 i32)))"#,
        r#"(with "kv" (instance (export "open" (func $open)) (export "get" (func $get))
             (export "increment" (func $increment)) (export "send" (func $send))))"#,
    ],
    core: r#"
      (data (i32.const 16) "seen")
      (func $open (result i32)
        (call $kv-open (i32.const 16) (i32.const 4) (i32.const 512))
        (if (i32.load8_u (i32.const 512)) (then unreachable))
        (i32.load (i32.const 516)))
      (func $add (param $bucket i32) (param $delta i64)
        (call $kv-increment (local.get $bucket) (i32.const 16) (i32.const 4) (local.get $delta) (i32.const 544))
        (if (i32.load8_u (i32.const 544)) (then unreachable)))
      (func $found (param $bucket i32) (result i32)
        (call $kv-get (local.get $bucket) (i32.const 16) (i32.const 4) (i32.const 576))
        (if (i32.or (i32.load8_u (i32.const 576)) (i32.eqz (i32.load8_u (i32.const 580)))) (then unreachable))
        (call $reject (i32.load (i32.const 584)) (i32.load (i32.const 588))))
      (func $send (param $length i32) (result i32)
        (call $kv-send (i32.const 16) (i32.const 4) (i32.const 2048) (local.get $length)
          (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 608))
        (if (result i32) (i32.load8_u (i32.const 608))
          (then (call $reject (i32.load (i32.const 616)) (i32.load (i32.const 620))))
          (else (call $ok))))"#,
    ..ORDERS
};
