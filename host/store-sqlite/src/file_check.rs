//! A check that the files of an open database are still where the host opened them. It notices
//! files that were moved, removed, replaced or cut.
//!
//! A process can write to a file that has lost its name, and the file disappears when the process
//! closes it. A commit to such a file must not be acknowledged, so the writer checks before each
//! group is answered. A check takes a few microseconds: one `stat` for each file, and one read of
//! the header.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::host_lock::HostLock;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The number of bytes of the header that are read (<https://www.sqlite.org/fileformat.html>,
/// section 1.3).
const HEADER_BYTES: usize = 32;
/// The maximum time for which a database may be shorter than its header says.
const SHORT_MAX: Duration = Duration::from_millis(400);

/// The files that a host has open, and the paths that must lead to them.
pub(crate) struct FileCheck {
    lock: Arc<HostLock>,
    files: Vec<(PathBuf, Identity)>,
    /// The size that the header claims, and the time since which the file is shorter than that.
    short_of: Option<(u64, Instant)>,
}

/// The identity of a file: its device and its inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

/// A fault of one of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileFault {
    /// No file has its path.
    Gone(PathBuf),
    /// Another file has its path.
    Replaced(PathBuf),
    /// Its path cannot be examined.
    Unknown(PathBuf, io::ErrorKind),
    /// The file is shorter than its header says, or has no header.
    Cut(PathBuf),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(path) => write!(f, "{} was removed or moved away", path.display()),
            Self::Replaced(path) => write!(f, "{} was replaced by another file", path.display()),
            Self::Unknown(path, error) => {
                write!(f, "{} cannot be examined: {error}", path.display())
            }
            Self::Cut(path) => write!(f, "{} was cut short or overwritten", path.display()),
        }
    }
}

impl std::error::Error for FileFault {}

impl FileCheck {
    /// Records the files of the database at `path`. SQLite must have opened the database and its
    /// write-ahead log.
    pub(crate) fn new(path: &Path, lock: Arc<HostLock>) -> io::Result<Self> {
        // SQLite follows symlinks when it opens the database. Its other files are next to the file
        // that it finds.
        let real = fs::canonicalize(path)?;
        let noted = |path: PathBuf| Ok((path.clone(), Identity::of(&fs::metadata(&path)?)));
        let database = (path.to_owned(), Identity::of(&lock.database().metadata()?));
        let beside = ["-wal", "-shm"].map(|suffix| noted(crate::sibling(&real, suffix)));
        let files = std::iter::once(Ok(database))
            .chain(beside)
            .collect::<io::Result<_>>()?;

        Ok(Self {
            lock,
            files,
            short_of: None,
        })
    }

    /// Fails if one of the files is not the file that was recorded.
    pub(crate) fn check(&mut self) -> Result<(), FileFault> {
        // The first file is the database.
        let mut database_bytes = None;
        for (path, noted) in &self.files {
            match fs::metadata(path) {
                Ok(found) if Identity::of(&found) == *noted => {
                    database_bytes.get_or_insert(found.len());
                }
                Ok(_) => return Err(FileFault::Replaced(path.clone())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(FileFault::Gone(path.clone()));
                }
                Err(error) => return Err(FileFault::Unknown(path.clone(), error.kind())),
            }
        }

        let cut = || FileFault::Cut(self.files[0].0.clone());
        let size = Size::read(self.lock.database(), database_bytes.unwrap_or_default())
            .map_err(|_| cut())?;
        self.short_of = match size.missing() {
            Missing::Nothing => None,
            Missing::Header => return Err(cut()),
            Missing::Pages { claimed } => match self.short_of {
                Some((before, since)) if before == claimed && since.elapsed() > SHORT_MAX => {
                    return Err(cut());
                }
                Some((before, since)) if before == claimed => Some((claimed, since)),
                _ => Some((claimed, Instant::now())),
            },
        };
        Ok(())
    }
}

/// The size of the database file, and the size that its header claims.
#[derive(Debug, Clone, Copy)]
struct Size {
    file_bytes: u64,
    /// The size that the header claims, or `None` if there is no header.
    claimed_bytes: Option<u64>,
}

/// The part that a database file lacks.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    Nothing,
    Header,
    /// Some of the bytes that the header claims. A process that moves the write-ahead log into the
    /// database writes the header first and then extends the file, so pages may be missing for a
    /// moment.
    Pages {
        claimed: u64,
    },
}

impl Size {
    fn read(database: &File, file_bytes: u64) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        let is_whole = match database.read_exact_at(&mut header, 0) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };

        let claimed_bytes = if is_whole {
            claimed_bytes(&header)
        } else {
            None
        };

        Ok(Self {
            file_bytes,
            claimed_bytes,
        })
    }

    fn missing(self) -> Missing {
        match self.claimed_bytes {
            None => Missing::Header,
            Some(claimed) if self.file_bytes >= claimed => Missing::Nothing,
            Some(claimed) => Missing::Pages { claimed },
        }
    }
}

/// Returns the number of pages times their size. Both are in the header.
fn claimed_bytes(header: &[u8; HEADER_BYTES]) -> Option<u64> {
    if !header.starts_with(MAGIC) {
        return None;
    }

    let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        bytes => u64::from(bytes),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);

    Some(u64::from(pages) * page_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_database_lacks_pages() {
        let missing = |file_bytes, claimed_bytes| {
            Size {
                file_bytes,
                claimed_bytes,
            }
            .missing()
        };

        assert_eq!(missing(4096, Some(4096)), Missing::Nothing);
        assert_eq!(missing(8192, Some(4096)), Missing::Nothing);
        assert_eq!(missing(4096, Some(8192)), Missing::Pages { claimed: 8192 });
        assert_eq!(missing(0, None), Missing::Header);
    }

    #[test]
    fn header_tells_database_size() {
        let mut header = [0; HEADER_BYTES];
        assert_eq!(claimed_bytes(&header), None);
        header[..16].copy_from_slice(MAGIC);
        header[16..18].copy_from_slice(&4096_u16.to_be_bytes());
        header[28..32].copy_from_slice(&3_u32.to_be_bytes());
        assert_eq!(claimed_bytes(&header), Some(12_288));
        header[16..18].copy_from_slice(&1_u16.to_be_bytes());
        assert_eq!(claimed_bytes(&header), Some(196_608));
    }
}
