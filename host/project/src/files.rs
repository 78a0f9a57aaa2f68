//! A set of files in memory, and how it gets into a folder.
//!
//! A file is written to a temporary neighbour and renamed, so nobody reads half a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// Files by their path, which is relative and uses `/`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Adds a file. A file of the same path is replaced.
    pub fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), content.into());
    }

    /// Adds files below a folder.
    pub fn add_below(&mut self, folder: &str, files: Self) {
        let files = files.0.into_iter();
        self.0
            .extend(files.map(|(path, content)| (format!("{folder}/{path}"), content)));
    }

    /// Adds files. Files of the same paths are replaced.
    pub fn extend(&mut self, files: Self) {
        self.0.extend(files.0);
    }

    /// Returns the content of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Returns the content of a file as text. Bytes that are not UTF-8 give `None`.
    pub fn text(&self, path: &str) -> Option<&str> {
        str::from_utf8(self.get(path)?).ok()
    }

    /// Removes the files for which `remove` returns true.
    pub(crate) fn remove(&mut self, mut remove: impl FnMut(&str) -> bool) {
        self.0.retain(|path, _| !remove(path));
    }

    /// Returns the paths and contents in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// Returns the number of files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the files into a folder, which is made if it is missing. Other files stay.
    ///
    /// # Errors
    ///
    /// Returns the path that could not be written.
    pub fn write(&self, folder: &Path) -> Result<(), WriteError> {
        for (path, content) in &self.0 {
            write(&folder.join(path), content)?;
        }
        Ok(())
    }

    /// Makes a folder contain exactly these files, and returns whether something changed. Files
    /// that are equal are not touched.
    ///
    /// # Errors
    ///
    /// Returns the path that could not be read, written or removed.
    pub fn renew(&self, folder: &Path) -> Result<bool, WriteError> {
        let mut has_changed = false;
        for path in paths_in(folder)? {
            if !self.0.contains_key(&path) {
                let path = folder.join(path);
                fs::remove_file(&path).map_err(|source| WriteError { path, source })?;
                has_changed = true;
            }
        }
        for (path, content) in &self.0 {
            let path = folder.join(path);
            if !fs::read(&path).is_ok_and(|old| old == *content) {
                write(&path, content)?;
                has_changed = true;
            }
        }
        Ok(has_changed)
    }

    /// Reads all files of a folder. A missing folder has no files.
    ///
    /// # Errors
    ///
    /// Returns the path that could not be read.
    pub fn read(folder: &Path) -> Result<Self, WriteError> {
        let mut files = Self::default();
        for path in paths_in(folder)? {
            let content = fs::read(folder.join(&path)).map_err(|source| WriteError {
                path: folder.join(&path),
                source,
            })?;
            files.add(path, content);
        }
        Ok(files)
    }
}

impl FromIterator<(String, Vec<u8>)> for Files {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

/// Folders that tools keep inside `gen/`, which are not ours.
const CACHES: [&str; 4] = ["target", "node_modules", "__pycache__", ".zig-cache"];

/// Returns the paths of all files in a folder, relative to it.
fn paths_in(folder: &Path) -> Result<Vec<String>, WriteError> {
    let mut paths = Vec::new();
    let mut folders = vec![String::new()];

    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        let fault = |source| WriteError {
            path: path.clone(),
            source,
        };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if below.is_empty() && error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(fault(error)),
        };
        for entry in entries {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = if below.is_empty() {
                name.clone()
            } else {
                format!("{below}/{name}")
            };
            if !entry.path().is_dir() {
                paths.push(relative);
            } else if !CACHES.contains(&name.as_str()) {
                folders.push(relative);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Writes a file and the folders that it is in. A reader sees the old file or the new one.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let fault = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(fault)?;

    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = parent.join(format!(".{name}.{}", process::id()));
    let written = fs::write(&draft, content).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // The draft is of no use to anybody. The first error is the one to report.
        fs::remove_file(&draft).ok();
    }
    written.map_err(fault)
}

/// The error for a file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read or written", .path.display())]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    #[source]
    pub source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn renewed_folder_has_exactly_the_files() {
        let folder = tempfile::tempdir().expect("made");
        let folder = folder.path().join("gen");
        let first = files(&[("a.txt", "1"), ("deep/b.txt", "2")]);
        assert!(first.renew(&folder).expect("written"));
        assert!(!first.renew(&folder).expect("written"), "nothing changes");

        fs::create_dir(folder.join("target")).expect("made");
        fs::write(folder.join("target/cache"), "").expect("written");
        let second = files(&[("a.txt", "3")]);
        assert!(second.renew(&folder).expect("written"));
        assert_eq!(Files::read(&folder).expect("read"), second);
        assert!(folder.join("target/cache").exists(), "caches of tools stay");
    }

    #[test]
    fn failed_write_leaves_no_draft() {
        let folder = tempfile::tempdir().expect("made");
        fs::create_dir_all(folder.path().join("a.txt/inside")).expect("made");

        let error = files(&[("a.txt", "1")])
            .write(folder.path())
            .expect_err("a folder");
        assert!(
            error
                .to_string()
                .ends_with("a.txt cannot be read or written"),
            "{error}"
        );
        let names = fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(names, 1);
    }
}
