//! Removes old entries from the cache.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookyard_model::Revision;

use super::{CacheLimits, ENTRY, FUNCTIONS, UNFINISHED, VERDICT};

/// The number of verdicts that a sweep keeps.
const VERDICTS_MAX: usize = 4096;
/// The time from its last use for which an entry counts as in use. The entry of a plugin that is
/// being loaded, here or in another process, is not known to be in use yet.
const FRESH_AGE: Duration = Duration::from_secs(600);
/// The age at which the time of an entry in use is set again.
const TOUCHED_AGE: Duration = Duration::from_secs(3600);
/// The age at which an unfinished file counts as left by a crash. A process may still be writing a
/// younger file.
const UNFINISHED_AGE: Duration = Duration::from_secs(3600);

/// Removes files that a crash left unfinished, the entries of unused code that are too many or too
/// old, and the oldest verdicts. Files with other names are not touched.
///
/// Sets the time of the entries in use, so that another host with the same folder sees that they are
/// used.
pub(super) fn sweep(
    folder: &Path,
    in_use: &BTreeSet<String>,
    limits: &CacheLimits,
    now: SystemTime,
) -> io::Result<()> {
    let mut entries = Vec::new();
    let mut verdicts = Vec::new();

    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if !has_revision(&name) {
            continue;
        }
        // Another sweep may have removed the file.
        let Ok(found) = Found::new(&file) else {
            continue;
        };

        match found
            .path
            .extension()
            .and_then(|extension| extension.to_str())
        {
            _ if in_use.contains(&name) => found.touch(now),
            Some(UNFINISHED) if found.is_older(UNFINISHED_AGE, now) => remove(&found.path)?,
            Some(ENTRY) if found.is_older(FRESH_AGE, now) => entries.push(found),
            Some(VERDICT) => verdicts.push(found),
            _ => {}
        }
    }

    remove_beyond(entries, limits.unused_max, limits.unused_age, now)?;
    verdicts.sort();
    let surplus = verdicts.len().saturating_sub(VERDICTS_MAX);
    let mut oldest = verdicts.iter().take(surplus);
    oldest.try_for_each(|verdict| remove(&verdict.path))
}

/// Removes packs of compiled functions that a crash left unfinished, and the packs that were used
/// the longest time ago, until all packs together have at most `bytes_max` bytes.
pub(super) fn sweep_functions(folder: &Path, bytes_max: u64, now: SystemTime) -> io::Result<()> {
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    let mut packs = Vec::new();

    for file in files {
        // Another sweep may have removed the file.
        let Ok(found) = Found::new(&file?) else {
            continue;
        };
        match found
            .path
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some(UNFINISHED) if found.is_older(UNFINISHED_AGE, now) => remove(&found.path)?,
            Some(FUNCTIONS) => packs.push(found),
            _ => {}
        }
    }

    remove_beyond(packs, bytes_max, Duration::MAX, now)
}

/// A file in the cache. The order is by time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    modified: SystemTime,
    bytes: u64,
    path: PathBuf,
}

impl Found {
    fn new(file: &fs::DirEntry) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            modified: metadata.modified()?,
            bytes: metadata.len(),
            path: file.path(),
        })
    }

    fn is_older(&self, age: Duration, now: SystemTime) -> bool {
        now.duration_since(self.modified)
            .is_ok_and(|own| own >= age)
    }

    /// Sets the time of an entry in use, unless that has happened not long ago.
    fn touch(&self, now: SystemTime) {
        if self.is_older(TOUCHED_AGE, now) {
            // If this fails, the entry counts as older than it is.
            let _touched = fs::File::options()
                .append(true)
                .open(&self.path)
                .and_then(|file| file.set_modified(now));
        }
    }
}

