//! Compiled code, kept on disk between runs.
//!
//! An entry is named by the component's content and by what the compiler was set to, so it is never out of date. It
//! begins with the SHA-256 of the rest: one that was cut off or changed is compiled anew, never run. It is written
//! beside its place and renamed into it, so a crash leaves no half one. Whoever may write to the folder decides what
//! the host runs: it must belong to the host alone. The host says which revisions it has in use: their entries stay, and
//! of the others those that were used last.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookyard_model::Revision;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::compile::Verdict;

const DIGEST_BYTES: usize = 32;
/// Entries that a sweep leaves beside those in use: the ones that were used last.
const SPARE_MAX: usize = 256;
const ENTRY: &str = "code";
const UNFINISHED: &str = "new";
/// How old an unfinished file is that a crash has left. Younger ones may be written at the moment, by any process.
const UNFINISHED_AGE: Duration = Duration::from_secs(3600);
/// What is known of a component that can't be compiled.
const VERDICT: &str = "verdict";
/// Verdicts that a sweep leaves: the newest.
const VERDICTS_MAX: usize = 4096;
/// The most bytes of a verdict that are read.
const VERDICT_BYTES_MAX: u64 = 1024;

/// The folder of compiled code.
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    /// What the compiler was set to, and which version it is.
    compiler: u64,
}

impl Cache {
    /// Opens the folder, making it if need be. Without one, nothing is kept.
    pub(crate) fn open(folder: Option<PathBuf>, compiler: &wasmtime::Engine) -> io::Result<Self> {
        if let Some(folder) = &folder {
            hookyard_private::trusted_folder(folder)?;
        }
        let mut hasher = DefaultHasher::new();
        compiler.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder,
            compiler: hasher.finish(),
        })
    }

    /// The compiled code of a component: from the folder where it is there and whole, else from the compiler.
    pub(crate) fn compiled<E>(
        &self,
        revision: Revision,
        compile: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Code, E> {
        let Some(path) = self.path(revision) else {
            return compile().map(Code);
        };
        match read(&path) {
            Ok(Some(code)) => return Ok(code),
            Ok(None) => {
                tracing::warn!(path = %path.display(), "compiled code was damaged and is made anew")
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code can't be read and is made anew")
            }
        }
        let code = Code(compile()?);
        if let Err(error) = write(&path, &code) {
            tracing::warn!(path = %path.display(), %error, "compiled code can't be kept; it is made anew next time");
        }
        Ok(code)
    }

    /// What was found when this component was compiled in vain.
    pub(crate) fn verdict(&self, revision: Revision) -> Option<Verdict> {
        let path = self.path(revision)?.with_extension(VERDICT);
        let mut line = String::new();
        fs::File::open(path)
            .ok()?
            .take(VERDICT_BYTES_MAX)
            .read_to_string(&mut line)
            .ok()?;
        Verdict::parse(&line)
    }

    /// Remembers that a component can't be compiled.
    pub(crate) fn condemn(&self, revision: Revision, verdict: &Verdict) {
        let Some(path) = self.path(revision).map(|path| path.with_extension(VERDICT)) else {
            return;
        };
        let written = hookyard_private::create_anew(&path)
            .and_then(|mut file| file.write_all(verdict.line().as_bytes()));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "that a component can't be compiled isn't remembered; it is tried again at the next start");
        }
    }

    /// Removes old entries, but for those of the revisions in use. Blocks.
    pub(crate) fn sweep(&self, in_use: &BTreeSet<Revision>) {
        let names: BTreeSet<_> = in_use.iter().map(|revision| self.name(*revision)).collect();
        let swept = self.folder.as_ref().map_or(Ok(()), |folder| {
            sweep(folder, &names, SPARE_MAX, SystemTime::now())
        });
        swept
            .unwrap_or_else(|error| tracing::warn!(%error, "old compiled code can't be swept out"));
    }

    /// Forgets an entry that turned out to be unusable.
    pub(crate) fn forget(&self, revision: Revision) {
        if let Some(path) = self.path(revision) {
            // If it can't be removed it is found unusable again, which costs time and nothing else.
            let _removed = fs::remove_file(path);
        }
    }

    fn path(&self, revision: Revision) -> Option<PathBuf> {
        self.folder
            .as_ref()
            .map(|folder| folder.join(self.name(revision)))
    }

    fn name(&self, revision: Revision) -> String {
        format!("{revision}-{:016x}.{ENTRY}", self.compiler)
    }
}

/// Code that this host's compiler made: in this process, in one that this process started from its own program, or in an
/// earlier one, from a file whose digest is right.
pub(crate) struct Code(Vec<u8>);

impl Code {
    /// Makes the code ready to run.
    #[expect(
        unsafe_code,
        reason = "the engine must trust compiled code; `Code` is only made from what it compiled"
    )]
    pub(crate) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: a `Code` holds what `precompile_component` returned, in this process, in one that it started from its own
        // program, or in an earlier one of the same compiler and settings, whose entry in the host's own folder has its
        // right digest.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

fn read(path: &Path) -> io::Result<Option<Code>> {
    let mut entry = hookyard_private::read(path)?;
    let is_whole = entry
        .split_at_checked(DIGEST_BYTES)
        .is_some_and(|(digest, code)| *Sha256::digest(code) == *digest);
    if is_whole {
        // Where that fails the entry counts as older than it is.
        let _ = fs::File::options()
            .append(true)
            .open(path)
            .and_then(|file| file.set_modified(SystemTime::now()));
    }
    Ok(is_whole.then(|| Code(entry.split_off(DIGEST_BYTES))))
}

