//! Makes a component of a core module with component types.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::Error;
use crate::shape::Shape;

/// Makes a component of a core module that has component types. Custom sections of the module, such
/// as the names of its tools, are kept.
///
/// # Errors
///
/// Fails if the module has no component types, is a program that ends, does not fit its types, or
/// is broken.
pub fn component(module: &[u8]) -> Result<Vec<u8>, Error> {
    let shape = Shape::of(module)?;
    if !shape.has_component_types {
        return Err(Error::NoComponentTypes);
    }

    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .map_err(|error| Error::invalid(&error))?;
    if shape.needs_adapter {
        encoder = encoder
            .adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
            .map_err(|error| Error::invalid(&error))?;
    }
    encoder.encode().map_err(|error| Error::invalid(&error))
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload, Validator};

    use super::*;
    use crate::support::{module, resolve};
    use crate::{StringEncoding, add_tool, embed};

    const HANDLER: &str = r#"
        (memory (export "memory") 1)
        (func (export "test:guest/handler@1.0.0#handle") (param i32 i32) (result i32) unreachable)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)"#;

    fn embedded(text: &str) -> Vec<u8> {
        let (resolve, world) = resolve(
            "package test:guest@1.0.0;
             interface log { write: func(line: string); }
             interface handler { handle: func(body: string) -> result<_, string>; }
             world plugin { import log; export handler; }",
        );
        embed(&module(text), &resolve, world, StringEncoding::Utf8).expect("embedded")
    }

    fn names(component: &[u8]) -> Vec<String> {
        let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
        let names = payloads.flat_map(|payload| match payload {
            Payload::ComponentImportSection(section) => {
                let imports = section.into_iter().map_while(Result::ok);
                imports
                    .map(|import| format!("import {}", import.name.name))
                    .collect()
            }
            Payload::ComponentExportSection(section) => {
                let exports = section.into_iter().map_while(Result::ok);
                exports
                    .map(|export| format!("export {}", export.name.name))
                    .collect()
            }
            _ => Vec::new(),
        });
        names.collect()
    }

    #[test]
    fn module_with_types_becomes_component() {
        let component = component(&embedded(&format!("(module {HANDLER})"))).expect("a component");

        Validator::new().validate_all(&component).expect("valid");
        let names = names(&component);
        assert!(
            names.contains(&"export test:guest/handler@1.0.0".to_owned()),
            "{names:?}"
        );
        assert!(
            !names.iter().any(|name| name.contains("wasi:")),
            "{names:?}"
        );
    }

    #[test]
    fn preview1_imports_get_adapter() {
        let import = r#"(import "wasi_snapshot_preview1" "fd_write"
            (func (param i32 i32 i32 i32) (result i32)))"#;
        let component =
            component(&embedded(&format!("(module {import} {HANDLER})"))).expect("a component");

        let names = names(&component);
        let streams = |name: &String| name.starts_with("import wasi:io/streams@0.2.");
        assert!(names.iter().any(streams), "{names:?}");
    }

    #[test]
    fn sections_and_tools_are_kept() {
        let text = format!(r#"(module {HANDLER} (@custom "hookyard:fixtures" "[]"))"#);
        let module = add_tool(&embedded(&text), "hookyard-sdk-test", "0.1.0").expect("added");
        let component = component(&module).expect("a component");

        let contains = |text: &str| {
            component
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        for kept in ["hookyard:fixtures", "hookyard-sdk-test", "wit-component"] {
            assert!(contains(kept), "{kept}");
        }
    }

    #[test]
    fn odd_modules_are_refused() {
        let refusal = |bytes: &[u8]| {
            let error = component(bytes).expect_err("no component");
            let text = error.to_string();
            assert!(!text.contains('\n'), "one line: {text}");
            text
        };

        assert!(refusal(b"(module)").contains("not a binary core module"));
        assert!(refusal(&module("(module)")).contains("no section `component-type`"));
        assert!(refusal(&embedded("(module)")).contains("handler"));
        let command = format!(r#"(module {HANDLER} (func (export "_start")))"#);
        assert!(refusal(&embedded(&command)).contains("reactor"));
        let unknown = format!(r#"(module (import "env" "f" (func)) {HANDLER})"#);
        assert!(refusal(&embedded(&unknown)).contains("env"));
        refusal(&module(r#"(module (@custom "component-type" "junk"))"#));
    }

    #[test]
    fn truncated_module_is_refused_or_made_whole() {
        let whole = embedded(&format!("(module {HANDLER})"));
        for end in 0..whole.len() {
            if let Ok(component) = component(&whole[..end]) {
                Validator::new().validate_all(&component).expect("valid");
            }
        }
    }
}
