//! Files and folders that only their owner may read, from the moment at which they exist, whatever the umask.
//!
//! SQLite gives `-wal`, `-shm` and journals the rights of the database, so the database is what has to be right.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// To be read and written by the owner.
const FILE: u32 = 0o600;
/// To be entered as well.
const FOLDER: u32 = 0o700;

/// Opens a file to read and write, and creates it where there is none.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(FILE).open(path)
}

/// Creates a file, and fails where anything has that name, even a symlink that leads nowhere (`O_EXCL`).
pub(crate) fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(FILE).open(path)
}

/// Creates a folder and those above it; folders that exist stay as they are.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

/// Takes away the rights that others have to a database, its log of changes and its index, as an earlier version may
/// have left them.
pub(crate) fn restrict(path: &Path, database: &File) -> io::Result<()> {
    let mode = database.metadata()?.mode();
    if mode & 0o077 != 0 {
        database.set_permissions(Permissions::from_mode(FILE))?;
        tracing::warn!(
            path = %path.display(),
            mode = format_args!("{:o}", mode & 0o777),
            "others could read the inbox; its files are their owner's alone (600) from now on"
        );
    }

    for suffix in ["-wal", "-shm"] {
        let beside = crate::beside(path, suffix);
        if std::fs::metadata(&beside).is_ok_and(|file| file.mode() & 0o077 != 0) {
            std::fs::set_permissions(&beside, Permissions::from_mode(FILE))?;
        }
    }
    Ok(())
}
