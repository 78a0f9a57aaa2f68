//! Removes old entries from the cache.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hookyard_model::Revision;

use super::{ENTRY, FUNCTIONS, UNFINISHED, VERDICT};

/// The number of entries that a sweep keeps in addition to the entries in use.
const UNUSED_MAX: usize = 256;
/// The number of verdicts that a sweep keeps.
const VERDICTS_MAX: usize = 4096;
/// The age at which an unfinished file counts as left by a crash. A process may still be writing a
/// younger file.
const UNFINISHED_AGE: Duration = Duration::from_secs(3600);

/// Removes files that a crash left unfinished, the least recently used entries, and the oldest
/// verdicts. Files with other names are not touched.
pub(super) fn sweep(folder: &Path, in_use: &BTreeSet<String>, now: SystemTime) -> io::Result<()> {
    sweep_entries(folder, in_use, UNUSED_MAX, now)
}

fn sweep_entries(
    folder: &Path,
    in_use: &BTreeSet<String>,
    unused_max: usize,
    now: SystemTime,
) -> io::Result<()> {
    let mut entries = Vec::new();
    let mut verdicts = Vec::new();

    for file in fs::read_dir(folder)? {
        let file = file?;
        let path = file.path();
        let name = file.file_name().to_string_lossy().into_owned();
        if !has_revision(&name) || in_use.contains(&name) {
            continue;
        }
        // Another sweep may have removed the file.
        let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };

        match path.extension().and_then(|extension| extension.to_str()) {
            Some(UNFINISHED) if is_abandoned(modified, now) => remove(&path)?,
            Some(ENTRY) => entries.push((modified, path)),
            Some(VERDICT) => verdicts.push((modified, path)),
            _ => {}
        }
    }

    remove_oldest(entries, unused_max)?;
    remove_oldest(verdicts, VERDICTS_MAX)
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
        let path = file?.path();
        // Another sweep may have removed the file.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        let modified = metadata.modified()?;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(UNFINISHED) if is_abandoned(modified, now) => remove(&path)?,
            Some(FUNCTIONS) => packs.push((modified, metadata.len(), path)),
            _ => {}
        }
    }

    packs.sort();
    let mut room = bytes_max;
    for (_, bytes, path) in packs.into_iter().rev() {
        match room.checked_sub(bytes) {
            Some(left) => room = left,
            None => remove(&path)?,
        }
    }
    Ok(())
}

fn is_abandoned(modified: SystemTime, now: SystemTime) -> bool {
    now.duration_since(modified)
        .is_ok_and(|age| age >= UNFINISHED_AGE)
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

    #[test]
    fn sweep_keeps_recent_and_used_entries() {
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
        sweep_entries(folder.path(), &in_use, 2, now).expect("to sweep");
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
}
