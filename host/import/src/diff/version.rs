//! The version of the WIT package after an import.

use super::{Change, is_breaking};
use crate::lock::Lock;

/// Returns the version of the package that is written. Types that are the same keep their version,
/// breaking changes raise the first part that is not 0, and other changes the part behind.
///
/// A version that is not three numbers becomes `1.0.0`.
pub fn next_version(old: &Lock, written: &Lock, changes: &[Change]) -> String {
    let parts: Vec<u64> = old
        .package
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    let [major, minor, patch] = *parts.as_slice() else {
        return "1.0.0".to_owned();
    };
    let (major, minor, patch) = match (old.events == written.events, is_breaking(changes)) {
        (true, _) => (major, minor, patch),
        (false, true) if major > 0 => (major + 1, 0, 0),
        (false, false) if major == 0 => (0, minor, patch + 1),
        (false, _) => (major, minor + 1, 0),
    };
    format!("{major}.{minor}.{patch}")
}

/// Returns the line of `provider.toml` that allows only plugins of the package's version.
pub fn versions_line(package: &str) -> String {
    let mut parts = package.split('.');
    let line = match (parts.next(), parts.next()) {
        (Some("0"), Some(minor)) => format!("0.{minor}"),
        (Some(major), _) => major.to_owned(),
        (None, _) => String::new(),
    };
    format!("versions = [\"{line}\"]")
}
