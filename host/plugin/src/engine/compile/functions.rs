//! Compiled functions that are kept from one compilation to the next.
//!
//! The next build of a plugin often differs from the last one in a few functions, or only in the
//! script that a large engine runs. So the process that compiles keeps the machine code of each
//! function in a pack, and compiles only the functions that the pack does not have. The key of a
//! function is a SHA-256 of everything that its machine code follows from: its code in the
//! compiler's own form, and the compiler's settings and version.
//!
//! A tenant has one pack, which no other tenant's compilation reads: the time that a compilation
//! takes shows nothing of other tenants. A component cannot choose what is kept under a key, because
//! the compiler fills the pack. A damaged pack is dropped.
//!
//! A pack is a list of keys, sizes and machine code, followed by the SHA-256 of the list. The
//! functions of the last compilations come first, and the rest is cut off.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::engine::cache::replace;
use crate::engine::settings;

const DIGEST_BYTES: usize = 32;
const KEY_BYTES: usize = 32;
const SIZE_BYTES: usize = 4;
/// The maximum size of a pack, in bytes. The functions of one large engine take 40 to 70 MiB.
const PACK_BYTES_MAX: usize = 160 << 20;

type Key = [u8; KEY_BYTES];

/// How many functions a compilation reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reuse {
    /// The number of functions of the component.
    pub functions: u32,
    /// The number of functions that were not compiled, because their machine code was kept.
    pub reused: u32,
}

impl Reuse {
    /// Returns the line with which the process that compiles reports its reuse.
    pub(super) fn line(self) -> String {
        format!("reused {} {}\n", self.reused, self.functions)
    }

    /// Reads the line of [`line`](Self::line).
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (reused, functions) = line.trim_end().strip_prefix("reused ")?.split_once(' ')?;
        Some(Self {
            functions: functions.parse().ok()?,
            reused: reused.parse().ok()?,
        })
    }
}

/// Compiles a component with the functions of a pack, and keeps its functions in the pack.
///
/// # Errors
///
/// Returns the error of the compiler. A pack that cannot be used costs time only; standard error
/// says so.
pub(super) fn precompile(bytes: &[u8], pack: &Path) -> wasmtime::Result<(Vec<u8>, Reuse)> {
    let functions = Arc::new(Functions::open(pack));
    let mut settings = settings();
    settings.enable_incremental_compilation(Arc::clone(&functions) as _)?;
    let code = wasmtime::Engine::new(&settings)?.precompile_component(bytes)?;

    // The code is complete without the pack. The next compilation finds no pack, or the old one.
    if let Err(error) = functions.keep(pack) {
        let _reported = writeln!(
            io::stderr(),
            "{} cannot be written: {error}",
            pack.display()
        );
    }
    Ok((code, functions.reuse()))
}

/// The functions of a pack, and those that the present compilation adds.
struct Functions {
    pack: Vec<u8>,
    /// The places of the functions in the pack.
    places: HashMap<Key, Place>,
    added: Mutex<BTreeMap<Key, Arc<[u8]>>>,
    asked: AtomicU32,
    found: AtomicU32,
}

/// The place of a function in the pack.
struct Place {
    code: Range<usize>,
    is_used: AtomicBool,
}

impl Functions {
    /// Reads a pack. A pack that does not exist, cannot be read or is damaged counts as empty.
    fn open(pack: &Path) -> Self {
        let mut pack = hookyard_private::read(pack).unwrap_or_default();
        let places = places(&pack).unwrap_or_else(|| {
            pack.clear();
            HashMap::new()
        });

        Self {
            pack,
            places,
            added: Mutex::default(),
            asked: AtomicU32::new(0),
            found: AtomicU32::new(0),
        }
    }

    fn reuse(&self) -> Reuse {
        Reuse {
            functions: self.asked.load(Ordering::Relaxed),
            reused: self.found.load(Ordering::Relaxed),
        }
    }

    /// Writes the pack, unless it already has all functions of the compilation.
    fn keep(&self, pack: &Path) -> io::Result<()> {
        let added = self.added();
        if added.is_empty() {
            // The sweep goes by this time.
            let file = std::fs::File::options().append(true).open(pack)?;
            return file.set_modified(SystemTime::now());
        }

        let mut hasher = Sha256::new();
        replace(pack, |file| {
            let mut file = io::BufWriter::new(file);
            for (key, code) in self.in_order(&added) {
                let size = u32::try_from(code.len()).map_err(io::Error::other)?;
                for part in [&key[..], &size.to_le_bytes(), code] {
                    hasher.update(part);
                    file.write_all(part)?;
                }
            }
            file.write_all(&hasher.finalize())?;
            file.flush()
        })
    }

