//! Builds a plugin in C with clang or with `zig cc`. The result is a core module without types.

use std::path::{Path, PathBuf};

use super::{BuildError, Output, Tool, Workshop};
use crate::files::WriteError;

const CLANG: Tool = Tool {
    names: &["clang-19", "clang"],
    install: "apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32",
};

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let clang = CLANG.find()?;
    let module = workshop.build.join("module.wasm");
    let mut sources = Vec::new();
    for folder in ["src", "gen", "gen/sdk"] {
        sources.extend(sources_in(&workshop.folder.join(folder))?);
    }

    workshop.say("clang --target=wasm32-wasi -Os");
    clang
        .folder(workshop.folder)
        .args([
            "--target=wasm32-wasi",
            "-mexec-model=reactor",
            "-Os",
            "-s",
            "-std=c17",
        ])
        .args(["-Wall", "-Wextra", "-Igen", "-Igen/sdk"])
        .args(sources)
        .arg("-o")
        .arg(&module)
        .run()?;
    Ok(Output::Core(workshop.read(&module)?))
}

/// Returns the C files of a folder, which may be missing.
fn sources_in(folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let fault = |source| WriteError {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(fault)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<_> = paths.collect::<Result<_, _>>().map_err(fault)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    paths.sort();
    Ok(paths)
}
