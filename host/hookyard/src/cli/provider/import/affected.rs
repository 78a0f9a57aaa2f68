//! Which plugins the changes of a sender concern.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use hookyard_import::Imported;
use hookyard_import::diff::{Change, concerning};
use hookyard_project::handled::event_type;

use crate::cli::Failure;

/// The nesting of folders in which plugins are: a folder for each tenant.
const DEPTH_MAX: usize = 2;

/// A plugin with a typed handler for the provider's events.
pub(super) struct Affected {
    /// The path of the plugin's file.
    pub(super) file: PathBuf,
    /// The changes at places that the plugin declares.
    pub(super) changes: Vec<Change>,
}

/// Reads the types of all plugins in a folder and in its folders. Plugins that do not handle the
/// provider's events are left out.
pub(super) fn find(folder: &Path, imported: &Imported) -> Result<Vec<Affected>, Failure> {
    let mut files = Vec::new();
    add_files(folder, DEPTH_MAX, &mut files)?;
    let package = format!("{}:webhooks", imported.name);
    let mut affected = Vec::new();
    for file in files {
        let unreadable = || format!("cannot read {}", file.display());
        let bytes = fs::read(&file).with_context(unreadable)?;
        let event = event_type(&bytes, &package).with_context(unreadable)?;
        if let Some(event) = event {
            let changes = concerning(&imported.changes, &imported.described, &event);
            affected.push(Affected { file, changes });
        }
    }
    Ok(affected)
}

fn add_files(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = || format!("cannot read {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        paths.push(entry.with_context(unreadable)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() && depth > 1 {
            add_files(&path, depth - 1, files)?;
        } else if path.is_file() && path.extension().is_some_and(|it| it == "wasm") {
            files.push(path);
        }
    }
    Ok(())
}
