//! `entry.js`: the module that the component is made from. It connects the author's handler with the
//! imports of the world.

use wit_parser::{Resolve, WorldId};

use super::super::{Input, NOTICE};
use super::{Plugin, engine, interfaces, late};
use crate::imports::Capability;
use crate::language::Language;

/// The interfaces that the SDK calls, and the capability that each belongs to.
const CALLED: [(&str, Capability); 8] = [
    ("wasi:keyvalue/store", Capability::Keyvalue),
    ("wasi:keyvalue/atomics", Capability::Keyvalue),
    ("wasi:config/store", Capability::Config),
    ("wasi:logging/logging", Capability::Logging),
    ("hookyard:plugin/outbox", Capability::Outbox),
    ("hookyard:plugin/responder", Capability::Responder),
    ("wasi:http/types", Capability::Http),
    ("wasi:http/outgoing-handler", Capability::Http),
];

/// The modules of the SDK that need a capability.
const MODULES: [(&str, Capability); 5] = [
    ("store.js", Capability::Keyvalue),
    ("setting.js", Capability::Config),
    ("outbox.js", Capability::Outbox),
    ("responder.js", Capability::Responder),
    ("exchange.js", Capability::Http),
];

/// Returns the capability that a module of the SDK needs.
pub(crate) fn capability_of(module: &str) -> Option<Capability> {
    let found = MODULES.iter().find(|(name, _)| *name == module);
    found.map(|(_, capability)| *capability)
}

/// Returns whether a world imports a capability.
pub(crate) fn imports(resolve: &Resolve, world: WorldId, capability: Capability) -> bool {
    let called = CALLED.iter().find(|(_, known)| *known == capability);
    interfaces(&resolve.worlds[world].imports).any(|id| {
        let name = unversioned(&resolve.id_of(id).unwrap_or_default());
        called.is_some_and(|(called, _)| *called == name)
    })
}

/// Returns an interface's name without its version.
pub(super) fn unversioned(name: &str) -> String {
    name.split_once('@')
        .map_or(name, |(name, _)| name)
        .to_owned()
}

/// Writes the file.
pub(super) fn text(input: &Input<'_>, plugin: &Plugin) -> String {
    let source = match input.manifest.language {
        Language::TypeScript => "handler.ts",
        _ => "handler.js",
    };
    let mut imports = Vec::new();
    for id in &plugin.imports {
        let name = input.resolve.id_of(*id).unwrap_or_default();
        let short = unversioned(&name);
        if CALLED.iter().any(|(called, _)| *called == short) || short.ends_with("/outgoing") {
            imports.push((short, name));
        }
    }
    if late::is_needed(input.resolve) {
        for (_, name) in &mut imports {
            *name = late::name(name);
        }
    }
    imports.extend(engine::imports(input.resolve));

    let mut text = format!(
        "// {NOTICE}\n\
         import \"./sdk/src/globals.js\";\n\
         import {{ serve }} from \"./sdk/src/serve.js\";\n\
         import {{ handler as author }} from \"../src/{source}\";\n\
         import shapes from \"./shapes.json\";\n"
    );
    for (position, (_, name)) in imports.iter().enumerate() {
        text.push_str(&format!("import * as import{position} from \"{name}\";\n"));
    }
    text.push_str("\nexport const handler = serve(author, {\n  shapes,\n  imports: {\n");
    for (position, (short, _)) in imports.iter().enumerate() {
        text.push_str(&format!("    \"{short}\": import{position},\n"));
    }
    text.push_str("  },\n});\n");
    text
}
