//! Bindings for Zig: the types of the provider, and the imported functions as WebAssembly has them.
//!
//! `imports.zig` declares the functions with the plain parameters of the canonical ABI. The SDK
//! turns Zig values into them, so the bindings need neither C nor its library.

mod provider;
mod types;

use std::fmt::Write;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{InterfaceId, TypeDefKind, WorldItem, WorldKey};

use super::Input;
use super::c::{self, file_name, with_notice};
use crate::build::BuildError;
use crate::files::Files;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let model = c::model(input)?;
    let name = file_name(&model);
    let mut files = Files::default();

    let mut imports = types::delivery(&model);
    for (key, item) in &input.resolve.worlds[input.world].imports {
        if let WorldItem::Interface { id, .. } = item {
            interface(input, key, *id, &mut imports);
        }
    }
    files.add("imports.zig", with_notice(&imports));
    files.add(
        format!("{name}.zig"),
        with_notice(&provider::source(&model)),
    );
    Ok(files)
}

/// Declares the functions of an imported interface.
fn interface(input: &Input<'_>, key: &WorldKey, id: InterfaceId, text: &mut String) {
    let resolve = input.resolve;
    let interface = &resolve.interfaces[id];
    let module = resolve.name_world_key(key);
    let mut functions = String::new();

    for function in interface.functions.values() {
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
        let parameters: Vec<_> = signature.params.iter().map(number).collect();
        let result = signature.results.first().map_or("void", number);
        let _ = writeln!(
            functions,
            "    pub extern \"{module}\" fn @\"{}\"({}) {result};",
            function.name,
            parameters.join(", ")
        );
    }
    for (name, ty) in &interface.types {
        if matches!(resolve.types[*ty].kind, TypeDefKind::Resource) {
            let _ = writeln!(
                functions,
                "    pub extern \"{module}\" fn @\"[resource-drop]{name}\"(i32) void;"
            );
        }
    }
    if !functions.is_empty() {
        let _ = writeln!(
            text,
            "\npub const {} = struct {{\n{functions}}};",
            name(input, id)
        );
    }
}

/// The name of an interface, such as `wasi_config_store`.
fn name(input: &Input<'_>, id: InterfaceId) -> String {
    let interface = &input.resolve.interfaces[id];
    let package = interface.package.map(|id| &input.resolve.packages[id].name);
    let package = package.map(|it| format!("{}_{}_", it.namespace, it.name));
    let name = interface.name.as_deref().unwrap_or_default();
    format!("{}{name}", package.unwrap_or_default()).replace('-', "_")
}

fn number(ty: &WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}