    /// Returns the functions that the pack will have: those of this compilation first, and then the
    /// others in their order, until the pack is full.
    fn in_order<'a>(
        &'a self,
        added: &'a BTreeMap<Key, Arc<[u8]>>,
    ) -> impl Iterator<Item = (&'a Key, &'a [u8])> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(_, place)| {
            let is_unused = !place.is_used.load(Ordering::Relaxed);
            (is_unused, place.code.start)
        });
        let kept = places
            .into_iter()
            .map(|(key, place)| (key, &self.pack[place.code.clone()]));

        let added = added.iter().map(|(key, code)| (key, &**code));
        let mut room = PACK_BYTES_MAX;
        added.chain(kept).take_while(move |(_, code)| {
            let bytes = KEY_BYTES + SIZE_BYTES + code.len();
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        })
    }

    fn added(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<[u8]>>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl wasmtime::CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let key: &Key = key.try_into().ok()?;

        if let Some(place) = self.places.get(key) {
            place.is_used.store(true, Ordering::Relaxed);
            self.found.fetch_add(1, Ordering::Relaxed);
            return Some(Cow::Borrowed(&self.pack[place.code.clone()]));
        }
        // A component often has the same function more than once.
        let added = self.added().get(key).map(Arc::clone)?;
        Some(Cow::Owned(added.to_vec()))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        let Ok(key) = key.try_into() else {
            return false;
        };
        self.added().entry(key).or_insert_with(|| code.into());
        true
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Functions").finish_non_exhaustive()
    }
}

/// Returns the places of the functions in a pack. Returns `None` if the pack is damaged.
fn places(pack: &[u8]) -> Option<HashMap<Key, Place>> {
    let (list, digest) = pack.split_at_checked(pack.len().checked_sub(DIGEST_BYTES)?)?;
    if Sha256::digest(list)[..] != *digest {
        return None;
    }

    let mut places = HashMap::new();
    let mut at = 0;
    while at < list.len() {
        let key = list.get(at..at + KEY_BYTES)?.try_into().ok()?;
        at += KEY_BYTES;
        let size = list.get(at..at + SIZE_BYTES)?.try_into().ok()?;
        at += SIZE_BYTES;

        let end = at.checked_add(u32::from_le_bytes(size) as usize)?;
        list.get(at..end)?;
        let is_used = AtomicBool::new(false);
        let code = at..end;
        places.insert(key, Place { code, is_used });
        at = end;
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use hookyard_hostile::{Guest, HARMLESS};

    use super::*;

    /// Returns a component of many functions. One of them returns `number`.
    fn component(number: u32) -> Vec<u8> {
        let function = |n: u32| format!("(func (export \"f{n}\") (result i32) (i32.const {n}))");
        let functions: String = (0..50).chain([number]).map(function).collect();
        Guest {
            imports: &format!("(core module $m2 {functions}) (core instance (instantiate $m2))"),
            ..HARMLESS
        }
        .build()
    }

    #[test]
    fn next_build_reuses_functions() {
        let folder = tempfile::tempdir().expect("a folder");
        let pack = folder.path().join("acme.functions");
        let plain = wasmtime::Engine::new(&settings()).expect("an engine");
        let compile = |number| {
            let bytes = component(number);
            let (code, reuse) = precompile(&bytes, &pack).expect("it compiles");
            let expected = plain.precompile_component(&bytes).expect("it compiles");
            assert!(code == expected, "the code is the same as without a pack");
            (reuse.functions, reuse.reused)
        };

        // The compiler gives a few of its own functions another key each time.
        let most = |functions: u32| functions * 9 / 10;
        let (functions, reused) = compile(1000);
        assert_eq!(reused, 0);
        let (_, of_same) = compile(1000);
        let (_, of_next) = compile(1001);
        assert!(
            most(functions) <= of_same && of_same <= functions,
            "{of_same}"
        );
        assert!(
            most(functions) <= of_next && of_next < functions,
            "{of_next}"
        );

        let intact = std::fs::read(&pack).expect("a pack");
        let mut flipped = intact.clone();
        flipped[KEY_BYTES + SIZE_BYTES] ^= 1;
        for damaged in [&intact[1..], &intact[..40], &[], &flipped] {
            std::fs::write(&pack, damaged).expect("to damage it");
            assert_eq!(compile(1000).1, 0, "a damaged pack is not used");
        }
    }

    #[test]
    fn reuse_line_is_read_back() {
        let reuse = Reuse {
            functions: 12,
            reused: 7,
        };
        assert_eq!(Reuse::parse(&reuse.line()), Some(reuse));
        for other in ["", "reused", "reused 7", "reused x 12", "thread panicked"] {
            assert_eq!(Reuse::parse(other), None, "{other:?}");
        }
    }
}
