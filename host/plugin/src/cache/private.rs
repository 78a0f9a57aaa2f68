//! The folder itself: made for the host's user alone, and refused where others could write what the host runs.

use std::io;
use std::path::Path;

/// Makes the folder where it isn't there.
#[cfg(unix)]
pub(super) fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = std::fs::metadata(folder)?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw() || metadata.uid() == 0;
    match (is_own, metadata.mode() & WRITABLE_BY_OTHERS) {
        (true, 0) => Ok(()),
        (true, _) => Err(refused("others than its owner may write to it; `chmod go-w` it")),
        (false, _) => Err(refused("it belongs to another user than the host's")),
    }
}

#[cfg(unix)]
const WRITABLE_BY_OTHERS: u32 = 0o022;

#[cfg(unix)]
fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Makes the folder where it isn't there.
#[cfg(not(unix))]
pub(super) fn create(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("new/compiled");
        create(&folder).expect("made");
        for (mode, is_good) in [(0o700, true), (0o755, true), (0o770, false), (0o777, false)] {
            set_permissions(&folder, Permissions::from_mode(mode)).expect("set");
            assert_eq!(create(&folder).is_ok(), is_good, "{mode:o}");
        }
    }
}
