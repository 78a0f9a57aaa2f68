//! Files of a provider folder. No link is followed.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::document::BYTES_MAX;
use crate::error::{Error, Fault};

/// Returns an error about a file or folder.
pub(super) fn failed(path: &Path, verb: &'static str, reason: &dyn std::fmt::Display) -> Error {
    let fault = Fault::Io(verb, reason.to_string());
    Error::in_file(&path.display().to_string(), fault)
}

/// Whether a folder is missing or has no files.
pub(super) fn is_empty(path: &Path) -> Result<bool, Error> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(failed(path, "read", &error)),
    }
}

/// Returns the content of a file, or `None` if there is no such file.
pub(super) fn read(folder: &Path, file: &str) -> Result<Option<String>, Error> {
    let path = folder.join(file);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&path, "read", &error)),
    };
    if !metadata.is_file() {
        return Err(failed(&path, "read", &"it is not a regular file"));
    }
    if metadata.len() > BYTES_MAX as u64 {
        return Err(failed(&path, "read", &"it is too large"));
    }
    let text = fs::read_to_string(&path).map_err(|error| failed(&path, "read", &error))?;
    Ok(Some(text))
}

/// Writes a file beside its place and moves it there.
pub(super) fn write(folder: &Path, file: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(file);
    let failed = |error: std::io::Error| failed(&path, "written", &error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let beside = folder.join(format!("{file}.part"));
    // What a stopped import left behind.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut created = fs::File::create_new(&beside).map_err(failed)?;
    created.write_all(text.as_bytes()).map_err(failed)?;
    created.sync_all().map_err(failed)?;
    fs::rename(&beside, &path).map_err(failed)
}
