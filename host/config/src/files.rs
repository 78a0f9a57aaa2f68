//! Files and folders that operators and tenants name. Whatever stands there, nobody waits for it without end.
//!
//! A file may be a pipe that nobody writes to, or stand on a mount that no longer answers, and a thread that waits for
//! the system can't be called back. So files are opened without waiting, only regular files are read, up to a bound, and
//! all of that happens on threads of its own, which are given up after a time. The few that an owner may leave behind
//! without an answer are counted.

mod looks;

pub use looks::{Looks, Place};

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

pub mod stamp;
pub use stamp::{FolderStamp, Stamp};

/// How long the system is waited for.
const TIME_MAX: Duration = Duration::from_secs(10);
/// Threads of one owner that may be without an answer. While there are that many, nothing more is tried.
const UNANSWERED_MAX: usize = 2;
/// What such a thread needs of a stack.
const STACK_BYTES: usize = 256 << 10;

/// The threads of each owner that were given up and have not ended yet.
static UNANSWERED: Mutex<BTreeMap<PathBuf, Vec<Weak<()>>>> = Mutex::new(BTreeMap::new());

/// What was read of a file.
#[derive(Debug)]
pub struct Content {
    pub bytes: Vec<u8>,
    /// The file as it was when it was opened, and when it had been read.
    pub stamps: [Stamp; 2],
}

/// Reads a regular file of at most `bytes_max` bytes. Its owner is known by a folder: that of a tenant, or that of the
/// configuration.
pub fn read(owner: &Path, path: &Path, bytes_max: u64) -> io::Result<Content> {
    let path = path.to_owned();
    within(owner, move || read_here(&path, bytes_max))
}

/// As `read`, for a file of text.
pub fn text(owner: &Path, path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read(owner, path, bytes_max)?.bytes)
        .map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// The names in a folder, at most so many of them, in no order; and whether there are more.
pub fn names(owner: &Path, folder: &Path, count_max: usize) -> io::Result<(Vec<OsString>, bool)> {
    let folder = folder.to_owned();
    within(owner, move || names_here(&folder, count_max))
}

/// As `names`, on this thread.
pub fn names_here(folder: &Path, count_max: usize) -> io::Result<(Vec<OsString>, bool)> {
    let mut entries = fs::read_dir(folder)?;
    let names = entries
        .by_ref()
        .take(count_max)
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    Ok((names, entries.next().is_some()))
}

/// Whether a folder stands there.
pub fn is_folder(owner: &Path, path: &Path) -> bool {
    let path = path.to_owned();
    within(owner, move || Ok(path.is_dir())).unwrap_or(false)
}

/// Does what may never end on a thread of its own, and waits for it for a time.
pub fn within<T: Send + 'static>(
    owner: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    within_time(owner, TIME_MAX, work)
}

fn within_time<T: Send + 'static>(
    owner: &Path,
    time_max: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    if unanswered(owner) >= UNANSWERED_MAX {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it was not tried: earlier reads for the same owner are still without an answer",
        ));
    }

    let (sender, answer) = mpsc::sync_channel(1);
    let life = Arc::new(());
    let end = Arc::downgrade(&life);
    spawn(move || {
        let answer = work();
        // The receiver is gone when the reader has given up.
        let _ = sender.send(answer);
        drop(life);
    })?;
    match answer.recv_timeout(time_max) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => {
            lock().entry(owner.to_owned()).or_default().push(end);
            let seconds = time_max.as_secs();
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the system gave no answer within {seconds} s"),
            ))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("the host failed while it read"))
        }
    }
}

fn unanswered(owner: &Path) -> usize {
    let mut all = lock();
    all.retain(|_, threads| {
        threads.retain(|thread| thread.strong_count() > 0);
        !threads.is_empty()
    });
    all.get(owner).map_or(0, Vec::len)
}

fn lock() -> std::sync::MutexGuard<'static, BTreeMap<PathBuf, Vec<Weak<()>>>> {
    // It's whole whenever the lock is free.
    UNANSWERED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name("files".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(work)
        .map(drop)
}

fn read_here(path: &Path, bytes_max: u64) -> io::Result<Content> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }

    let too_large = || {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        )
    };
    let before = Stamp::of(&metadata);
    if before.bytes > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    (&file)
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large());
    }
    Ok(Content {
        bytes,
        stamps: [before, stamp(&file)?],
    })
}

fn stamp(file: &File) -> io::Result<Stamp> {
    Ok(Stamp::of(&file.metadata()?))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let check = |name: &str, bytes_max: u64, expected: Result<&[u8], &str>| {
            let found = read(folder.path(), &path(name), bytes_max);
            let found = found
                .map(|content| content.bytes)
                .map_err(|error| error.to_string());
            assert_eq!(
                found,
                expected.map(<[u8]>::to_vec).map_err(str::to_owned),
                "{name}"
            );
        };
        fs::write(path("file"), "text").expect("written");
        assert!(
            Command::new("mkfifo")
                .arg(path("pipe"))
                .status()
                .expect("started")
                .success()
        );
        check("file", 4, Ok(b"text"));
        check("file", 3, Err("it has more than 3 bytes"));
        check("pipe", 4, Err("it is not a regular file"));
        check(".", 4, Err("it is not a regular file"));
        let device = read(folder.path(), Path::new("/dev/zero"), 4).expect_err("no file");
        assert_eq!(device.to_string(), "it is not a regular file");
        let missing = read(folder.path(), &path("missing"), 4).expect_err("no file");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_never_answers_is_given_up_and_tried_again_once_it_has_ended() {
        let (owner, other, time) = (
            Path::new("a tenant"),
            Path::new("another"),
            Duration::from_millis(50),
        );
        let (end, ended) = mpsc::sync_channel::<()>(0);
        let ended = Arc::new(Mutex::new(ended));
        let hang = || {
            let ended = Arc::clone(&ended);
            move || Ok(ended.lock().expect("unpoisoned").recv().is_ok())
        };
        for _ in 0..UNANSWERED_MAX {
            let error = within_time(owner, time, hang()).expect_err("no answer");
            assert!(
                error.to_string().starts_with("the system gave no answer"),
                "{error}"
            );
        }
        let error = within_time(owner, time, || Ok(())).expect_err("not tried");
        assert!(error.to_string().starts_with("it was not tried"), "{error}");
        within_time(other, TIME_MAX, || Ok(())).expect("nobody else waits");

        drop(end);
        let begun = Instant::now();
        while within_time(owner, TIME_MAX, || Ok(())).is_err() {
            assert!(begun.elapsed() < TIME_MAX, "it is never tried again");
        }
    }
}
