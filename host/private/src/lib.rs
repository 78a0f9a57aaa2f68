//! Files and folders that are the host's own: nobody else may read them, from the moment at which they exist, whatever
//! the umask, and what somebody else may have written isn't trusted.

use std::fmt::Display;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// To be read and written by the owner.
pub const FILE: u32 = 0o600;
/// To be entered as well.
const FOLDER: u32 = 0o700;
/// Only who owns a file in such a folder may replace it, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// Opens a file to read and write, and creates it where there is none.
pub fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE)
        .open(path)
}

/// Creates a file, and fails where anything has that name, even a symlink that leads nowhere (`O_EXCL`).
pub fn create(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path)
}

/// Creates a file in the place of what has that name, unless that is a folder.
pub fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => create(path),
    }
}

/// Creates a folder, and those above it, where there is none. Refuses one in which any user may replace its files.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;
    let mode = fs::metadata(path)?.mode();
    if mode & 0o002 != 0 && mode & STICKY == 0 {
        let path = path.display();
        return Err(refusal(format_args!(
            "any user may write to {path} (mode {:o}); take that away by `chmod o-w {path}`",
            mode & 0o7777
        )));
    }
    Ok(())
}

/// As `folder`, for what is trusted as if this process had just made it. Refuses a folder that is somebody else's, or that
/// anybody else may write to.
pub fn trusted_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;
    require_own(&fs::metadata(path)?).map_err(|why| {
        let path = path.display();
        refusal(format_args!(
            "{why}, who decides what runs here then; remove what you don't trust in {path}, and make it this user's alone \
             (`chown`, `chmod 700`)"
        ))
    })
}

/// Reads a file that only this process's user, or root, may have written.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    require_own(&file.metadata()?).map_err(refusal)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn require_own(metadata: &Metadata) -> Result<(), String> {
    let (owner, user, mode) = (
        metadata.uid(),
        rustix::process::geteuid().as_raw(),
        metadata.mode(),
    );
    // Root can do anything anyway.
    if owner != user && owner != 0 {
        return Err(format!(
            "it belongs to user {owner}, and not to user {user}, as whom this runs"
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
    fn what_is_made_is_the_owners_alone() {
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
    fn nothing_is_written_through_a_symlink() {
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
    fn what_others_may_write_to_is_refused() {
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