fn write(path: &Path, code: &Code) -> io::Result<()> {
    // Two loads of the same component at once write the same bytes; the name keeps them out of each other's file.
    let thread = std::thread::current().id();
    let beside = path.with_extension(format!("{}-{thread:?}.{UNFINISHED}", std::process::id()));
    let written = hookyard_private::create_anew(&beside).and_then(|mut file| {
        file.write_all(&Sha256::digest(&code.0))?;
        file.write_all(&code.0)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // What is left of a failed write is of no use; a second failure has nothing to add to the first.
        let _removed = fs::remove_file(&beside);
    }
    written
}

/// Removes what a crash left unfinished, and of the entries that aren't in use those beyond `spare_max` that were used
/// longest ago. Other files are let alone.
fn sweep(
    folder: &Path,
    in_use: &BTreeSet<String>,
    spare_max: usize,
    now: SystemTime,
) -> io::Result<()> {
    let (mut entries, mut verdicts) = (Vec::new(), Vec::new());
    for file in fs::read_dir(folder)? {
        let file = file?;
        let (path, name) = (file.path(), file.file_name().to_string_lossy().into_owned());
        if !is_ours(&name) || in_use.contains(&name) {
            continue;
        }
        // Another sweep may have been faster.
        let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(UNFINISHED)
                if now
                    .duration_since(modified)
                    .is_ok_and(|age| age >= UNFINISHED_AGE) =>
            {
                remove(&path)?
            }
            Some(ENTRY) => entries.push((modified, path)),
            Some(VERDICT) => verdicts.push((modified, path)),
            _ => {}
        }
    }
    remove_oldest(entries, spare_max)?;
    remove_oldest(verdicts, VERDICTS_MAX)
}

fn remove_oldest(mut files: Vec<(SystemTime, PathBuf)>, count_max: usize) -> io::Result<()> {
    files.sort();
    let surplus = files.len().saturating_sub(count_max);
    files
        .drain(..surplus)
        .try_for_each(|(_, path)| remove(&path))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether a file is named by a revision.
fn is_ours(name: &str) -> bool {
    name.split_once('-')
        .is_some_and(|(revision, _)| revision.parse::<Revision>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_entries_are_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = wasmtime::Engine::default();
        let cache = Cache::open(Some(folder.path().join("new/code")), &engine).expect("a cache");
        let revision = Revision::from_sha256([7; 32]);
        let compiled = |expected: &str, compile: Option<&str>| {
            let code = cache
                .compiled(revision, || {
                    compile
                        .map(|text| text.into())
                        .ok_or_else(|| wasmtime::Error::msg("compiled"))
                })
                .expect("code");
            assert_eq!(code.0, expected.as_bytes());
        };
        compiled("first", Some("first"));
        compiled("first", None);

        let path = cache.path(revision).expect("a path");
        let entry = fs::read(&path).expect("the entry");
        let mut flipped = entry.clone();
        flipped[DIGEST_BYTES] ^= 1;
        for (damaged, what) in [
            (&entry[..entry.len() - 1], "cut off"),
            (&entry[..5], "stump"),
            (&[], "empty"),
            (&flipped[..], "flipped"),
        ] {
            fs::write(&path, damaged).expect("to damage it");
            compiled(what, Some(what));
            compiled(what, None);
        }
        cache.forget(revision);
        compiled("again", Some("again"));
        let left: Vec<_> = fs::read_dir(path.parent().expect("a parent"))
            .expect("to list")
            .collect();
        assert_eq!(left.len(), 1, "nothing but the entry is left: {left:?}");
    }

    #[test]
    fn a_sweep_leaves_what_is_in_use_and_what_was_used_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        let name = |n| format!("{}-0123456789abcdef", Revision::from_sha256([n; 32]));
        let write = |name: &str, age: Duration| {
            let file = fs::File::create(folder.path().join(name)).expect("a file");
            file.set_modified(now - age).expect("to set its time");
        };
        let entries: Vec<String> = (0..6).map(|n| format!("{}.code", name(n))).collect();
        for (seconds, entry) in (0..).zip(&entries) {
            write(entry, Duration::from_secs(seconds));
        }
        let unfinished =
            ["7-ThreadId(1)", "8-ThreadId(2)"].map(|process| format!("{}.{process}.new", name(1)));
        write(&unfinished[0], UNFINISHED_AGE / 2);
        write(&unfinished[1], UNFINISHED_AGE * 2);
        let others = [
            "precious.code".to_owned(),
            "notes.new".to_owned(),
            format!("{}.txt", name(9)),
        ];
        others
            .iter()
            .for_each(|name| write(name, UNFINISHED_AGE * 2));

        let in_use = [entries[4].clone(), entries[5].clone()].into();
        sweep(folder.path(), &in_use, 2, now).expect("to sweep");
        let left = fs::read_dir(folder.path())
            .expect("to list")
            .map(|file| file.expect("to list").file_name());
        let mut left: Vec<_> = left
            .map(|name| name.into_string().expect("a name"))
            .collect();
        let mut expected = [&entries[..2], &entries[4..], &others, &unfinished[..1]].concat();
        left.sort();
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let cache = Cache::open(None, &wasmtime::Engine::default()).expect("a cache");
        let revision = Revision::from_sha256([7; 32]);
        for text in ["one", "two"] {
            assert_eq!(
                cache
                    .compiled(revision, || Ok::<_, wasmtime::Error>(text.into()))
                    .expect("code")
                    .0,
                text.as_bytes()
            );
        }
    }
}
