//! Builds a plugin in JavaScript or TypeScript: `npm ci`, the type check, esbuild, and the
//! componentizer of the engine. The result is a component.

mod bundle;
mod map;
mod packages;

use std::path::Path;

use super::tool::Program;
use super::{BuildError, Output, Tool, Workshop};
use crate::bindings::javascript as bindings;
use crate::files::{Files, WriteError};
use crate::imports::Capability;
use crate::language::{Engine, Language};
use packages::{Packages, brief};

/// The oldest version of Node.js that the tools run on.
const NODE_MIN: u32 = 20;

const NODE: Tool = Tool {
    names: &["node"],
    install: "https://nodejs.org, version 20 or later (Debian: apt-get install nodejs npm)",
};

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    check_node()?;
    let packages = Packages::installed(workshop)?;

    if workshop.manifest.language == Language::TypeScript {
        workshop.say("tsc --noEmit");
        let tsc = packages.tool("typescript", "tsc")?;
        let checked = tsc.args(["--noEmit", "--pretty", "false"]).run();
        checked.map_err(|error| brief(error, "tsc"))?;
    }
    bundle::make(workshop, &packages)?;

    let engine = workshop.manifest.engine.unwrap_or_default();
    let author = Files::read(&workshop.folder.join(super::WIT))?;
    let wit = bindings::wit(workshop.resolve, workshop.world, author);
    write_wit(&workshop.build.join("wit"), &wit)?;

    let tool = componentizer(workshop, &packages, engine)?;
    tool.run()
        .map_err(|error| brief(error, engine_tool(engine)))?;
    let mut component = workshop.read(&workshop.build.join(COMPONENT))?;
    bindings::restore_names(&mut component);
    Ok(Output::Component(component))
}

/// Writes the WIT anew: the tools refuse the empty folder of a package that is gone.
fn write_wit(folder: &Path, wit: &Files) -> Result<(), BuildError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|source| WriteError {
            path: folder.to_owned(),
            source,
        })?;
    }
    Ok(wit.write(folder)?)
}

/// The component as the engine's tool makes it.
const COMPONENT: &str = "engine.component";

/// Returns the tool that puts the bundle into an engine.
fn componentizer(
    workshop: &Workshop<'_>,
    packages: &Packages<'_, '_>,
    engine: Engine,
) -> Result<Program, BuildError> {
    let bundle = workshop.build.join(bundle::BUNDLE);
    let tool = match engine {
        Engine::QuickJs => {
            workshop.say("componentize-qjs --sync");
            let tool = packages.tool("componentize-qjs", engine_tool(engine))?;
            tool.args(["--sync", "--js"]).arg(bundle)
        }
        Engine::StarlingMonkey => {
            workshop.say("componentize-js, which takes about 15 seconds");
            let tool = packages.tool("@bytecodealliance/componentize-js", engine_tool(engine))?;
            let tool = tool.arg(bundle).args(["-d", "fetch-event"]);
            // Otherwise the component imports HTTP even if it makes no request.
            if bindings::imports(workshop.resolve, workshop.world, Capability::Http) {
                tool
            } else {
                tool.arg("http")
            }
        }
    };

    let tool = tool.arg("--wit").arg(workshop.build.join("wit"));
    let component = workshop.build.join(COMPONENT);
    Ok(tool.args(["-n", bindings::WORLD, "-o"]).arg(component))
}

/// Returns the program that puts JavaScript into an engine.
fn engine_tool(engine: Engine) -> &'static str {
    match engine {
        Engine::QuickJs => "componentize-qjs",
        Engine::StarlingMonkey => "componentize-js",
    }
}

/// Checks that Node.js is installed and not too old.
fn check_node() -> Result<(), BuildError> {
    let version = NODE.find()?.arg("--version").run()?;
    match major(&version) {
        Some(major) if major >= NODE_MIN => Ok(()),
        _ => Err(BuildError::Source(format!(
            "node is {}, and the tools need version {NODE_MIN} or later; install it: {}",
            version.trim(),
            NODE.install
        ))),
    }
}

/// Returns the first number of a version such as `v20.11.0`.
fn major(version: &str) -> Option<u32> {
    let version = version.trim().trim_start_matches('v');
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_of_node_is_read() {
        assert_eq!(major("v20.11.0\n"), Some(20));
        assert_eq!(major("22.1"), Some(22));
        assert_eq!(major("unknown"), None);
    }
}
