//! The events that a built plugin handles, read from its component without running or compiling it.

use hookyard_shape::wit::shape_of;
use hookyard_shape::{Shape, TypeError};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

/// The error for a file whose types cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HandledError {
    /// The file is neither a component nor a module that can become one.
    #[error("it is not a component: {0}")]
    NotComponent(String),
    /// The host would refuse the types.
    #[error(transparent)]
    Type(#[from] TypeError),
}

/// Returns the `event` variant of the handler for a package, such as `github:webhooks`. Returns
/// `None` if the component has no handler for the package.
///
/// # Errors
///
/// Fails if the bytes are not a component, or if the host would refuse the type.
pub fn event_type(plugin: &[u8], package: &str) -> Result<Option<Shape>, HandledError> {
    let not_component = |error: String| HandledError::NotComponent(error);
    let component;
    let bytes = if hookyard_componentize::is_core_module(plugin) {
        let made = hookyard_componentize::component(plugin);
        component = made.map_err(|error| not_component(error.to_string()))?;
        &component
    } else {
        plugin
    };

    match decode(bytes).map_err(|error| not_component(error.to_string()))? {
        DecodedWasm::Component(resolve, world) => event_of_world(&resolve, world, package),
        DecodedWasm::WitPackage(..) => Err(not_component("it is a package of WIT".to_owned())),
    }
}

fn event_of_world(
    resolve: &Resolve,
    world: WorldId,
    package: &str,
) -> Result<Option<Shape>, HandledError> {
    for (key, item) in &resolve.worlds[world].exports {
        let (WorldKey::Interface(id), WorldItem::Interface { .. }) = (key, item) else {
            continue;
        };
        let interface = &resolve.interfaces[*id];
        let owner = interface.package.map(|id| &resolve.packages[id].name);
        let is_of_package =
            owner.is_some_and(|name| format!("{}:{}", name.namespace, name.name) == package);
        if let Some(function) = interface.functions.get("handle").filter(|_| is_of_package)
            && let Some(event) = function.params.get(1)
        {
            return Ok(Some(shape_of(resolve, &event.ty, "event")?));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use hookyard_componentize::{StringEncoding, component, embed};
    use wasm_encoder::{
        CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
        MemorySection, MemoryType, Module, TypeSection, ValType,
    };

    use super::*;

    /// A module whose functions end at once, with the types of a handler.
    fn plugin() -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_str(
                "plugin.wit",
                "package acme:webhooks@1.2.0;
                 interface handler {
                     variant event { paid(u32), other(string) }
                     handle: func(delivery: string, event: event) -> result<_, string>;
                 }
                 world plugin { export handler; }",
            )
            .expect("a package");
        let world = resolve.select_world(&[package], None).expect("a world");

        let mut types = TypeSection::new();
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut exports = ExportSection::new();
        let names = [
            ("acme:webhooks/handler@1.2.0#handle", 5),
            ("cabi_realloc", 4),
        ];
        for (index, (name, parameters)) in (0..).zip(names) {
            let ty = vec![ValType::I32; parameters];
            types.ty().function(ty, [ValType::I32]);
            functions.function(index);
            let mut body = Function::new([]);
            body.instruction(&Instruction::Unreachable);
            body.instruction(&Instruction::End);
            code.function(&body);
            exports.export(name, ExportKind::Func, index);
        }
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        exports.export("memory", ExportKind::Memory, 0);

        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&memories);
        module.section(&exports).section(&code);
        let module = module.finish();
        embed(&module, &resolve, world, StringEncoding::Utf8).expect("a module with types")
    }

    #[test]
    fn event_type_is_read_from_module_and_component() {
        let module = plugin();
        let component = component(&module).expect("a component");
        for bytes in [module, component] {
            let event = event_type(&bytes, "acme:webhooks").expect("types");
            let event = event.expect("a handler").to_string();
            assert_eq!(event, "variant { paid(u32), other(string) }");
            assert_eq!(event_type(&bytes, "topi:webhooks").expect("types"), None);
        }
    }

    #[test]
    fn other_files_are_refused() {
        let refused = event_type(b"\0asm", "acme:webhooks").expect_err("no component");
        assert!(
            refused.to_string().starts_with("it is not a component: "),
            "{refused}"
        );
    }
}
