//! Allow lists: which requests may be made, by scheme, host, port, method and path prefix.
//!
//! A path prefix protects a receiver only if the receiver reads the path in the same way. So under
//! a prefix, a path that some server would resolve to another path is refused: one with dot
//! segments, empty segments or backslashes, plain or encoded.

use http::{Method, Uri};

use crate::error::Error;
use crate::target::{Host, Scheme, Target};

/// A rule that allows requests to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The scheme, host and port.
    pub target: Target,
    /// The allowed methods; empty for all methods.
    pub methods: Vec<Method>,
    /// The allowed path prefixes; empty for all paths. A prefix covers itself and everything below
    /// it: `/v1` and `/v1/` cover `/v1/orders`, neither covers `/v10`, and only `/v1` covers `/v1`.
    pub paths: Vec<String>,
}

/// The requests that may be made: those that a rule allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    /// The rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
}

/// The reason why no rule allows a request. The messages name the host, never the path.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    /// The URL is not valid, or two readers could understand it differently.
    #[error("the request's URL cannot be used")]
    Url(#[source] Error),
    /// No rule names this scheme, host and port.
    #[error("{} is not granted", authority(.0))]
    Host(Target),
    /// Rules name the host, but not with this method.
    #[error("the method {method} is not granted for {}", authority(.target))]
    Method {
        /// The method of the request.
        method: Method,
        /// The target of the request.
        target: Target,
    },
    /// Rules name the host and the method, but not with this path.
    #[error("the path is not granted for {}", authority(.0))]
    Path(Target),
    /// The path is ambiguous, so no prefix covers it for certain.
    #[error("the path of the request to {} has dots, empty segments or encoded slashes, so it cannot be matched with the granted paths", authority(.0))]
    AmbiguousPath(Target),
}

fn authority(target: &Target) -> String {
    format!("{}://{}", target.scheme.name(), target.authority())
}

impl AllowList {
    /// Returns the index of the first rule that allows the request.
    ///
    /// # Errors
    ///
    /// Returns how close the rules come to allowing the request.
    pub fn find(&self, method: &Method, uri: &Uri) -> Result<usize, Denial> {
        let target = Target::of(uri).map_err(Denial::Url)?;
        let (mut names_host, mut names_method) = (false, false);

        for (index, rule) in self.rules.iter().enumerate() {
            if rule.target != target {
                continue;
            }
            names_host = true;
            if !rule.allows_method(method) {
                continue;
            }
            names_method = true;
            if rule.allows_path(uri.path()) {
                return Ok(index);
            }
        }

        Err(if !names_host {
            Denial::Host(target)
        } else if !names_method {
            let method = method.clone();
            Denial::Method { method, target }
        } else if !is_unambiguous(uri.path()) {
            Denial::AmbiguousPath(target)
        } else {
            Denial::Path(target)
        })
    }
}

impl Rule {
    /// Reads a host such as `api.example.com` or `api.example.com:8443`. The rule allows every
    /// method and path.
    pub fn parse(host: &str, scheme: Scheme) -> Option<Self> {
        let (host, port) = match host.rsplit_once(':') {
            // A colon before `]` belongs to an IPv6 address.
            Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port != 0)?)
            }
            _ => (host, scheme.port()),
        };

        let host = Host::parse(host)?;
        Some(Self {
            target: Target { scheme, host, port },
            methods: Vec::new(),
            paths: Vec::new(),
        })
    }

    fn allows_method(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn allows_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|prefix| is_under(prefix, path))
    }
}

/// Returns whether a text can be the path of a rule: it begins with `/` and every server reads it
/// in the same way.
pub fn is_path_prefix(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    text.starts_with('/') && text.bytes().all(is_plain) && is_unambiguous(text)
}

fn is_under(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    if !is_unambiguous(path) {
        return false;
    }

    match path.strip_prefix(prefix) {
        Some(rest) => prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// Returns whether every server resolves the path to itself.
///
/// The path is checked as it is sent, without decoding. An encoded dot, slash, backslash, percent
/// sign or control character makes it ambiguous, and so does an overlong encoding of a dot.
fn is_unambiguous(path: &str) -> bool {
    if path.contains('\\') || !path.split('%').skip(1).all(is_harmless_encoding) {
        return false;
    }

    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        if segment.is_empty() {
            if is_last {
                continue;
            }
            return false;
        }

        // Some servers cut parameters off, so that they read `..;x` as `..`.
        let name = segment.split(';').next().unwrap_or_default();
        if matches!(name, "" | "." | "..") {
            return false;
        }
    }
    true
}

/// Returns whether the text after a percent sign begins with an encoding that stays one character
/// of its segment.
fn is_harmless_encoding(rest: &str) -> bool {
    let Some(byte) = rest
        .get(..2)
        .and_then(|digits| u8::from_str_radix(digits, 16).ok())
    else {
        return false;
    };

    !matches!(
        byte,
        b'.' | b'/' | b'\\' | b'%' | b';' | 0..=0x1f | 0x7f | 0xc0 | 0xc1
    )
}

#[cfg(test)]
mod tests;
