//! What may be asked for: rules by scheme, host, port, method and prefix of the path.
//!
//! A prefix is only worth something where the receiver reads the path as we do. So under a prefix, a path that some
//! server would take for another one is refused: dots, empty segments and backslashes, plain or encoded.

use http::{Method, Uri};

use crate::error::Error;
use crate::target::{Host, Scheme, Target};

/// One thing that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Of whom.
    pub target: Target,
    /// By which methods; by any where it's empty.
    pub methods: Vec<Method>,
    /// Under which paths; under any where it's empty. Each covers itself and what is below it: `/v1` and `/v1/` cover
    /// `/v1/orders`, neither covers `/v10`, and only the first covers `/v1`.
    pub paths: Vec<String>,
}

/// What may be asked for; all else may not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    /// The rules, in the order in which they are looked at.
    pub rules: Vec<Rule>,
}

/// Why nothing allows a request. The texts name the host, never the path.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The URL can't be read in one way only.
    #[error("the request's URL can't be used")]
    Url(#[source] Error),
    /// No rule names the host, with this scheme and port.
    #[error("{} is not granted", authority(.0))]
    Host(Target),
    /// There are rules for the host, but none with this method.
    #[error("the method {method} is not granted for {}", authority(.target))]
    Method {
        /// The method.
        method: Method,
        /// The host.
        target: Target,
    },
    /// There are rules for the host and the method, but none for this path.
    #[error("the path is not granted for {}", authority(.0))]
    Path(Target),
    /// The path could be taken for another one, so no prefix can be told to cover it.
    #[error("the path of the request to {} has dots, empty segments or encoded slashes, and can't be told to be under what is granted", authority(.0))]
    Crooked(Target),
}

fn authority(target: &Target) -> String {
    format!("{}://{}", target.scheme.name(), target.authority())
}

impl AllowList {
    /// The first rule that allows the request, by its place in the list.
    pub fn find(&self, method: &Method, uri: &Uri) -> Result<usize, Denied> {
        let target = Target::of(uri).map_err(Denied::Url)?;
        let of_host = || {
            self.rules
                .iter()
                .enumerate()
                .filter(|(_, rule)| rule.target == target)
        };
        let of_method = || {
            of_host().filter(|(_, rule)| rule.methods.is_empty() || rule.methods.contains(method))
        };
        if let Some((index, _)) = of_method().find(|(_, rule)| rule.covers(uri.path())) {
            return Ok(index);
        }
        Err(match (of_host().next(), of_method().next()) {
            (None, _) => Denied::Host(target),
            (_, None) => Denied::Method {
                method: method.clone(),
                target,
            },
            _ if !is_straight(uri.path()) => Denied::Crooked(target),
            _ => Denied::Path(target),
        })
    }
}

impl Rule {
    /// Reads `api.example.com` or `api.example.com:8443`; every method and path of it.
    pub fn parse(host: &str, scheme: Scheme) -> Option<Self> {
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.ends_with(']') => {
                (host, port.parse().ok().filter(|port| *port != 0)?)
            }
            _ => (host, scheme.port()),
        };
        let target = Target {
            scheme,
            host: Host::parse(host)?,
            port,
        };
        Some(Self {
            target,
            methods: Vec::new(),
            paths: Vec::new(),
        })
    }

    /// Whether a path is under this rule's, as the URL has it.
    fn covers(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|prefix| is_under(prefix, path))
    }
}

/// Whether a text can be a rule's path: one that begins with `/` and that no server takes for another one.
pub fn is_prefix(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    text.starts_with('/') && text.bytes().all(is_plain) && is_straight(text)
}

fn is_under(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    let at_boundary =
        |rest: &str| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/');
    is_straight(path) && path.strip_prefix(prefix).is_some_and(at_boundary)
}

/// Whether every server takes the path for what it says.
///
/// Looked at as it is sent, not decoded: an encoded dot, slash, backslash, percent sign or control character, and the
/// overlong forms of a dot, have no business in a path that a prefix is to hold.
fn is_straight(path: &str) -> bool {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let count = segments.clone().count();
    let is_well = |(index, segment): (usize, &str)| {
        // Some servers take `..;x` for `..`, because they cut parameters off.
        let name = segment.split(';').next().unwrap_or_default();
        (!segment.is_empty() || index + 1 == count)
            && (!name.is_empty() || segment.is_empty())
            && name != "."
            && name != ".."
    };
    segments.enumerate().all(is_well)
        && !path.contains('\\')
        && path.split('%').skip(1).all(is_harmless)
}

/// Whether what follows a percent sign is an encoding that stays one letter of its segment.
fn is_harmless(rest: &str) -> bool {
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
