//! Builds a plugin in Zig with `zig build`. The result is a core module without types.

use super::c::compiler::{ZIG, zig};
use super::tool::Program;
use super::{BuildError, Output, Workshop};

/// The version that the SDK and the templates are tested with.
const TESTED: &str = "0.17";

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let (path, first) = zig().ok_or_else(|| ZIG.missing())?;
    let program = || Program::new(&path).folder(workshop.folder).args(&first);
    let version = program().arg("version").run()?;
    let version = version.trim();
    let is_tested = version.starts_with(TESTED);
    workshop.expect_version("zig", version, if is_tested { version } else { TESTED });

    let bindings = bindings(workshop)?;
    let module = workshop.build.join("module.wasm");
    workshop.say("zig build-exe -target wasm32-wasi -OReleaseSafe");
    program()
        .args(OPTIONS)
        .arg(format!("-femit-bin={}", module.display()))
        .args([
            "--dep",
            "hookyard",
            "--dep",
            "handler",
            "-Mroot=gen/sdk/root.zig",
        ])
        .args(["--dep", "imports", "-Mhookyard=gen/sdk/hookyard.zig"])
        .arg("-Mimports=gen/imports.zig")
        .args(["--dep", "hookyard", "--dep", "imports"])
        .arg(format!("-M{bindings}=gen/{bindings}.zig"))
        .args([
            "--dep",
            "hookyard",
            "--dep",
            &bindings,
            "-Mhandler=src/handler.zig",
        ])
        .run_with_warnings(workshop)?;
    Ok(Output::Core(workshop.read(&module)?))
}

/// Compiles with checks of overflows and of indexes, and without a function `main`.
const OPTIONS: &[&str] = &[
    "build-exe",
    "-target",
    "wasm32-wasi",
    "-OReleaseSafe",
    "-fno-entry",
    "-rdynamic",
    "-fstrip",
    "--stack",
    "65536",
    "--cache-dir",
    "build/zig-cache",
];

/// Returns the name of the module with the generated types.
fn bindings(workshop: &Workshop<'_>) -> Result<String, BuildError> {
    let model = crate::bindings::c::model(&workshop.bindings_input())?;
    Ok(crate::bindings::c::file_name(&model))
}
