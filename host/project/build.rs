//! Compiles the templates, the SDKs and the WIT packages of the repository into the crate.
//!
//! The result is one table of paths and contents. Files that tools write, such as `target`, are
//! left out, so a folder in which somebody built an example gives the same table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The folders of the repository that the table contains.
const FOLDERS: [&str; 5] = [
    "examples",
    "plugins/sdk",
    "wit/hookyard",
    "wit/verifier",
    "wit/wasi",
];

/// Folders that contain no sources of a template.
const OUTPUTS: [&str; 14] = [
    "build",
    "gen",
    "target",
    "node_modules",
    "dist",
    ".venv",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".zig-cache",
    "zig-cache",
    "zig-out",
    "demo",
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root, Path::new(folder), &mut files)?;
    }
    files.sort();

    let mut table = String::from("&[\n");
    for file in &files {
        let path = file.to_string_lossy().replace('\\', "/");
        writeln!(
            table,
            "    ({path:?}, include_bytes!({:?})),",
            root.join(file)
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("]\n");

    let output = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    fs::write(Path::new(&output).join("files.rs"), table)
}

/// Adds the files of `folder`, which is relative to `root`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let path = root.join(folder);
    println!("cargo::rerun-if-changed={}", path.display());
    if !path.is_dir() {
        return Ok(());
    }

    for entry in fs::read_dir(&path)? {
        let entry = entry?;
        let name = entry.file_name();
        let relative = folder.join(&name);

        if entry.path().is_dir() {
            if !is_output(folder, &name.to_string_lossy()) {
                collect(root, &relative, files)?;
            }
        } else if !name.to_string_lossy().ends_with(".wasm") {
            files.push(relative);
        }
    }
    Ok(())
}

/// Returns whether a folder of this name is written by a tool.
///
/// Examples also have a `wit` folder and fixtures, which `hookyard build` writes.
fn is_output(parent: &Path, name: &str) -> bool {
    let is_example = parent.starts_with("examples") && parent.components().count() == 2;
    OUTPUTS.contains(&name)
        || (is_example
            && parent != Path::new("examples/templates")
            && ["wit", "fixtures"].contains(&name))
}