/// Removes the files that are too old. Of the others, keeps those that were used last and have room.
fn remove_beyond(
    mut files: Vec<Found>,
    bytes_max: u64,
    age_max: Duration,
    now: SystemTime,
) -> io::Result<()> {
    files.sort();
    let mut room = bytes_max;
    for file in files.into_iter().rev() {
        match room.checked_sub(file.bytes) {
            Some(left) if !file.is_older(age_max, now) => room = left,
            _ => remove(&file.path)?,
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Whether the name of a file begins with a revision.
fn has_revision(name: &str) -> bool {
    name.split_once('-')
        .is_some_and(|(revision, _)| revision.parse::<Revision>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_kept_up_to_their_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        let write = |name: &str, bytes: usize, age: Duration| {
            let path = folder.path().join(name);
            fs::write(&path, vec![0; bytes]).expect("a file");
            let file = fs::File::options().append(true).open(path);
            file.expect("a file")
                .set_modified(now - age)
                .expect("to set its time");
        };
        write("old.functions", 10, Duration::from_secs(20));
        write("large.functions", 95, Duration::from_secs(10));
        write("new.functions", 10, Duration::ZERO);
        write("crashed.new", 1, UNFINISHED_AGE * 2);
        write("notes.txt", 200, UNFINISHED_AGE * 2);

        sweep_functions(folder.path(), 100, now).expect("to sweep");
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .expect("to list")
            .map(|file| file.expect("to list").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["new.functions", "notes.txt", "old.functions"]);

        let missing = folder.path().join("missing");
        sweep_functions(&missing, 100, now).expect("nothing to sweep");
    }

    /// A folder with entries of 10 bytes, each used an hour before the last.
    struct Folder {
        folder: tempfile::TempDir,
        now: SystemTime,
    }

    impl Folder {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().expect("a folder"),
                now: SystemTime::now(),
            }
        }

        fn write(&self, name: &str, age: Duration) {
            let path = self.folder.path().join(name);
            fs::write(&path, [0; 10]).expect("a file");
            let file = fs::File::options().append(true).open(path);
            let file = file.expect("the file");
            file.set_modified(self.now - age).expect("to set its time");
        }

        /// Adds so many entries. Returns their names, that of the newest first.
        fn fill(&self, count: u16) -> Vec<String> {
            (0..count)
                .map(|n| {
                    let entry = format!("{}.code", name(n));
                    self.write(&entry, Duration::from_secs(3600) * u32::from(n));
                    entry
                })
                .collect()
        }

        fn sweep(&self, in_use: &[String], limits: CacheLimits) -> BTreeSet<String> {
            let in_use = in_use.iter().cloned().collect();
            sweep(self.folder.path(), &in_use, &limits, self.now).expect("to sweep");
            let left = fs::read_dir(self.folder.path()).expect("to list");
            left.map(|file| file.expect("to list").file_name())
                .map(|name| name.into_string().expect("a name"))
                .collect()
        }
    }

    fn name(n: u16) -> String {
        let [high, low] = n.to_be_bytes();
        let revision = Revision::from_sha256(std::array::from_fn(|at| match at {
            0 => high,
            _ => low,
        }));
        format!("{revision}-0123456789abcdef")
    }

    fn limits(unused_max: u64, hours: u32) -> CacheLimits {
        CacheLimits {
            unused_max,
            unused_age: Duration::from_secs(3600) * hours,
            functions_max: 0,
        }
    }

    #[test]
    fn entries_in_use_are_never_removed() {
        let folder = Folder::new();
        let entries = folder.fill(300);
        let all: BTreeSet<_> = entries.iter().cloned().collect();
        assert_eq!(folder.sweep(&entries, limits(0, 0)), all);

        // Another host with the same folder keeps them for the time of their last use, which the
        // sweep has set.
        assert_eq!(folder.sweep(&[], limits(u64::MAX, 2)), all);

        // Plugins that are removed leave the code of the others.
        folder.write(&entries[299], FRESH_AGE);
        let left: BTreeSet<_> = entries[..299].iter().cloned().collect();
        assert_eq!(folder.sweep(&entries[..299], limits(0, 0)), left);
    }

    #[test]
    fn unused_entries_are_bounded() {
        for (limits, expected) in [
            (limits(1000, 100), 6),
            (limits(29, 100), 3),
            (limits(1000, 3), 3),
            (limits(0, 0), 1),
        ] {
            let folder = Folder::new();
            let entries = folder.fill(6);
            let left: BTreeSet<_> = entries[..expected].iter().cloned().collect();
            assert_eq!(folder.sweep(&[], limits), left, "{limits:?}");
        }
    }

    #[test]
    fn only_own_files_are_removed() {
        let folder = Folder::new();
        let unfinished =
            ["7-ThreadId(1)", "8-ThreadId(2)"].map(|process| format!("{}.{process}.new", name(1)));
        folder.write(&unfinished[0], UNFINISHED_AGE / 2);
        folder.write(&unfinished[1], UNFINISHED_AGE * 2);
        let others = [
            "precious.code".to_owned(),
            "notes.new".to_owned(),
            format!("{}.txt", name(9)),
        ];
        others
            .iter()
            .for_each(|name| folder.write(name, UNFINISHED_AGE * 2));

        let expected = [&others[..], &unfinished[..1]].concat();
        assert_eq!(
            folder.sweep(&[], limits(0, 0)),
            expected.into_iter().collect()
        );
    }
}
