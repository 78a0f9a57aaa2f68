//! What the operator allows one plugin. A plugin asks by importing; what it isn't granted is refused when it's loaded.
//!
//! Plain values, checked and merged by whoever reads the configuration. A credential is part of a grant: the host adds
//! it to what a guest asks for, and the guest never has it.

use std::collections::BTreeMap;
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
    /// In the one spelling that requests are compared by; an IPv6 address with its brackets.
    pub host: String,
    /// The port, be it said or the scheme's own.
    pub port: u16,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What a plugin may ask of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostGrant {
    /// Whether requests go there without TLS.
    pub is_plain: bool,
    /// The methods; all where it's empty.
    pub methods: Vec<Method>,
    /// The paths, each with all below it; all where it's empty.
    pub paths: Vec<String>,
    /// Headers that the host adds and the guest never sees, in place of the guest's own of that name. Their values are
    /// marked as sensitive, so that nothing prints them.
    pub credentials: HeaderMap,
    /// Private ranges that the host's name may lead to.
    pub addresses: Vec<IpNet>,
}
