//! Names that operators choose, and the hash that names a loaded component.
//!
//! A name is part of a URL path, a folder and a database key, so its alphabet is small and checked once, here.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

const LENGTH_MAX: usize = 64;

/// A text that can't be used as a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a usable {kind} name: use 1 to {LENGTH_MAX} of a-z, 0-9, `-` and `_`, with a letter or digit first"
)]
pub struct InvalidName {
    /// What kind of thing was to be named.
    pub kind: &'static str,
    /// The text as given.
    pub given: String,
}

fn is_valid(text: &str) -> bool {
    let first_fits = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    first_fits
        && text.len() <= LENGTH_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks and takes a name.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, given: text.to_owned() })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// A tenant: the first segment of a source's path and a folder under the plugin folder.
    TenantName,
    "tenant"
);
name!(
    /// A source within a tenant: the second segment of its path.
    SourceName,
    "source"
);
name!(
    /// A plugin within a tenant: its file's name without `.wasm`.
    PluginName,
    "plugin"
);
name!(
    /// A destination within a tenant: where webhooks are sent to.
    DestinationName,
    "destination"
);

/// A source anywhere on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRef {
    /// Whose source it is.
    pub tenant: TenantName,
    /// Its name within the tenant.
    pub name: SourceName,
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A plugin anywhere on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginRef {
    /// Whose plugin it is.
    pub tenant: TenantName,
    /// Its name within the tenant.
    pub name: PluginName,
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A destination anywhere on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationRef {
    /// Whose destination it is.
    pub tenant: TenantName,
    /// Its name within the tenant.
    pub name: DestinationName,
}

impl fmt::Display for DestinationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// The SHA-256 of a component's bytes: what a plugin's loaded code is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision([u8; 32]);

impl Revision {
    /// From a SHA-256 digest.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for Revision {
    /// All 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Revision({})", self.short())
    }
}

impl FromStr for Revision {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            kind: "revision",
            given: text.to_owned(),
        };
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_alphabet() {
        for good in [
            "acme",
            "a",
            "0day",
            "topi-saas",
            "a_b",
            &"x".repeat(LENGTH_MAX),
        ] {
            assert!(TenantName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            "_a",
            "Acme",
            "a/b",
            "a.b",
            "..",
            "a b",
            "ä",
            &"x".repeat(LENGTH_MAX + 1),
        ] {
            assert!(TenantName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_revision_reads_back_from_its_text() {
        let revision = Revision::from_sha256(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!(revision.short().len(), 12);
        assert!("zz".repeat(32).parse::<Revision>().is_err());
        assert!("+1".repeat(32).parse::<Revision>().is_err());
    }
}
