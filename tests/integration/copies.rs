//! A plugin's folder builds outside the repository, so it contains copies of WIT files, which must
//! equal the originals.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hookyard_testkit::workspace::root;

#[test]
fn plugin_wit_copies_equal_the_originals() -> Result<()> {
    let originals = files_under(&root().join("wit"))?;
    let mut compared = 0;
    for plugin in fs::read_dir(root().join("plugins"))? {
        let folder = plugin?.path().join("wit");
        // The SDKs beside the plugins refer to the originals.
        if !folder.is_dir() {
            continue;
        }
        for copy in files_under(&folder)? {
            let package = package_of(&copy)?;
            // A plugin has its own world; a file with one of our package names must equal the
            // original.
            let Some(original) = originals
                .iter()
                .find(|path| package_of(path).is_ok_and(|name| name == package))
            else {
                continue;
            };
            assert_eq!(
                fs::read_to_string(&copy)?,
                fs::read_to_string(original)?,
                "{} is out of date",
                copy.display()
            );
            compared += 1;
        }
    }
    assert!(
        compared >= 8,
        "four plugins have two copies each, and {compared} were found"
    );
    Ok(())
}

fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else if path.extension().is_some_and(|end| end == "wit") {
            files.push(path);
        }
    }
    Ok(files)
}

fn package_of(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix("package "));
    Ok(line
        .with_context(|| format!("{} names no package", file.display()))?
        .trim_end_matches(';')
        .to_owned())
}
