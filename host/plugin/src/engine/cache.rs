//! A folder that keeps compiled code between runs of the host.
//!
//! The name of an entry consists of the component's revision and a hash of the compiler's settings,
//! so an entry is never out of date. An entry is the code, followed by the SHA-256 of the code. An
//! entry that is cut off or changed is compiled again, and never run. The host writes an entry to a
//! temporary file and renames it, so that a crash does not leave half an entry.
//!
//! The host maps the code from its file instead of reading it. The pages of the code then belong to
//! the file, and the system can drop and reload them. So an entry is never changed in place: a
//! mapping keeps a file that was removed or replaced, but not bytes that were overwritten.
//!
//! Everybody who can write to the folder controls the code that the host runs, so the folder must
//! belong to the host alone. A sweep removes old entries. It keeps the entries of all revisions in
//! use, and of the others those that were used last, up to a size and an age.

mod limits;
mod sweep;

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hookyard_model::{Revision, TenantName};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

pub use self::limits::CacheLimits;
use super::compile::Verdict;

const DIGEST_BYTES: u64 = 32;
/// The number of bytes that are read at once to check an entry.
const CHUNK_BYTES: usize = 64 << 10;
/// The extension of an entry.
const ENTRY: &str = "code";
/// The extension of an entry that is being written.
const UNFINISHED: &str = "new";
/// The folder of compiled functions, in the folder of compiled code.
const FUNCTIONS_FOLDER: &str = "functions";
/// The extension of a pack of compiled functions.
const FUNCTIONS: &str = "functions";
/// The extension of a file that says why a component cannot be compiled.
const VERDICT: &str = "verdict";
/// The maximum size of a verdict, in bytes.
const VERDICT_BYTES_MAX: u64 = 1024;

/// The cache of compiled code.
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    limits: CacheLimits,
    /// A hash of the version and the settings of the compiler.
    compiler: u64,
}

