//! Core modules with component types: what compilers make before the last step.

use hookyard_componentize::{StringEncoding, embed};
use wit_parser::Resolve;

use crate::guest::{REALLOC, RESULTS};

/// The types of an untyped handler, as small as those of [`HARMLESS`](crate::HARMLESS).
const HOOKYARD: &str = "package hookyard:plugin@0.1.0;
    interface types {
      record delivery { attempt: u32 }
      record retry { reason: string, after: option<u64> }
      variant failure { retry(retry), reject(string) }
    }
    interface handler {
      use types.{delivery, failure};
      record message { unknown: option<u8> }
      handle: func(delivery: delivery, message: message) -> result<_, failure>;
    }
    world plugin { export handler; }";

/// What [`good_module`] writes for each event.
pub const MODULE_SAYS: &str = "handled by a core module";

/// Returns a core module that becomes a harmless guest. It writes a line to standard output by WASI
/// preview 1, so it needs the adapter.
pub fn good_module() -> Vec<u8> {
    let import = r#"(import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))"#;
    let handle = format!(
        r#"(data (i32.const 2048) "{MODULE_SAYS}\n")
        (data (i32.const 2040) "\00\08\00\00\{:02x}\00\00\00")
        (func (export "hookyard:plugin/handler@0.1.0#handle") (param i32 i32 i32) (result i32)
          (drop (call $fd_write (i32.const 1) (i32.const 2040) (i32.const 1) (i32.const 2032)))
          (call $ok))"#,
        MODULE_SAYS.len() + 1
    );
    typed_module(HOOKYARD, import, &handle)
}

/// Returns a core module with the types of a WIT package, which has one world.
///
/// # Panics
///
/// Panics if the package or the code is not well-formed.
pub fn typed_module(package: &str, imports: &str, code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          {imports}
          (memory (export "memory") 1)
          (global $next (mut i32) (i32.const 8192))
          (func (export "cabi_realloc")
            (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
            {REALLOC})
          {RESULTS}
          {code})"#
    );
    let module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));

    let mut resolve = Resolve::default();
    let id = resolve
        .push_str("package.wit", package)
        .unwrap_or_else(|error| panic!("{error:#}\n{package}"));
    let world = resolve
        .select_world(&[id], None)
        .unwrap_or_else(|error| panic!("{error:#}\n{package}"));
    embed(&module, &resolve, world, StringEncoding::Utf8).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a small core module whose types are repeated this often. To put them together takes more
/// than time in proportion.
pub fn repeated_types(times: usize) -> Vec<u8> {
    let plain = wat::parse_str("(module)").expect("the text is well-formed");
    let typed = typed_module(HOOKYARD, "", "");
    let section = types_section(&typed);

    let mut module = plain;
    for _ in 0..times {
        module.extend_from_slice(section);
    }
    module
}

/// Returns a core module whose types are nested so deeply that the process that reads them crashes.
pub fn deep_types(depth: usize) -> Vec<u8> {
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const TYPE_SECTION: u8 = 7;
    // The type of a component with one declaration, which is a type.
    const OUTER: [u8; 3] = [0x41, 1, 1];
    const INNERMOST: [u8; 2] = [0x41, 0];

    let types = [&[1][..], &OUTER.repeat(depth), &INNERMOST].concat();
    let component = [
        &COMPONENT[..],
        &[TYPE_SECTION],
        &leb128(types.len()),
        &types,
    ]
    .concat();
    let name = b"component-type";
    let section = [&leb128(name.len())[..], name, &component].concat();
    let module = b"\0asm\x01\0\0\0\0";
    [&module[..], &leb128(section.len()), &section].concat()
}

/// Encodes a number as LEB128.
pub(crate) fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Returns the last section of a module, which has its types.
fn types_section(module: &[u8]) -> &[u8] {
    let name = b"component-type";
    let at = module
        .windows(name.len())
        .rposition(|window| window == name)
        .expect("the module has types");
    // In front of the name are its length, the size of the section, which takes two bytes, and the
    // kind of the section.
    &module[at - 4..]
}
