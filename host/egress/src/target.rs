//! Targets: the scheme, host and port of a URL, in the one spelling that is compared, resolved and
//! sent.
//!
//! A host that two readers could understand differently is refused: a user in front of the host, a
//! number that some readers take for an address (`2130706433`, `0x7f.1`, `127.1`), or characters
//! other than ASCII letters, digits, hyphens, underscores and dots.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::PathAndQuery;

use crate::error::Error;

/// The scheme of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as a URL spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Returns the port of a URL that names none.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// The host of a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower case, without a dot at its end. International names are in their ASCII form
    /// (`xn--…`).
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as a URL or a configuration spells it, with IPv6 addresses in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let bracketed = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Some(address) = bracketed {
            let address: Ipv6Addr = address.parse().ok()?;
            return Some(Self::Address(address.into()));
        }

        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > 253 || !name.split('.').all(is_label) {
            return None;
        }

        // The URL standard reads a host that ends in a number as an address. So it must be a whole
        // address.
        if name.rsplit('.').next().is_some_and(is_number) {
            let address: Ipv4Addr = name.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        Some(Self::Name(name))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(is_plain)
}

/// Returns whether some readers take the label for a part of an IPv4 address: decimal, octal or
/// hexadecimal.
fn is_number(label: &str) -> bool {
    let is_hexadecimal = label
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    is_hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}

/// The scheme, host and port that a URL leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port; never 0.
    pub port: u16,
}

impl Target {
    /// Returns the target of an absolute `http:` or `https:` URL.
    ///
    /// # Errors
    ///
    /// Returns [`Error::InvalidUrl`] or [`Error::Scheme`].
    pub fn of(uri: &Uri) -> Result<Self, Error> {
        let authority = uri.authority().ok_or(Error::InvalidUrl)?;
        let host = Host::parse(authority.host()).ok_or(Error::InvalidUrl)?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(other) => {
                return Err(Error::Scheme {
                    scheme: other.to_owned(),
                    host: host.to_string(),
                });
            }
            None => return Err(Error::InvalidUrl),
        };

        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => scheme.port(),
            Some(rest) => rest
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .ok_or(Error::InvalidUrl)?,
            // The authority begins with a user.
            None => return Err(Error::InvalidUrl),
        };
        if port == 0 {
            return Err(Error::InvalidUrl);
        }

        Ok(Self { scheme, host, port })
    }

    /// Returns the value of the `host` header.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Returns the path and query of a URL, as the request line has them.
pub(crate) fn path_and_query(uri: &Uri) -> PathAndQuery {
    match uri.path_and_query() {
        Some(whole) if whole.as_str().starts_with('/') => whole.clone(),
        // `https://example.com?a=b` has no slash. `to_string` adds it.
        Some(query) => query
            .to_string()
            .parse()
            .expect("a path and a query as before"),
        None => PathAndQuery::from_static("/"),
    }
}

#[cfg(test)]
mod tests;
