//! Builds a plugin in C with clang or with `zig cc`. The result is a core module without types.

pub(super) mod compiler;

use std::path::{Path, PathBuf};

use compiler::Compiler;

use super::{BuildError, Output, Workshop};
use crate::files::WriteError;

/// The options of C, which are also in `compile_flags.txt` of the template.
const STANDARD: &[&str] = &["-std=c17"];
/// A handler whose name is misspelt has no prototype, and would never be called.
const OF_AUTHOR: &[&str] = &["-std=c17", "-Werror=missing-prototypes"];

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    let compiler = Compiler::find(false)?;
    compiler.announce(workshop, "C");

    let mut objects = Vec::new();
    for source in sources(workshop.folder, &["c"])? {
        let options = if source.starts_with("src") {
            OF_AUTHOR
        } else {
            STANDARD
        };
        objects.push(compiler.compile(workshop, &source, options)?);
    }
    compiler.link(workshop, &objects)
}

/// Returns the sources of a plugin, relative to its folder: those of the author and those in `gen/`,
/// without the world of native tests.
pub(super) fn sources(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, WriteError> {
    let mut sources = Vec::new();
    let mut folders = vec![PathBuf::from("src"), PathBuf::from("gen")];

    while let Some(below) = folders.pop() {
        for name in names_in(&folder.join(&below))? {
            let path = below.join(&name);
            let extension = path.extension().and_then(|it| it.to_str());
            if folder.join(&path).is_dir() {
                folders.push(path);
            } else if extension.is_some_and(|it| extensions.contains(&it))
                && name != "hookyard_fake.c"
            {
                sources.push(path);
            }
        }
    }
    sources.sort();
    Ok(sources)
}

/// Returns the names in a folder, which may be missing.
fn names_in(folder: &Path) -> Result<Vec<String>, WriteError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let fault = |source| WriteError {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(fault)?;
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect::<Result<_, _>>().map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_found_below_two_folders() {
        let folder = tempfile::tempdir().expect("made");
        for path in [
            "src/deep/b.c",
            "src/a.c",
            "src/a.h",
            "gen/hy.c",
            "gen/sdk/hookyard_fake.c",
            "test/t.c",
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("in a folder")).expect("made");
            std::fs::write(path, "").expect("written");
        }

        let found = sources(folder.path(), &["c"]).expect("read");
        assert_eq!(
            found,
            ["gen/hy.c", "src/a.c", "src/deep/b.c"].map(PathBuf::from)
        );
    }
}
