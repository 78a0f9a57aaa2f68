//! What a module contains, as far as it decides how the module becomes a component.

use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
use wasmparser::{Parser, Payload};

use crate::Error;

/// The beginning of the name of a custom section with the types of a component.
const COMPONENT_TYPE: &str = "component-type";
/// The function that a program without an end exports to initialize itself.
const INITIALIZE: &str = "_initialize";
/// The function that a program with a `main` exports.
const START: &str = "_start";

/// Whether the bytes begin like a binary core module.
pub fn is_core_module(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\0', b'a', b's', b'm', _, _, 0, 0, ..])
}

/// Whether a core module has sections with the types of a component. The search ends where the
/// bytes cannot be parsed.
pub fn has_component_types(module: &[u8]) -> bool {
    is_core_module(module) && payloads(module).any(|payload| is_component_type(&payload))
}

/// What decides how a module becomes a component.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) has_component_types: bool,
    pub(crate) needs_adapter: bool,
    is_command: bool,
}

impl Shape {
    /// Reads a module, as far as it can be parsed.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not those of a core module, or if the module is a program that ends.
    pub(crate) fn of(module: &[u8]) -> Result<Self, Error> {
        if !is_core_module(module) {
            return Err(Error::NotCoreModule);
        }

        let mut shape = Self::default();
        for payload in payloads(module) {
            shape.add(payload);
        }
        if shape.is_command {
            return Err(Error::Command);
        }
        Ok(shape)
    }

    fn add(&mut self, payload: Payload<'_>) {
        self.has_component_types |= is_component_type(&payload);
        match payload {
            Payload::ImportSection(section) => {
                let mut imports = section.into_imports().map_while(Result::ok);
                self.needs_adapter |=
                    imports.any(|import| import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME);
            }
            Payload::ExportSection(section) => {
                let exports = section.into_iter().map_while(Result::ok);
                let names: Vec<_> = exports.map(|export| export.name).collect();
                self.is_command = names.contains(&START) && !names.contains(&INITIALIZE);
            }
            _ => {}
        }
    }
}

fn payloads(module: &[u8]) -> impl Iterator<Item = Payload<'_>> {
    Parser::new(0).parse_all(module).map_while(Result::ok)
}

fn is_component_type(payload: &Payload<'_>) -> bool {
    matches!(payload, Payload::CustomSection(section) if section.name().starts_with(COMPONENT_TYPE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::module;

    #[test]
    fn module_shape_is_recognized() {
        let plain = module("(module)");
        assert!(is_core_module(&plain) && !has_component_types(&plain));
        assert!(!is_core_module(&module("(component)")));
        assert!(!is_core_module(b"\0asm"));

        let typed = module(r#"(module (@custom "component-type:plugin" "x"))"#);
        assert!(has_component_types(&typed));
        let wasi = module(
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#,
        );
        let shape = Shape::of(&wasi).expect("a module");
        assert!(shape.needs_adapter && !shape.has_component_types);
    }

    #[test]
    fn command_is_told_from_reactor() {
        let start = r#"(func (export "_start"))"#;
        let reactor = r#"(func (export "_initialize"))"#;
        let of = |functions: &str| Shape::of(&module(&format!("(module {functions})")));

        assert!(matches!(of(start), Err(Error::Command)));
        assert!(of(reactor).is_ok());
        assert!(of(&format!("{start} {reactor}")).is_ok());
    }
}
