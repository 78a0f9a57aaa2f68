//! What plugins may import: which interfaces, in which versions, and what has to be granted for each.
//!
//! One table, for what is checked when a plugin is loaded (`imports`) and for what is told to people.

use std::fmt;

use crate::Grants;
use crate::capability::{CONFIG_VERSIONS, LOGGING_VERSIONS};
use crate::effects::KEYVALUE_VERSIONS;

/// Something that plugins may import.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// An interface such as `wasi:keyvalue/store`, or a package such as `wasi:io` for all that is in it.
    pub name: &'static str,
    /// In which versions.
    pub versions: Versions,
    /// What it takes.
    pub need: Need,
}

/// Versions of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// All that are compatible with this one: of the same major and, below 1.0, minor version. It's the last one that
    /// this host knows; a later one will do as well, unless it's used for what was added there.
    Compatible(&'static str),
    /// These alone, as drafts are compatible with nothing; an empty one is a name without a version.
    Exactly(&'static [&'static str]),
}

/// What an operator has to grant for an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: it reaches nothing.
    Nothing,
    /// `logging = true`
    Logging,
    /// `config = true`
    Config,
    /// `keyvalue = true`
    Keyvalue,
    /// A destination.
    Destination,
    /// A host.
    Http,
}

/// A grant that a plugin lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What it lacks.
    pub need: Need,
    /// The provider whose typed events the destination has to take, where it's one.
    pub provider: Option<String>,
}

const WASI: Versions = Versions::Compatible("0.2.12");
const KEYVALUE: Versions = Versions::Exactly(&KEYVALUE_VERSIONS);

const fn offer(name: &'static str, versions: Versions, need: Need) -> Offer {
    Offer {
        name,
        versions,
        need,
    }
}

/// All that is offered. Files, sockets and the environment are there because standard libraries import them whether they
/// are used or not; nothing is behind them.
pub const OFFERS: [Offer; 14] = [
    offer("wasi:cli", WASI, Need::Nothing),
    offer("wasi:clocks", WASI, Need::Nothing),
    offer("wasi:filesystem", WASI, Need::Nothing),
    offer("wasi:io", WASI, Need::Nothing),
    offer("wasi:random", WASI, Need::Nothing),
    offer("wasi:sockets", WASI, Need::Nothing),
    // The functions that send are in the other one.
    offer("wasi:http/types", WASI, Need::Nothing),
    offer("wasi:http/outgoing-handler", WASI, Need::Http),
    offer(
        "wasi:logging/logging",
        Versions::Exactly(&LOGGING_VERSIONS),
        Need::Logging,
    ),
    offer(
        "wasi:config/store",
        Versions::Exactly(&CONFIG_VERSIONS),
        Need::Config,
    ),
    offer("wasi:keyvalue/store", KEYVALUE, Need::Keyvalue),
    offer("wasi:keyvalue/atomics", KEYVALUE, Need::Keyvalue),
    offer("wasi:keyvalue/batch", KEYVALUE, Need::Keyvalue),
    offer(
        "hookyard:plugin/outbox",
        Versions::Compatible("0.1.0"),
        Need::Destination,
    ),
];

/// The offer of an interface, given without its version.
pub(crate) fn find(interface: &str) -> Option<&'static Offer> {
    let package = interface.split('/').next().unwrap_or_default();
    OFFERS
        .iter()
        .find(|offer| offer.name == interface || offer.name == package)
}

/// The offers of a package, its single interfaces among them.
pub(crate) fn of_package(package: &str) -> impl Iterator<Item = &'static Offer> {
    OFFERS
        .iter()
        .filter(move |offer| offer.name.split('/').next() == Some(package))
}

impl Versions {
    /// Whether a plugin that was built against `version` can be given this.
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

/// What compatible versions have in common: `1` of 1.2.3 and `0.2` of 0.2.12. None of a draft.
pub(crate) fn line(version: &str) -> Option<&str> {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next()?, numbers.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_number(major)
        && is_number(minor)
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_none();
    let length = if major == "0" {
        major.len() + 1 + minor.len()
    } else {
        major.len()
    };
    is_plain.then(|| &version[..length])
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compatible(known) => {
                write!(f, "{}.x (to {known})", line(known).unwrap_or_default())
            }
            Self::Exactly(versions) => {
                for (n, version) in versions.iter().enumerate() {
                    let between = if n == 0 { "" } else { ", " };
                    write!(
                        f,
                        "{between}{}",
                        if version.is_empty() {
                            "without a version"
                        } else {
                            version
                        }
                    )?;
                }
                Ok(())
            }
        }
    }
}

impl Need {
    /// Whether a plugin with these grants has it.
    pub(crate) fn is_met(self, grants: &Grants) -> bool {
        match self {
            Self::Nothing => true,
            Self::Logging => grants.logging,
            Self::Config => grants.config,
            Self::Keyvalue => grants.keyvalue,
            Self::Destination => !grants.destinations.is_empty(),
            Self::Http => !grants.http.is_empty(),
        }
    }

    /// The key of a `[grants]` table that grants it; none where nothing has to be granted.
    pub const fn key(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Logging => Some("logging"),
            Self::Config => Some("config"),
            Self::Keyvalue => Some("keyvalue"),
            Self::Destination => Some("destinations"),
            Self::Http => Some("http"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_the_rule_of_semver() {
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
            (KEYVALUE, Some("0.2.0-draft2"), true),
            (KEYVALUE, Some("0.2.0"), false),
            (Versions::Exactly(&LOGGING_VERSIONS), None, true),
            (
                Versions::Exactly(&LOGGING_VERSIONS),
                Some("0.1.0-draft"),
                true,
            ),
            (Versions::Exactly(&CONFIG_VERSIONS), None, false),
        ] {
            assert_eq!(
                versions.include(version),
                expected,
                "{version:?} of {versions}"
            );
        }
        assert_eq!(WASI.to_string(), "0.2.x (to 0.2.12)");
        assert_eq!(
            Versions::Exactly(&LOGGING_VERSIONS).to_string(),
            "without a version, 0.1.0-draft"
        );
    }
}
