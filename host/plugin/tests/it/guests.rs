//! The guests of these tests, built on the frame of `hookyard-hostile`.

pub(crate) use hookyard_hostile::{Guest, HARMLESS};

/// A typed handler for events of one case without payload. It accepts every event.
pub(crate) const TYPED: Guest<'static> = Guest {
    export: "topper:webhooks/handler@1.0.0",
    types: r#"(type $event' (variant (case "other")))"#,
    parameters: "(param $attempt i32) (param $case i32)",
    ..HARMLESS
};

/// Returns a component that exports the handler of a guest under another name as well.
pub(crate) fn with_second_export(guest: &Guest<'_>, other: &str) -> Vec<u8> {
    let export = format!("(export \"{}\" (instance $handler))", guest.export);
    let both = format!("{export} (export \"{other}\" (instance $handler))");
    wat::parse_str(guest.text().replace(&export, &both)).expect("the text is well-formed")
}

/// The untyped handler of Hookyard's current WIT. `handle` receives the address of its arguments.
pub(crate) const UNTYPED: Guest<'static> = Guest {
    export: "hookyard:plugin/handler@0.1.0",
    delivery: r#"(field "event-id" string) (field "tenant" string) (field "source" string) (field "provider" string)
        (field "event-type" (option string)) (field "key" string) (field "attempt" u32) (field "received-at" u64)"#,
    types: MESSAGE,
    parameters: "(param $arguments i32)",
    // The body of the message.
    handle: "(call $reject (i32.load offset=72 (local.get $arguments)) (i32.load offset=76 (local.get $arguments)))",
    ..HARMLESS
};

/// The message of the untyped handler, under the type name that the frame expects.
pub(crate) const MESSAGE: &str = r#"
  (type $header' (record (field "name" string) (field "value" (list u8))))
  (export "header" (type $header (eq $header')))
  (type $event' (record (field "headers" (list $header)) (field "body" (list u8))))"#;

/// A guest for the event that most tests use: two cases with an order, and `other`.
pub(crate) const ORDERS: Guest<'static> = Guest {
    export: "topper:webhooks/handler@1.0.0",
    delivery: r#"(field "attempt" u32)"#,
    types: r#"
      (type $order' (record (field "id" string) (field "amount" u64)))
      (export "order" (type $order (eq $order')))
      (type $event' (variant (case "paid" $order) (case "failed" $order) (case "other" string)))"#,
    parameters: "(param $attempt i32) (param $case i32) (param $id i32) (param $length i32) (param $amount i64)",
    handle: "(call $reject (local.get $id) (local.get $length))",
    ..HARMLESS
};

/// A guest that waits for an hour with WASI's clock.
pub(crate) const SLEEPER: Guest<'static> = Guest {
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

/// A guest that writes to standard output: `(call $print place length)`.
pub(crate) const PRINTER: Guest<'static> = Guest {
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

/// A guest that stores numbers and sends messages: `(call $open)` opens the bucket `seen`, `(call
/// $add bucket delta)` increments its key `seen`, `(call $found bucket)` rejects with the value of
/// this key, and `(call $send length)` sends this many bytes to the destination `seen`. If a call
/// returns an error with a text, the guest rejects with this text.
pub(crate) const KEEPER: Guest<'static> = Guest {
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