impl Cache {
    /// Opens the folder, and creates it if it does not exist. Without a folder, nothing is kept.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be created, or if others can write to it.
    pub(crate) fn open(
        folder: Option<PathBuf>,
        limits: CacheLimits,
        compiler: &wasmtime::Engine,
    ) -> io::Result<Self> {
        if let Some(folder) = &folder {
            hookyard_private::trusted_folder(folder)?;
        }

        let mut hasher = DefaultHasher::new();
        compiler.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder,
            limits,
            compiler: hasher.finish(),
        })
    }

    /// Returns the compiled code of a component: from the folder if there is an intact entry,
    /// otherwise from the compiler.
    ///
    /// # Errors
    ///
    /// Returns the error of the compiler. A fault of the folder is logged and does not matter
    /// otherwise.
    pub(crate) fn compiled<E>(
        &self,
        revision: Revision,
        compile: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Code, E> {
        let Some(path) = self.path(revision) else {
            return compile().map(Code::Bytes);
        };
        match is_intact(&path) {
            Ok(true) => return Ok(Code::File(path)),
            Ok(false) => {
                tracing::warn!(path = %path.display(), "compiled code was damaged and is compiled again");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code cannot be read and is compiled again");
            }
        }

        let code = compile()?;
        if let Err(error) = write(&path, &code) {
            tracing::warn!(path = %path.display(), %error, "compiled code cannot be kept; it is compiled again next time");
            return Ok(Code::Bytes(code));
        }
        Ok(Code::File(path))
    }

    /// Returns the path of the pack that keeps the compiled functions of a tenant's components, if
    /// compiled functions are kept.
    pub(crate) fn functions(&self, tenant: &TenantName) -> Option<PathBuf> {
        if self.limits.functions_max == 0 {
            return None;
        }
        let folder = self.folder.as_ref()?.join(FUNCTIONS_FOLDER);
        // The process that compiles has another working directory.
        let folder = std::path::absolute(&folder)
            .and_then(|folder| hookyard_private::trusted_folder(&folder).map(|()| folder))
            .inspect_err(|error| {
                tracing::warn!(path = %folder.display(), %error, "compiled functions cannot be kept");
            })
            .ok()?;
        Some(folder.join(format!("{tenant}-{:016x}.{FUNCTIONS}", self.compiler)))
    }

    /// Returns why this component could not be compiled earlier.
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

    /// Remembers why a component cannot be compiled.
    pub(crate) fn remember_verdict(&self, revision: Revision, verdict: &Verdict) {
        let Some(path) = self.path(revision).map(|path| path.with_extension(VERDICT)) else {
            return;
        };

        let written = hookyard_private::create_anew(&path)
            .and_then(|mut file| file.write_all(verdict.line().as_bytes()));
        if let Err(error) = written {
            tracing::warn!(
                path = %path.display(),
                %error,
                "cannot remember that a component does not compile; the host will try again at its next start"
            );
        }
    }

    /// Removes entries beyond the limits, except those of the revisions in use. Blocks.
    pub(crate) fn sweep(&self, in_use: &BTreeSet<Revision>) {
        let Some(folder) = &self.folder else {
            return;
        };
        let names = in_use.iter().map(|revision| self.name(*revision)).collect();
        let (functions, now) = (folder.join(FUNCTIONS_FOLDER), SystemTime::now());
        let swept = sweep::sweep(folder, &names, &self.limits, now)
            .and_then(|()| sweep::sweep_functions(&functions, self.limits.functions_max, now));
        if let Err(error) = swept {
            tracing::warn!(%error, "old compiled code cannot be removed");
        }
    }

    /// Removes an entry that turned out to be unusable.
    pub(crate) fn forget(&self, revision: Revision) {
        if let Some(path) = self.path(revision) {
            // If this fails, the entry is found to be unusable again, which only costs time.
            let _removed = fs::remove_file(path);
        }
    }

    fn path(&self, revision: Revision) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.join(self.name(revision)))
    }

    fn name(&self, revision: Revision) -> String {
        format!("{revision}-{:016x}.{ENTRY}", self.compiler)
    }
}

/// Compiled code that this host's compiler made: in this process, in a process that this one
/// started from its own program, or in an earlier process, from an entry with the right digest.
pub(crate) enum Code {
    /// The code itself, because it has no intact entry.
    Bytes(Vec<u8>),
    /// The path of an entry that was found to be intact.
    File(PathBuf),
}

impl Code {
    /// Makes the code ready to run. The code of an entry is mapped.
    ///
    /// # Errors
    ///
    /// Fails if the engine cannot use the code, for example because it does not fit a slot of the
    /// pool.
    #[expect(
        unsafe_code,
        reason = "the engine must trust compiled code; `Code` is only made from what it compiled"
    )]
    pub(crate) fn load(&self, engine: &wasmtime::Engine) -> wasmtime::Result<Component> {
        // SAFETY: a `Code` holds the result of `precompile_component`: from this process, from a
        // process that this one started from its own program, or from an earlier process with the
        // same compiler and settings, whose entry in the host's own folder has the right digest.
        // The host replaces and removes entries, and never changes one in place.
        unsafe {
            match self {
                Self::Bytes(code) => Component::deserialize(engine, code),
                Self::File(path) => Component::deserialize_file(engine, path),
            }
        }
    }
}

/// Whether the digest at the end of an entry is the digest of its code.
fn is_intact(path: &Path) -> io::Result<bool> {
    let mut file = hookyard_private::open_trusted(path)?;
    let Some(code_bytes) = file.metadata()?.len().checked_sub(DIGEST_BYTES) else {
        return Ok(false);
    };

    let digest = digest(&mut (&mut file).take(code_bytes))?;
    let mut expected = Vec::new();
    file.read_to_end(&mut expected)?;
    if digest[..] != expected[..] {
        return Ok(false);
    }

    // The sweep goes by this time. If it cannot be set, the entry counts as older than it is.
    let _touched = fs::File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()));
    Ok(true)
}

