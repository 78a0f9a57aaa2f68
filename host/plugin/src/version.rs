//! The versions of an interface that the host offers, and which versions are compatible with them.

use std::fmt;

/// Versions of an interface that the host offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// All versions with the same major number and, below 1.0, the same minor number.
    ///
    /// The value is the last version that this host knows. A plugin that was built against a later
    /// version works unless it uses something that the later version added.
    Compatible(&'static str),
    /// Exactly these versions, since drafts are not compatible with each other. An empty string
    /// means a name without a version.
    Exactly(&'static [&'static str]),
}

impl Versions {
    /// Whether a plugin that was built against `version` can use the interface.
    pub(crate) fn include(self, version: Option<&str>) -> bool {
        match (self, version) {
            (Self::Exactly(versions), version) => versions.contains(&version.unwrap_or("")),
            (Self::Compatible(_), None) => false,
            (Self::Compatible(known), Some(version)) => {
                line(known).is_some() && line(known) == line(version)
            }
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compatible(known) => {
                write!(f, "{}.x (to {known})", line(known).unwrap_or_default())
            }
            Self::Exactly(versions) => {
                for (n, version) in versions.iter().enumerate() {
                    let separator = if n == 0 { "" } else { ", " };
                    let version = if version.is_empty() {
                        "without a version"
                    } else {
                        version
                    };
                    write!(f, "{separator}{version}")?;
                }
                Ok(())
            }
        }
    }
}

/// Returns what compatible versions have in common: `1` for 1.2.3, `0.2` for 0.2.12, and `None` for
/// a draft.
pub(crate) fn line(version: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);

    let is_release = is_number(major)
        && is_number(minor)
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_none();
    let length = if major == "0" {
        major.len() + 1 + minor.len()
    } else {
        major.len()
    };
    is_release.then(|| &version[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_versions_follow_semver() {
        const WASI: Versions = Versions::Compatible("0.2.12");
        const DRAFTS: Versions = Versions::Exactly(&["", "0.1.0-draft"]);

        for (versions, version, expected) in [
            (WASI, Some("0.2.0"), true),
            (WASI, Some("0.2.12"), true),
            (WASI, Some("0.2.99"), true),
            (WASI, Some("0.2.0-rc-2023-11-10"), false),
            (WASI, Some("0.3.0"), false),
            (WASI, Some("0.2"), false),
            (WASI, Some("0.20.0"), false),
            (WASI, None, false),
            (Versions::Compatible("1.4.0"), Some("1.0.0"), true),
            (Versions::Compatible("1.4.0"), Some("2.4.0"), false),
            (
                Versions::Exactly(&["0.2.0-draft2"]),
                Some("0.2.0-draft2"),
                true,
            ),
            (Versions::Exactly(&["0.2.0-draft2"]), Some("0.2.0"), false),
            (Versions::Exactly(&["0.2.0-draft2"]), None, false),
            (DRAFTS, None, true),
            (DRAFTS, Some("0.1.0-draft"), true),
        ] {
            let included = versions.include(version);
            assert_eq!(included, expected, "{version:?} of {versions}");
        }

        assert_eq!(WASI.to_string(), "0.2.x (to 0.2.12)");
        assert_eq!(DRAFTS.to_string(), "without a version, 0.1.0-draft");
    }
}
