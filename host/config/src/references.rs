//! Resolves references: `{ env = "NAME" }` and `{ file = "path" }`.
//!
//! A configuration names its secrets and keys by references and never contains them. The
//! [`Resolver`] reads what a reference names, and records every file, so that a reload can watch
//! the files.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use hookyard_schemes::SecretReport;

use crate::document::{Entry, Section};
use crate::files;

/// The maximum size of a configuration file, key or provider file, in bytes. They are small; a
/// larger file was named by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The maximum size of a component that verifies requests, in bytes.
const COMPONENT_BYTES_MAX: u64 = 32 << 20;

/// Resolves the references of one configuration file or plugin settings file.
pub struct Resolver<'r> {
    folder: PathBuf,
    variable: &'r dyn Fn(&str) -> Option<Vec<u8>>,
    files: RefCell<BTreeSet<PathBuf>>,
}

/// Checks the bytes that a reference names.
pub type Judge<'j> = &'j dyn Fn(&[u8]) -> SecretReport;

/// A list of references that must be present.
pub struct RequiredList<'l> {
    /// The key of the list.
    pub key: &'static str,
    /// The purpose of the references, for the fault of a missing list.
    pub what_for: &'l str,
    /// Checks the bytes that each reference names.
    pub judge: Judge<'l>,
}

impl<'r> Resolver<'r> {
    /// Returns the resolver for the file at `path`. `variable` looks up an environment variable.
    pub fn new(path: &Path, variable: &'r dyn Fn(&str) -> Option<Vec<u8>>) -> Self {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self {
            folder: folder.to_owned(),
            variable,
            files: RefCell::default(),
        }
    }

    /// Returns the resolver for the file at `path`, with the environment of this process.
    pub fn of_process(path: &Path) -> Self {
        Self::new(path, &variable)
    }

    /// Resolves a path in the file, which is relative to the folder of the file.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let resolved = self.folder.join(path);
        match resolved.strip_prefix(".") {
            Ok(short) => short.to_owned(),
            Err(_) => resolved,
        }
    }

    /// Reads and records a file. `path` is already resolved.
    pub fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.record(path);
        Ok(files::read(&self.folder, path, FILE_BYTES_MAX)?.bytes)
    }

    /// Like [`bytes`](Self::bytes), for the file of a component.
    pub fn component(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.record(path);
        Ok(files::read(&self.folder, path, COMPONENT_BYTES_MAX)?.bytes)
    }

    /// Like [`bytes`](Self::bytes), for a text file.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        self.record(path);
        files::text(&self.folder, path, FILE_BYTES_MAX)
    }

    /// Resolves and reads the file that `entry` names. Reports a file that cannot be read.
    pub fn file(&self, entry: &Entry<'_>, path: &Path) -> Option<Vec<u8>> {
        let path = self.resolve(path);
        match self.bytes(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                entry.fault(format_args!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }

    /// Returns the folders in a folder, in order of their names. Records the folder.
    pub fn folders_in(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.record(folder);
        let folder = folder.to_owned();

        files::run_with_timeout(&self.folder, move || {
            let paths = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
            let mut folders: Vec<_> = paths.filter(|path| path.is_dir()).collect();
            folders.sort();
            Ok(folders)
        })
    }

    fn record(&self, path: &Path) {
        self.files.borrow_mut().insert(path.to_owned());
    }

    /// Returns the files and folders that were read, or that were missing.
    pub fn into_files(self) -> BTreeSet<PathBuf> {
        self.files.into_inner()
    }

    /// Returns the bytes that `entry` refers to, without one line end. Faults and notes name the
    /// reference, never the value.
    pub fn secret(&self, entry: &Entry<'_>, judge: Judge<'_>) -> Option<Vec<u8>> {
        self.secret_with(entry, judge, &|_| Some(()))
            .map(|(bytes, ())| bytes)
    }

    /// Like [`secret`](Self::secret), and reads further keys of the same table with `also`.
    fn secret_with<T>(
        &self,
        entry: &Entry<'_>,
        judge: Judge<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Option<(Vec<u8>, T)> {
        if entry.as_text().is_some() {
            entry.fault(
                "must not be written in this file, because it is a secret or a key; refer to it \
                 with { env = \"NAME\" } or { file = \"path\" }",
            );
            return None;
        }

        let (variable, file, also) = entry.table(|section| {
            Some((
                section.get::<String>("env"),
                section.get::<PathBuf>("file"),
                also(section),
            ))
        })?;
        let (origin, bytes) = match (variable, file) {
            (Some(name), None) => self.variable(entry, &name)?,
            (None, Some(file)) => {
                let origin = self.resolve(&file).display().to_string();
                (origin, self.file(entry, &file)?)
            }
            _ => {
                entry.fault("must be either { env = \"NAME\" } or { file = \"path\" }");
                return None;
            }
        };

        let bytes = without_line_end(bytes);
        if bytes.is_empty() {
            entry.fault("refers to an empty value; an empty secret would let anybody in");
            return None;
        }

        let SecretReport { faults, notes } = judge(&bytes);
        for note in notes {
            entry.note(format_args!("refers to {origin}, which {note}"));
        }
        for fault in &faults {
            entry.fault(format_args!("refers to {origin}, which {fault}"));
        }
        if faults.is_empty() {
            Some(bytes).zip(also)
        } else {
            None
        }
    }

    /// Returns a description of the environment variable and its value. Reports a variable that is
    /// not set.
    fn variable(&self, entry: &Entry<'_>, name: &str) -> Option<(String, Vec<u8>)> {
        let origin = format!("the environment variable {name}");
        let value = (self.variable)(name);
        if value.is_none() {
            entry.fault(format_args!("{origin} is not set"));
        }
        Some((origin, value?))
    }

    /// Returns what each reference of a list names, and what `also` reads in its table. Reports and
    /// skips faulty references.
    fn secrets_with<T>(
        &self,
        entry: &Entry<'_>,
        judge: Judge<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Vec<(Vec<u8>, T)> {
        if entry.as_text().is_some() {
            // `secret_with` reports that the secret is in the file, which is more important than
            // that the value is not a list.
            return self.secret_with(entry, judge, also).into_iter().collect();
        }
        let items = entry.items();
        let secrets = items
            .iter()
            .filter_map(|item| self.secret_with(item, judge, also));
        secrets.collect()
    }

    /// Returns what each reference of a required list names, and what `also` reads in its table.
    ///
    /// Reports a missing list and an empty list, because nothing could be proven without a secret.
    pub fn required<T>(
        &self,
        section: &Section<'_>,
        list: &RequiredList<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Option<Vec<(Vec<u8>, T)>> {
        let RequiredList {
            key,
            what_for,
            judge,
        } = *list;
        let example =
            format!("{what_for}, as {key} = [{{ env = \"NAME\" }}] or [{{ file = \"path\" }}]");
        let Some(entry) = section.entry(key) else {
            section.missing(key, example);
            return None;
        };

        let faults_before = section.fault_count();
        let secrets = self.secrets_with(&entry, judge, also);
        if secrets.is_empty() && section.fault_count() == faults_before {
            entry.fault(format_args!("is empty; add {example}"));
        }
        (!secrets.is_empty()).then_some(secrets)
    }
}

/// Returns the value of an environment variable of this process.
pub fn variable(name: &str) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    std::env::var_os(name).map(OsStringExt::into_vec)
}

/// Removes one line end, because editors add one to a file.
fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    bytes
}
