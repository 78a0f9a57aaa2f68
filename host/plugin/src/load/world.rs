//! Recognizes components that were built for another purpose than plugins, by their exports, before
//! they are compiled.

use wasmparser::{Encoding, Parser, Payload};

use super::toolchain::Toolchain;
use crate::text::{shown_name, shown_names};
use crate::{Contracts, Fault};

/// The worlds that components are often built for, each with the beginning of an export.
const WORLDS: [(&str, &str); 5] = [
    ("wasi:cli/run", "a program for the command line"),
    ("wasi:http/incoming-handler", "an HTTP server"),
    ("wasi:http/handler", "an HTTP server"),
    ("fermyon:spin/", "an application for Spin"),
    ("wasmcloud:", "an application for wasmCloud"),
];

/// Checks that a component was not built for another world. A component that also exports a
/// handler is a plugin.
///
/// # Errors
///
/// Fails if the component exports an interface of another world and nothing that could be a handler.
pub(super) fn check(
    bytes: &[u8],
    contracts: &Contracts,
    toolchain: Toolchain,
) -> Result<(), Fault> {
    let could_be_handler = |export: &str| {
        let package = export.split('/').next().unwrap_or_default();
        package == "hookyard:plugin" || contracts.get(package).is_some()
    };
    let mut other = None;
    let mut has_handler = false;
    for_each_export(bytes, |export| {
        has_handler |= could_be_handler(export);
        let world = WORLDS.iter().find(|(begin, _)| export.starts_with(begin));
        other = other.or(world.map(|(_, what)| (*what, export)));
    });

    let Some((what, export)) = other.filter(|_| !has_handler) else {
        return Ok(());
    };
    let packages: Vec<_> = contracts.packages().collect();
    Err(Fault::World {
        what,
        export: shown_name(export),
        packages: shown_names(&packages),
        toolchain,
    })
}

/// Returns what a core module without types was built for, if its imports tell.
pub(super) fn of_module(module: &[u8]) -> Option<&'static str> {
    let payloads = Parser::new(0).parse_all(module).map_while(Result::ok);
    for payload in payloads {
        let Payload::ImportSection(section) = payload else {
            continue;
        };
        let mut imports = section.into_imports().map_while(Result::ok);
        if imports.any(|import| import.module.starts_with("extism:")) {
            return Some("a core module for Extism");
        }
    }
    None
}

/// Calls `visit` with the name of everything that the outermost component exports, as far as it can
/// be parsed. A component can export too much to collect.
fn for_each_export<'b>(bytes: &'b [u8], mut visit: impl FnMut(&'b str)) {
    let mut depth = 0_u32;

    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.into_iter().map_while(Result::ok) {
                    visit(export.name.name);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(exports: &[&str]) -> Option<String> {
        let exports: String = exports
            .iter()
            .map(|name| {
                let id = name.len();
                format!("(instance $i{id}) (export \"{name}\" (instance $i{id}))")
            })
            .collect();
        let text = format!("(component {exports})");
        let bytes = wat::parse_str(&text).expect("the text is well-formed");
        let fault = check(&bytes, &Contracts::default(), Toolchain::Rust).err()?;
        Some(fault.to_string())
    }

    #[test]
    fn module_of_another_host_is_recognized() {
        let of = |text: &str| of_module(&wat::parse_str(text).expect("it is well-formed"));
        let extism = r#"(module (import "extism:host/env" "input_length" (func (result i64))))"#;
        assert_eq!(of(extism), Some("a core module for Extism"));
        assert_eq!(of(r#"(module (import "env" "abort" (func)))"#), None);
    }

    #[test]
    fn component_of_another_world_is_recognized() {
        let refusal = checked(&["wasi:cli/run@0.2.6"]).expect("refused");
        assert_eq!(
            refusal,
            "is a program for the command line (it exports wasi:cli/run@0.2.6), not a plugin; export \
             hookyard:plugin/handler or the handler of a provider that this host has (providers: nothing): \
             `hookyard new <name> --lang rust` writes a folder that does"
        );
        assert!(checked(&["wasi:http/incoming-handler@0.2.0"]).is_some());

        assert_eq!(checked(&[]), None);
        assert_eq!(checked(&["stranger:webhooks/handler"]), None);
        let both = ["wasi:cli/run@0.2.6", "hookyard:plugin/handler@0.1.0"];
        assert_eq!(checked(&both), None);
    }
}
