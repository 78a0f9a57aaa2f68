//! Reads the bodies of a folder: its `*.json` files, and those of the folders in it.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::failed;
use crate::document::BYTES_MAX;
use crate::error::Error;
use crate::samples::Body;

/// The maximum number of files.
const FILES_MAX: usize = 10_000;
/// The maximum size of all files together.
const TOTAL_MAX: u64 = 256 * 1024 * 1024;

/// Reads the bodies of a folder and of the folders in it, in the order of their paths.
///
/// # Errors
///
/// Fails if a file cannot be read, or if there are too many.
pub fn read(folder: &Path) -> Result<Vec<Body>, Error> {
    let mut paths = Vec::new();
    for (path, is_folder) in entries(folder)? {
        if is_folder {
            let inner = entries(&path)?.into_iter();
            paths.extend(
                inner
                    .filter(|(_, is_folder)| !is_folder)
                    .map(|(path, _)| path),
            );
        } else {
            paths.push(path);
        }
    }
    bodies(folder, paths)
}

/// Reads the bodies directly in a folder.
pub(super) fn direct(folder: &Path) -> Result<Vec<Body>, Error> {
    let files = entries(folder)?
        .into_iter()
        .filter(|(_, is_folder)| !is_folder);
    bodies(folder, files.map(|(path, _)| path).collect())
}

/// Returns the files and folders in a folder. Links are neither.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let failed = |error: std::io::Error| failed(folder, "read", &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() || kind.is_file() {
            found.push((entry.path(), kind.is_dir()));
        }
    }
    found.sort();
    Ok(found)
}

fn bodies(folder: &Path, paths: Vec<PathBuf>) -> Result<Vec<Body>, Error> {
    let is_json = |path: &PathBuf| path.extension().is_some_and(|it| it == "json");
    let paths: Vec<_> = paths.into_iter().filter(is_json).collect();
    if paths.len() > FILES_MAX {
        let reason = format!(
            "it has {} files, and at most {FILES_MAX} are read",
            paths.len()
        );
        return Err(failed(folder, "read", &reason));
    }

    let mut bodies = Vec::new();
    let mut left = TOTAL_MAX;
    for path in paths {
        let unreadable = |error: std::io::Error| failed(&path, "read", &error);
        let size = fs::metadata(&path).map_err(unreadable)?.len();
        left = match left.checked_sub(size).filter(|_| size <= BYTES_MAX as u64) {
            Some(left) => left,
            None => return Err(failed(&path, "read", &"it is too large")),
        };
        bodies.push(Body {
            file: path.display().to_string(),
            bytes: fs::read(&path).map_err(unreadable)?,
        });
    }
    Ok(bodies)
}
