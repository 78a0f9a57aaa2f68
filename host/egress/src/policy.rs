//! Under which rules a request goes out: the addresses, the trust and the client certificate.
//!
//! Connections belong to a policy. Requests under one never travel on a connection that was opened under another: what
//! was allowed there, and as whom, may not be allowed here.

use hookyard_model::TenantName;

use crate::address::Addresses;
use crate::error::Error;
use crate::tls;

/// Under which rules a request goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Whose requests these are; none for the host's own. Tenants never share connections, because there are receivers
    /// that take a connection for a person once it has logged in.
    pub tenant: Option<TenantName>,
    /// The addresses that may be reached.
    pub addresses: Addresses,
    /// Whether `http:` URLs are requested too. Otherwise only `https:` ones are.
    pub allow_http: bool,
    /// Roots to trust besides the platform's and the door's, as PEM texts of one or more certificates each.
    pub roots: Vec<Vec<u8>>,
    /// As whom to connect, where a receiver asks for a certificate.
    pub identity: Option<Identity>,
}

impl Policy {
    /// Whether roots and client certificate can be used, so that a configuration can be refused for them.
    pub fn check(&self) -> Result<(), Error> {
        tls::check(self)
    }
}

/// A client certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The certificate and what leads to its root, in PEM form.
    pub certificate: Vec<u8>,
    /// The private key, in PEM form.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}