/// Returns the SHA-256 of everything that can be read.
fn digest(from: &mut impl io::Read) -> io::Result<[u8; DIGEST_BYTES as usize]> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&chunk[..count]),
        }
    }
}

fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    replace(path, |file| {
        file.write_all(code)?;
        file.write_all(&Sha256::digest(code))?;
        file.sync_all()
    })
}

/// Creates a file, or replaces it as a whole.
///
/// # Errors
///
/// Returns the error of the system. The file is then unchanged.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    // Two threads may replace the same file at once, so each thread writes its own file.
    let thread = std::thread::current().id();
    let temporary = path.with_extension(format!("{}-{thread:?}.{UNFINISHED}", std::process::id()));
    let written = hookyard_private::create_anew(&temporary).and_then(|mut file| {
        write(&mut file)?;
        fs::rename(&temporary, path)
    });

    if written.is_err() {
        // The first error is the interesting one.
        let _removed = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the code without its digest.
    fn content(code: &Code) -> Vec<u8> {
        match code {
            Code::Bytes(code) => code.clone(),
            Code::File(path) => {
                let entry = fs::read(path).expect("the entry");
                let (code, _digest) = entry.split_at(entry.len() - DIGEST_BYTES as usize);
                code.to_vec()
            }
        }
    }

    #[test]
    fn damaged_entry_is_compiled_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = wasmtime::Engine::default();
        let cache = Cache::open(
            Some(folder.path().join("new/code")),
            CacheLimits::default(),
            &engine,
        )
        .expect("a cache");
        let revision = Revision::from_sha256([7; 32]);
        let compiled = |expected: &str, compile: Option<&str>| {
            let code = cache
                .compiled(revision, || {
                    compile
                        .map(|text| text.into())
                        .ok_or_else(|| wasmtime::Error::msg("compiled"))
                })
                .expect("code");
            assert_eq!(content(&code), expected.as_bytes());
        };
        compiled("first", Some("first"));
        compiled("first", None);

        let path = cache.path(revision).expect("a path");
        let entry = fs::read(&path).expect("the entry");
        let mut flipped = entry.clone();
        flipped[0] ^= 1;
        for (damaged, what) in [
            (&entry[..entry.len() - 1], "cut off"),
            (&entry[..5], "a part of the digest"),
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
        assert_eq!(left.len(), 1, "only the entry is left: {left:?}");
    }

    #[test]
    fn functions_of_tenants_are_apart() {
        let folder = tempfile::tempdir_in(".").expect("a folder");
        let relative = Path::new(folder.path().file_name().expect("a name"));
        let open = |functions_max| {
            let engine = wasmtime::Engine::default();
            let limits = CacheLimits {
                functions_max,
                ..CacheLimits::default()
            };
            Cache::open(Some(relative.to_owned()), limits, &engine).expect("a cache")
        };
        let pack = |cache: &Cache, tenant: &str| cache.functions(&tenant.parse().expect("a name"));

        let cache = open(1);
        let (acme, umbrella) = (pack(&cache, "acme"), pack(&cache, "umbrella"));
        assert_ne!(acme, umbrella);
        assert!(acme.expect("a path").is_absolute());
        assert_eq!(pack(&open(0), "acme"), None);
    }

    #[test]
    fn cache_without_folder_keeps_nothing() {
        let cache = Cache::open(None, CacheLimits::default(), &wasmtime::Engine::default())
            .expect("a cache");
        let revision = Revision::from_sha256([7; 32]);
        for text in ["one", "two"] {
            assert_eq!(
                content(
                    &cache
                        .compiled(revision, || Ok::<_, wasmtime::Error>(text.into()))
                        .expect("code")
                ),
                text.as_bytes()
            );
        }
    }
}
