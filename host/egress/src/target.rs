//! Where a URL leads: scheme, host and port, in the one spelling that is compared, resolved and put on the wire.
//!
//! Whatever two readers could take for two hosts is refused rather than read one way: users in front of the host, numbers
//! that some take for addresses (`2130706433`, `0x7f.1`, `127.1`), anything but plain letters, digits and hyphens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::PathAndQuery;

use crate::error::Error;

/// How a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// By TLS.
    Https,
}

impl Scheme {
    /// The scheme as a URL has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL means which says none.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A host, in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower case and without the dot at its end; international ones in their ASCII form (`xn--…`).
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as a URL or a configuration has it, IPv6 addresses in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
        {
            return inner
                .parse::<Ipv6Addr>()
                .ok()
                .map(|address| Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() || name.len() > 253 || !name.split('.').all(is_label) {
            return None;
        }
        // What ends in a number is an address to whoever follows the URL standard, so it's one in full or nothing.
        if name.rsplit('.').next().is_some_and(is_number) {
            return name
                .parse::<Ipv4Addr>()
                .ok()
                .map(|address| Self::Address(address.into()));
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

/// Whether some reader takes it for a part of an IPv4 address: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// How.
    pub scheme: Scheme,
    /// To whom.
    pub host: Host,
    /// To which of its ports.
    pub port: u16,
}

impl Target {
    /// The target of an absolute `http:` or `https:` URL.
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
            // There's a user in front of it.
            None => return Err(Error::InvalidUrl),
        };
        if port == 0 {
            Err(Error::InvalidUrl)
        } else {
            Ok(Self { scheme, host, port })
        }
    }

    /// The text of the `host` header.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The URL's path and query as the request line has them.
pub(crate) fn path_and_query(uri: &Uri) -> PathAndQuery {
    match uri.path_and_query() {
        Some(whole) if whole.as_str().starts_with('/') => whole.clone(),
        // `https://example.com?a=b`: shown with the slash that it lacks.
        Some(query) => query
            .to_string()
            .parse()
            .expect("a path and a query as before"),
        None => PathAndQuery::from_static("/"),
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
