//! The permissions of the files of a store. SQLite gives `-wal`, `-shm` and journals the
//! permissions of the database.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use hookyard_private::FILE;

/// Removes the permissions that other users have to a database, its write-ahead log and its shared
/// memory. An earlier version may have left them.
pub(crate) fn restrict(path: &Path, database: &File) -> io::Result<()> {
    let mode = database.metadata()?.mode();
    if mode & 0o077 != 0 {
        database.set_permissions(Permissions::from_mode(FILE))?;
        tracing::warn!(
            path = %path.display(),
            mode = format_args!("{:o}", mode & 0o777),
            "other users could read the store; its files now belong to their owner alone (mode 600)"
        );
    }

    for suffix in ["-wal", "-shm"] {
        let file = crate::sibling(path, suffix);
        if std::fs::metadata(&file).is_ok_and(|file| file.mode() & 0o077 != 0) {
            std::fs::set_permissions(&file, Permissions::from_mode(FILE))?;
        }
    }
    Ok(())
}
