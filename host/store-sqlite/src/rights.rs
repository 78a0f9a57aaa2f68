//! The rights to the files of an inbox. SQLite gives `-wal`, `-shm` and journals the rights of the database, so the
//! database is what has to be right.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hookyard_private::FILE;

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
