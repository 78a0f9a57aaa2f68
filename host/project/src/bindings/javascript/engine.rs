//! What a JavaScript engine offers to the author, and what the SDK needs of the host to run on it:
//! standard output, standard error, an exit and randomness. These interfaces of WASI need no grant,
//! so the build adds them to the author's world.

use wit_parser::{Resolve, WorldId};

use super::super::NOTICE;
use super::late;
use crate::files::Files;
use crate::language::Engine;

/// The world with the added imports.
pub(crate) const WORLD: &str = "hookyard-engine";

/// The version of WASI that is added where the author's WIT has none.
const VERSION: &str = "0.2.12";

/// The added interfaces.
const INTERFACES: [&str; 4] = [
    "wasi:cli/exit",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:random/random",
];

/// Returns the added interfaces, without and with their versions.
pub(super) fn imports(resolve: &Resolve) -> Vec<(String, String)> {
    let versioned = INTERFACES.iter().map(|name| {
        let package = name.split_once('/').map_or(*name, |(package, _)| package);
        let version = known(resolve, package).unwrap_or_else(|| VERSION.to_owned());
        ((*name).to_owned(), format!("{name}@{version}"))
    });
    versioned.collect()
}

/// Returns the WIT that the engine's tool reads: the author's files with what the engine needs.
pub(crate) fn wit(resolve: &Resolve, world: WorldId, author: Files) -> Files {
    let mut files = if late::is_needed(resolve) {
        late::renamed(&author)
    } else {
        author
    };

    let io = known(resolve, "wasi:io").unwrap_or_else(|| VERSION.to_owned());
    for (package, text) in [
        ("wasi:io", include_str!("engine/io.wit")),
        ("wasi:cli", include_str!("engine/cli.wit")),
        ("wasi:random", include_str!("engine/random.wit")),
    ] {
        if known(resolve, package).is_none() {
            let name = package.replace(':', "-");
            let text = text.replace("IO-VERSION", &io).replace("VERSION", VERSION);
            files.add(format!("deps/hookyard-engine-{name}/{name}.wit"), text);
        }
    }

    let mut text = format!(
        "world {WORLD} {{\n    include {};\n",
        resolve.worlds[world].name
    );
    for (_, name) in imports(resolve) {
        text.push_str(&format!("    import {name};\n"));
    }
    files.add(format!("{WORLD}.wit"), text + "}\n");
    files
}

/// Returns the version of a package that the author's WIT already has under this name.
fn known(resolve: &Resolve, package: &str) -> Option<String> {
    if late::is_needed(resolve) && late::is_renamed(package) {
        return None;
    }
    version(resolve, package)
}

/// Returns the version of a package in the author's WIT.
pub(super) fn version(resolve: &Resolve, package: &str) -> Option<String> {
    let found = resolve.packages.iter().find(|(_, known)| {
        let name = &known.name;
        format!("{}:{}", name.namespace, name.name) == package
    });
    found.and_then(|(_, known)| known.name.version.as_ref().map(ToString::to_string))
}

/// Returns the declarations of what the engine offers. QuickJS has a console because the SDK brings
/// one; StarlingMonkey has web APIs, and a handler may be asynchronous.
pub(super) fn declarations(engine: Engine) -> String {
    let text = match engine {
        Engine::QuickJs => include_str!("engine/quickjs.d.ts"),
        Engine::StarlingMonkey => include_str!("engine/starling.d.ts"),
    };
    format!("// {NOTICE}\n{text}")
}
