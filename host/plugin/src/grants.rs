//! What the operator allows one plugin. A plugin asks by importing; what it isn't granted is refused when it's loaded.
//!
//! Plain values, checked and merged by whoever reads the configuration. A credential is part of a grant: the host adds
//! it to what a guest asks for, and the guest never has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hookyard_model::DestinationName;
use http::{HeaderMap, Method};
use ipnet::IpNet;

/// What one plugin may use beyond processor, memory and clocks, which every plugin has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// `wasi:keyvalue`: values of its own that outlast the attempt.
    pub keyvalue: bool,
    /// `wasi:logging`.
    pub logging: bool,
    /// `wasi:config`: its settings.
    pub config: bool,
    /// Where it may send messages to, each with the provider whose typed events are taken there; `None` where untyped
    /// messages are all that's taken.
    pub destinations: BTreeMap<DestinationName, Option<String>>,
    /// Where it may make requests to.
    pub http: BTreeMap<Authority, HostGrant>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority {
    /// In lower case; an IPv6 address without its brackets.
    pub host: String,
    /// The port, be it said or the scheme's own.
    pub port: u16,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What a plugin may ask of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostGrant {
    /// Whether requests go there without TLS.
    pub is_plain: bool,
    /// The methods; `None` for all.
    pub methods: Option<BTreeSet<String>>,
    /// Paths that are allowed, each with all below it; `None` for all.
    pub paths: Option<Vec<String>>,
    /// Headers that the host adds and the guest never sees, in place of the guest's own of that name. Their values are
    /// marked as sensitive, so that nothing prints them.
    pub credentials: HeaderMap,
    /// Private ranges that the host's name may lead to.
    pub addresses: Vec<IpNet>,
}

impl HostGrant {
    /// Whether a request may have this method and path. The path is as it goes out, without the query.
    pub fn allows(&self, method: &Method, path: &str) -> bool {
        let is_named = |methods: &BTreeSet<String>| methods.contains(method.as_str());
        let is_below = |paths: &Vec<String>| !climbs(path) && paths.iter().any(|prefix| is_below(path, prefix));
        self.methods.as_ref().is_none_or(is_named) && self.paths.as_ref().is_none_or(is_below)
    }
}

/// Whether a path is `prefix` or below it: `/v1` allows `/v1` and `/v1/x`, and not `/v10`.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// Whether a receiver may take the path for one that goes up again, in whatever way it reads escapes.
fn climbs(path: &str) -> bool {
    let plain = path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/");
    let plain = plain.replace("%5c", "/").replace("%5C", "/");
    plain.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_paths_are_held_to_what_is_said() {
        let grant = |methods: Option<&[&str]>, paths: Option<&[&str]>| HostGrant {
            methods: methods.map(|all| all.iter().map(|method| (*method).to_owned()).collect()),
            paths: paths.map(|all| all.iter().map(|path| (*path).to_owned()).collect()),
            ..HostGrant::default()
        };
        for (grant, method, path, expected) in [
            (grant(None, None), "DELETE", "/anything/../at/all", true),
            (grant(Some(&["GET", "POST"]), None), "POST", "/", true),
            (grant(Some(&["GET", "POST"]), None), "DELETE", "/", false),
            (grant(Some(&[]), None), "GET", "/", false),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/orders", true),
            (grant(None, Some(&["/v1/"])), "GET", "/v1", false),
            (grant(None, Some(&["/v1"])), "GET", "/v1", true),
            (grant(None, Some(&["/v1"])), "GET", "/v1/orders", true),
            (grant(None, Some(&["/v1"])), "GET", "/v10", false),
            (grant(None, Some(&["/v1", "/v2"])), "GET", "/v2/x", true),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/../admin", false),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/%2e%2E/admin", false),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/..%2fadmin", false),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/..\\admin", false),
            (grant(None, Some(&["/v1/"])), "GET", "/v1/a..b/.c", true),
        ] {
            let method = method.parse().expect("a method");
            assert_eq!(grant.allows(&method, path), expected, "{method} {path} of {grant:?}");
        }
    }
}
