//! Makes one file of JavaScript from the author's sources, the SDK and the packages of npm.

use std::path::Path;

use serde_json::Value;

use super::super::{BuildError, Workshop};
use super::map;
use super::packages::{Packages, brief};
use crate::bindings::javascript::{self as bindings, capability_of, imports};
use crate::files;
use crate::imports::Capability;

/// The name of the bundle, which the engines' stack traces contain.
pub(super) const BUNDLE: &str = "bundle.js";

/// Features that esbuild replaces: the SDK sees every promise only if `async` becomes calls of
/// `Promise`.
const REPLACED: [&str; 3] = ["async-await", "async-generator", "for-await"];

/// Makes the bundle.
pub(super) fn make(workshop: &Workshop<'_>, packages: &Packages<'_, '_>) -> Result<(), BuildError> {
    let bundle = workshop.build.join(BUNDLE);
    let report = workshop.build.join("bundle.json");
    workshop.say("esbuild");
    let mut esbuild = packages.tool("esbuild", "esbuild")?;
    esbuild = esbuild.args([
        "gen/entry.js",
        "--bundle",
        "--format=esm",
        "--platform=browser",
        "--target=es2022",
        "--define:process.env.NODE_ENV=\"production\"",
        "--sourcemap=external",
        "--sources-content=false",
        "--log-level=warning",
    ]);
    esbuild = esbuild.args(REPLACED.map(|feature| format!("--supported:{feature}=false")));
    esbuild = esbuild.args(external(workshop).map(|name| format!("--external:{name}:*")));
    esbuild
        .arg(format!("--outfile={}", bundle.display()))
        .arg(format!("--metafile={}", report.display()))
        .run()
        .map_err(|error| brief(error, "esbuild"))?;

    check_imports(workshop, &json(workshop, &report)?)?;
    add_map(workshop, &bundle)
}

/// Returns the namespaces of the packages that the engine resolves.
fn external(workshop: &Workshop<'_>) -> impl Iterator<Item = String> {
    let packages = workshop.resolve.packages.iter();
    let mut names: Vec<_> = packages
        .map(|(_, package)| package.name.namespace.clone())
        .chain(["wasi".to_owned(), bindings::NAMESPACE.to_owned()])
        .collect();
    names.sort();
    names.dedup();
    names.into_iter()
}

/// Checks that the world imports every capability that the author's code uses.
fn check_imports(workshop: &Workshop<'_>, report: &Value) -> Result<(), BuildError> {
    let outputs = report["outputs"].as_object().into_iter().flatten();
    let inputs = outputs.filter_map(|(_, output)| output["inputs"].as_object());
    for (path, input) in inputs.flatten() {
        let Some(module) = path.strip_prefix("gen/sdk/src/") else {
            continue;
        };
        let is_used = input["bytesInOutput"].as_u64().unwrap_or_default() > 0;
        let missing = capability_of(module).filter(|capability| {
            is_used && !imports(workshop.resolve, workshop.world, *capability)
        });
        if let Some(capability) = missing {
            let name = capability.name();
            return Err(BuildError::Source(format!(
                "the handler uses {} of @hookyard/sdk, but the world does not import {name}; add \
                 \"{name}\" to `imports` in hookyard.plugin.toml, and the interfaces to wit/ (without \
                 changes of your own in wit/, remove the folder, and the next build writes it)",
                used_name(capability)
            )));
        }
    }
    Ok(())
}

/// Returns what an author calls to use a capability.
fn used_name(capability: Capability) -> &'static str {
    match capability {
        Capability::Keyvalue => "bucket",
        Capability::Config => "setting",
        Capability::Logging => "log",
        Capability::Outbox => "send",
        Capability::Responder => "respond",
        Capability::Http => "http",
    }
}

/// Adds the source map to the bundle, so that the SDK can name the author's files in stack traces.
fn add_map(workshop: &Workshop<'_>, bundle: &Path) -> Result<(), BuildError> {
    let map = json(workshop, &bundle.with_extension("js.map"))?;
    let map = map::compact(&map, BUNDLE);

    let mut text = workshop.read(bundle)?;
    text.extend(format!("globalThis[Symbol.for(\"hookyard.map\")]({map});\n").bytes());
    Ok(files::write(bundle, &text)?)
}

fn json(workshop: &Workshop<'_>, path: &Path) -> Result<Value, BuildError> {
    let content = workshop.read(path)?;
    serde_json::from_slice(&content)
        .map_err(|error| BuildError::Source(format!("esbuild wrote {}: {error}", path.display())))
}
