//! Names that operators choose, and the revision of a component.
//!
//! A name is part of a URL path, a folder and a database key. Its alphabet is therefore small, and
//! is checked here, in one place.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The maximum length of a name, in bytes.
const LENGTH_MAX: usize = 64;

/// The error for a text that is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a valid {kind} name: use 1 to {LENGTH_MAX} of a-z, 0-9, `-` and `_`, \
     starting with a letter or digit"
)]
pub struct InvalidName {
    /// The kind of name, such as "tenant".
    pub kind: &'static str,
    /// The text as given.
    pub given: String,
}

fn is_valid(text: &str) -> bool {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();

    text.len() <= LENGTH_MAX
        && text.bytes().next().is_some_and(is_alphanumeric)
        && text
            .bytes()
            .all(|byte| is_alphanumeric(byte) || byte == b'-' || byte == b'_')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks a text and returns it as a name.
            ///
            /// # Errors
            ///
            /// Returns [`InvalidName`] if the text is empty, too long, or has other characters than
            /// a-z, 0-9, `-` and `_`, or does not start with a letter or digit.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                if is_valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, given: text.to_owned() })
                }
            }

            /// Returns the name as text.
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
    /// The name of a tenant: the first segment of a source's path, and a folder in the plugin
    /// folder.
    TenantName,
    "tenant"
);
name!(
    /// The name of a source within a tenant: the second segment of the source's path.
    SourceName,
    "source"
);
name!(
    /// The name of a plugin within a tenant: the name of its file without `.wasm`.
    PluginName,
    "plugin"
);
name!(
    /// The name of a destination within a tenant.
    DestinationName,
    "destination"
);

/// A source on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRef {
    /// The tenant of the source.
    pub tenant: TenantName,
    /// The name of the source within the tenant.
    pub name: SourceName,
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A plugin on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginRef {
    /// The tenant of the plugin.
    pub tenant: TenantName,
    /// The name of the plugin within the tenant.
    pub name: PluginName,
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// A destination on this host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationRef {
    /// The tenant of the destination.
    pub tenant: TenantName,
    /// The name of the destination within the tenant.
    pub name: DestinationName,
}

impl fmt::Display for DestinationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// The revision of a component: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision([u8; 32]);

impl Revision {
    /// Creates a revision from a SHA-256 digest.
    pub const fn from_sha256(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the SHA-256 digest.
    pub const fn as_sha256(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first twelve hex digits, for people.
    pub fn short(&self) -> String {
        self.0[..6]
            .iter()
            .flat_map(|byte| hex(*byte))
            .map(char::from)
            .collect()
    }
}

/// Returns the two hex digits of a byte. Revisions are written for each attempt, and this is much
/// faster than the formatting of numbers.
fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

impl fmt::Display for Revision {
    /// Writes all 64 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&hex(byte));
        }
        f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
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
        // `from_str_radix` accepts a leading `+`, so the digits are checked first.
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
    fn names_are_limited_to_their_alphabet() {
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
    fn revision_reads_back_from_its_text() {
        let revision = Revision::from_sha256(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(revision.to_string().parse(), Ok(revision));
        assert_eq!(revision.short().len(), 12);
        assert!("zz".repeat(32).parse::<Revision>().is_err());
        assert!("+1".repeat(32).parse::<Revision>().is_err());
    }
}
