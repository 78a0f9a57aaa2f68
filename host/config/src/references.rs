//! `{ env = … }` and `{ file = … }`: how a configuration names a secret or a key without containing it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use hookyard_schemes::SecretReport;

use crate::document::{Entry, Section};
use crate::files;

/// Configuration, keys and providers are small; whatever is larger is another file, named by mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a configuration may refer to, and what of it was referred to.
pub struct Surroundings<'s> {
    folder: PathBuf,
    variable: &'s dyn Fn(&str) -> Option<Vec<u8>>,
    files: RefCell<BTreeSet<PathBuf>>,
}

impl<'s> Surroundings<'s> {
    /// Those of the configuration file at `path`; `variable` looks up an environment variable.
    pub fn new(path: &Path, variable: &'s dyn Fn(&str) -> Option<Vec<u8>>) -> Self {
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

    /// Those of a plugin's settings at `path`, in the environment of this process.
    pub fn of_process(path: &Path) -> Self {
        Self::new(path, &variable)
    }

    /// A path as the configuration says it, from where the process stands: it is relative to the configuration file.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let resolved = self.folder.join(path);
        resolved
            .strip_prefix(".")
            .map(Path::to_owned)
            .unwrap_or(resolved)
    }

    /// The content of a file, which is noted as one that the configuration depends on.
    pub fn bytes(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.note(path);
        Ok(files::read(&self.folder, path, FILE_BYTES_MAX)?.bytes)
    }

    /// As `bytes`, for a file of text.
    pub fn text(&self, path: &Path) -> io::Result<String> {
        self.note(path);
        files::text(&self.folder, path, FILE_BYTES_MAX)
    }

    /// The folders in a folder, in order.
    pub fn folders_in(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.note(folder);
        let folder = folder.to_owned();
        files::within(&self.folder, move || {
            let paths = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
            let mut folders: Vec<_> = paths.filter(|path| path.is_dir()).collect();
            folders.sort();
            Ok(folders)
        })
    }

    /// Notes a file or folder that the configuration depends on.
    pub fn note(&self, path: &Path) {
        self.files.borrow_mut().insert(path.to_owned());
    }

    /// Everything that was noted.
    pub fn into_files(self) -> BTreeSet<PathBuf> {
        self.files.into_inner()
    }

    /// The bytes that `entry` refers to, without one line end. Faults and notes name the reference, never the value.
    pub fn secret(&self, entry: &Entry<'_>, judge: Judge<'_>) -> Option<Vec<u8>> {
        self.secret_with(entry, judge, &|_| Some(()))
            .map(|(bytes, ())| bytes)
    }

    /// As `secret`, with what `also` reads in the same table.
    fn secret_with<T>(
        &self,
        entry: &Entry<'_>,
        judge: Judge<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Option<(Vec<u8>, T)> {
        if entry.as_text().is_some() {
            entry.fault(
                "is written out here, and secrets and keys are never kept in this file; \
                 refer to it by { env = \"NAME\" } or { file = \"path\" }",
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
        let (origin, found) = match (variable, file) {
            (Some(name), None) => {
                let found = (self.variable)(&name)
                    .ok_or_else(|| format!("the environment variable {name} is not set"));
                (format!("the environment variable {name}"), found)
            }
            (None, Some(file)) => {
                let file = self.resolve(&file);
                let found = self
                    .bytes(&file)
                    .map_err(|error| format!("{} can't be read: {error}", file.display()));
                (file.display().to_string(), found)
            }
            _ => {
                entry.fault("must be either { env = \"NAME\" } or { file = \"path\" }");
                return None;
            }
        };
        let bytes = found
            .map(without_line_end)
            .map_err(|message| entry.fault(message))
            .ok()?;
        if bytes.is_empty() {
            entry.fault("refers to something empty; an empty secret would let anybody in");
            return None;
        }
        let SecretReport { faults, notes } = judge(&bytes);
        notes
            .iter()
            .for_each(|note| entry.note(format_args!("what it refers to, {origin}, {note}")));
        faults
            .iter()
            .for_each(|fault| entry.fault(format_args!("what it refers to, {origin}, {fault}")));
        if faults.is_empty() {
            Some(bytes).zip(also)
        } else {
            None
        }
    }

    /// A list of references without those that are faulty, each with what `also` reads in its table.
    pub fn secrets_with<T>(
        &self,
        entry: &Entry<'_>,
        judge: Judge<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Vec<(Vec<u8>, T)> {
        if entry.as_text().is_some() {
            // A secret that is written out gets the fault about that, rather than one about lists.
            return self.secret_with(entry, judge, also).into_iter().collect();
        }
        entry
            .items()
            .iter()
            .filter_map(|item| self.secret_with(item, judge, also))
            .collect()
    }

    /// What the references under `key` refer to. There has to be at least one: without any, nothing could be proven.
    pub fn needed<T>(
        &self,
        section: &Section<'_>,
        wanted: &Wanted<'_>,
        also: &dyn Fn(&Section<'_>) -> Option<T>,
    ) -> Option<Vec<(Vec<u8>, T)>> {
        let Wanted { key, what, judge } = *wanted;
        let needed =
            format!("{what}, as {key} = [{{ env = \"NAME\" }}] or [{{ file = \"path\" }}]");
        let Some(entry) = section.entry(key) else {
            section.missing(key, needed);
            return None;
        };
        let faults_before = section.fault_count();
        let found = self.secrets_with(&entry, judge, also);
        if found.is_empty() && section.fault_count() == faults_before {
            entry.fault(format_args!("is empty: name {needed}"));
        }
        (!found.is_empty()).then_some(found)
    }
}

/// Judges what a reference refers to.
pub type Judge<'j> = &'j dyn Fn(&[u8]) -> SecretReport;

/// A list of references that has to be there.
pub struct Wanted<'w> {
    /// The key of the list.
    pub key: &'static str,
    /// What the references refer to, for the fault of a missing list.
    pub what: &'w str,
    pub judge: Judge<'w>,
}

/// An environment variable of this process.
pub fn variable(name: &str) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    std::env::var_os(name).map(OsStringExt::into_vec)
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    bytes
}
