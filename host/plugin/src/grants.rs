//! What the operator allows a plugin to use.
//!
//! A plugin asks for a capability when it imports the interface. The host refuses to load a plugin
//! that imports something that is not granted. Grants are plain values; `hookyard-config` reads,
//! checks and merges them. A credential is part of a grant: the host adds the credential to the
//! plugin's requests, and the plugin never sees it.

use std::collections::BTreeMap;
use std::fmt;

use hookyard_model::DestinationName;
use http::{HeaderMap, Method};
use ipnet::IpNet;

/// What one plugin may use, in addition to the processor, memory and clocks that every plugin has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Whether `wasi:keyvalue` is granted: values that outlast an attempt.
    pub keyvalue: bool,
    /// Whether `wasi:logging` is granted.
    pub logging: bool,
    /// Whether `wasi:config` is granted: the plugin's settings.
    pub config: bool,
    /// The destinations that the plugin may send messages to. The value is the provider whose typed
    /// events the destination accepts, or `None` if it accepts untyped messages only.
    pub destinations: BTreeMap<DestinationName, Option<String>>,
    /// The hosts that the plugin may make HTTP requests to.
    pub http: BTreeMap<Authority, HostGrant>,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority {
    /// The host in its canonical spelling, which requests are compared with. An IPv6 address has
    /// brackets.
    pub host: String,
    /// The port. It is the scheme's default port if none was written.
    pub port: u16,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The requests that a plugin may make to one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostGrant {
    /// Whether requests to this host use HTTP without TLS.
    pub is_plain: bool,
    /// The allowed methods. Empty for all methods.
    pub methods: Vec<Method>,
    /// The allowed paths, each with everything below it. Empty for all paths.
    pub paths: Vec<String>,
    /// Headers that the host adds to each request, in place of the plugin's own headers of the same
    /// name.
    ///
    /// The plugin never sees them. The values are marked as sensitive, so that nothing prints them.
    pub credentials: HeaderMap,
    /// Private address ranges that the host's name may resolve to.
    pub addresses: Vec<IpNet>,
}

/// A grant that an import requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequiredGrant {
    /// No grant: the interface gives access to nothing.
    Nothing,
    /// `logging = true`
    Logging,
    /// `config = true`
    Config,
    /// `keyvalue = true`
    Keyvalue,
    /// At least one destination.
    Destination,
    /// At least one host for HTTP requests.
    Http,
}

impl RequiredGrant {
    /// Whether a plugin with these grants has this grant.
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

    /// Returns the key of the `[grants]` table that sets this grant, or `None` if no grant is
    /// required.
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

/// A grant that a plugin does not have and that one of its imports requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingGrant {
    /// The grant.
    pub grant: RequiredGrant,
    /// The provider whose typed events the destination must accept. `None` if any destination is
    /// enough, or if the grant is not a destination.
    pub provider: Option<String>,
}
