//! Files and folders that belong to the host alone.
//!
//! Other users cannot read them, from the moment at which they are created and with every umask.
//! Content that another user may have written is not trusted: it is refused when it is read.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The mode of a private file: the owner may read and write it.
pub const FILE: u32 = 0o600;
/// The mode of a private folder: the owner may also enter it.
const FOLDER: u32 = 0o700;
/// The bit of folders such as `/tmp`, where only the owner of a file may replace it.
const STICKY: u32 = 0o1000;

/// Opens a file for reading and writing, and creates it if it does not exist.
///
/// # Errors
///
/// Returns the error of the system.
pub fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .open(path)
}

/// Creates a file.
///
/// # Errors
///
/// Fails if anything has this name, even a symlink that leads nowhere (`O_EXCL`).
pub fn create(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path)
}

/// Creates a file, and removes the file or symlink that has this name.
///
/// # Errors
///
/// Fails if a folder has this name.
pub fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => create(path),
    }
}

/// Creates a folder and its parents if they do not exist.
///
/// # Errors
///
/// Refuses a folder in which every user may replace files.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;

    let mode = fs::metadata(path)?.mode();
    if mode & 0o002 != 0 && mode & STICKY == 0 {
        let path = path.display();
        return Err(refusal(format_args!(
            "every user may write to {path} (mode {:o}); forbid it with `chmod o-w {path}`",
            mode & 0o7777
        )));
    }
    Ok(())
}

/// Does the same as [`folder`], for content that is trusted as if this process had just written it.
///
/// # Errors
///
/// Refuses a folder that belongs to another user, or that others may write to.
pub fn trusted_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;
    require_own(&fs::metadata(path)?).map_err(|why| {
        let path = path.display();
        refusal(format_args!(
            "{why}, and could decide what code runs here; remove everything in {path} that you do not \
             trust, and give the folder to this user alone (`chown`, `chmod 700`)"
        ))
    })
}

/// Reads a file that only the user of this process, or root, can have written.
///
/// # Errors
///
/// Refuses a file that another user owns or may write to.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    open_trusted(path)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Opens a file for reading that only the user of this process, or root, can have written.
///
/// # Errors
///
/// Refuses a file that another user owns or may write to.
pub fn open_trusted(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    require_own(&file.metadata()?).map_err(refusal)?;
    Ok(file)
}

fn require_own(metadata: &Metadata) -> Result<(), String> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    let user = rustix::process::geteuid().as_raw();

    // Root can replace the file anyway.
    if owner != user && owner != 0 {
        return Err(format!(
            "it belongs to user {owner}, but this process runs as user {user}"
        ));
    }
    if mode & 0o022 != 0 {
        return Err(format!("others may write to it (mode {:o})", mode & 0o7777));
    }
    Ok(())
}

fn refusal(why: impl Display) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, why.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn created_files_belong_to_the_owner_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let (inner, file) = (root.path().join("a/b"), root.path().join("a/b/file"));
        trusted_folder(&inner).expect("made");
        create(&file).expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!(
            [mode(&root.path().join("a")), mode(&inner), mode(&file)],
            [FOLDER, FOLDER, FILE]
        );
    }

    #[test]
    fn create_does_not_follow_a_symlink() {
        let root = tempfile::tempdir().expect("a folder");
        let (victim, link) = (root.path().join("victim"), root.path().join("link"));
        fs::write(&victim, "precious").expect("written");
        symlink(&victim, &link).expect("linked");
        assert!(create(&link).is_err());
        create_anew(&link).expect("made");
        assert_eq!(fs::read_to_string(&victim).expect("there"), "precious");
        assert!(fs::symlink_metadata(&link).expect("there").is_file());
    }

    #[test]
    fn folder_that_others_may_write_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let check = |mode: u32, is_folder: bool, is_trusted: bool| {
            set_mode(root.path(), mode);
            assert_eq!(folder(root.path()).is_ok(), is_folder, "{mode:o}");
            assert_eq!(trusted_folder(root.path()).is_ok(), is_trusted, "{mode:o}");
        };
        check(0o700, true, true);
        check(0o755, true, true);
        check(0o775, true, false);
        check(0o777, false, false);
        check(0o1777, true, false);

        let file = root.path().join("file");
        fs::write(&file, "code").expect("written");
        set_mode(&file, 0o644);
        assert_eq!(read(&file).expect("own"), b"code");
        set_mode(&file, 0o666);
        assert_eq!(
            read(&file).expect_err("anybody's").kind(),
            ErrorKind::PermissionDenied
        );
    }
}
