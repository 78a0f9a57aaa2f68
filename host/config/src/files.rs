//! Reads files and folders that operators and tenants name, without ever waiting forever.
//!
//! A path may name a pipe that nobody writes to, or a mount that no longer answers, and a thread
//! that waits for the system cannot be cancelled. Therefore this module opens files without
//! blocking, reads only regular files up to a maximum size, and does so on separate threads. The
//! caller gives a thread up after a timeout. The number of threads that one owner may leave behind
//! is limited.

mod checks;
mod stamp;

pub use checks::{OwnedPath, PathChecks};
pub use stamp::{FolderStamp, Stamp};

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

/// How long a caller waits for the system.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of threads of one owner that may be without an answer. Further reads for the
/// owner fail at once.
const UNANSWERED_MAX: usize = 2;
/// The stack size of a reading thread, in bytes.
const STACK_BYTES: usize = 256 << 10;

/// The threads of each owner that were given up and have not ended. The `Weak` is dead once its
/// thread has ended.
static UNANSWERED: Mutex<BTreeMap<PathBuf, Vec<Weak<()>>>> = Mutex::new(BTreeMap::new());

/// The content of a file.
#[derive(Debug)]
pub struct Content {
    /// All bytes of the file.
    pub bytes: Vec<u8>,
    /// The stamps of the file before and after it was read. They differ if the file changed.
    pub stamps: [Stamp; 2],
}

/// Reads a regular file of at most `bytes_max` bytes.
///
/// The `owner` of the file is identified by a folder: the folder of a tenant or of the
/// configuration.
///
/// # Errors
///
/// Fails if the file is not a regular file, is too large or cannot be read, and if the system does
/// not answer in time.
pub fn read(owner: &Path, path: &Path, bytes_max: u64) -> io::Result<Content> {
    let path = path.to_owned();
    run_with_timeout(owner, move || read_here(&path, bytes_max))
}

/// Like [`read`], for a UTF-8 text file.
pub fn text(owner: &Path, path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read(owner, path, bytes_max)?.bytes)
        .map_err(|_| io::Error::other("not UTF-8 text"))
}

/// Returns up to `count_max` names in a folder, unordered, and whether there are more.
pub fn names(owner: &Path, folder: &Path, count_max: usize) -> io::Result<(Vec<OsString>, bool)> {
    let folder = folder.to_owned();
    run_with_timeout(owner, move || names_here(&folder, count_max))
}

/// Like [`names`], on the current thread.
pub fn names_here(folder: &Path, count_max: usize) -> io::Result<(Vec<OsString>, bool)> {
    let mut entries = fs::read_dir(folder)?;
    let names = entries
        .by_ref()
        .take(count_max)
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<_>>()?;
    Ok((names, entries.next().is_some()))
}

/// Returns whether `path` is a folder.
pub fn is_folder(owner: &Path, path: &Path) -> bool {
    let path = path.to_owned();
    run_with_timeout(owner, move || Ok(path.is_dir())).unwrap_or(false)
}

/// Runs `work`, which may block forever, on a separate thread and waits up to 10 seconds for the
/// result.
pub fn run_with_timeout<T: Send + 'static>(
    owner: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    run_within(owner, TIMEOUT, work)
}

fn run_within<T: Send + 'static>(
    owner: &Path,
    time_max: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    if unanswered(owner) >= UNANSWERED_MAX {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "not tried, because earlier reads for the same owner are still waiting for the system",
        ));
    }

    let (sender, answer) = mpsc::sync_channel(1);
    let alive = Arc::new(());
    let thread = Arc::downgrade(&alive);
    spawn(move || {
        let answer = work();
        // Sending fails if the caller has given this thread up.
        let _ = sender.send(answer);
        drop(alive);
    })?;

    match answer.recv_timeout(time_max) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => {
            lock().entry(owner.to_owned()).or_default().push(thread);
            let seconds = time_max.as_secs();
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the system did not answer within {seconds} s"),
            ))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("the host failed while reading"))
        }
    }
}

/// Returns the number of threads that still wait for the system on behalf of `owner`.
fn unanswered(owner: &Path) -> usize {
    let mut all = lock();
    all.retain(|_, threads| {
        threads.retain(|thread| thread.strong_count() > 0);
        !threads.is_empty()
    });

    all.get(owner).map_or(0, Vec::len)
}

fn lock() -> MutexGuard<'static, BTreeMap<PathBuf, Vec<Weak<()>>>> {
    // No code panics halfway through a change, so the map is consistent even if a thread panicked.
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
    // `NONBLOCK` keeps `open` from waiting for the writer of a pipe.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;

    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }

    let too_large = || {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {bytes_max} bytes"),
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

    let after = Stamp::of(&file.metadata()?);
    Ok(Content {
        bytes,
        stamps: [before, after],
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
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
        check("file", 3, Err("larger than 3 bytes"));
        check("pipe", 4, Err("not a regular file"));
        check(".", 4, Err("not a regular file"));

        let device = read(folder.path(), Path::new("/dev/zero"), 4).expect_err("no file");
        assert_eq!(device.to_string(), "not a regular file");

        let missing = read(folder.path(), &path("missing"), 4).expect_err("no file");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn blocked_read_is_given_up_and_retried() {
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
            let error = run_within(owner, time, hang()).expect_err("no answer");
            assert!(
                error.to_string().starts_with("the system did not answer"),
                "{error}"
            );
        }

        let error = run_within(owner, time, || Ok(())).expect_err("not tried");
        assert!(error.to_string().starts_with("not tried"), "{error}");
        run_within(other, TIMEOUT, || Ok(())).expect("other owners are not affected");

        drop(end);
        let begun = Instant::now();
        while run_within(owner, TIMEOUT, || Ok(())).is_err() {
            assert!(begun.elapsed() < TIMEOUT, "the read is never retried");
        }
    }
}
