//! Policies: the rules under which a request goes out.
//!
//! Connections belong to a policy. A request under one policy never uses a connection that was
//! opened under another, because the other policy may allow other addresses or present another
//! client certificate.

use hookyard_model::TenantName;

use crate::address::Addresses;

/// The rules under which a request goes out. [`check_policy`](crate::check_policy) checks its
/// certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The tenant that makes the requests; `None` for the host itself. Tenants never share
    /// connections, because some receivers authenticate a connection rather than each request.
    pub tenant: Option<TenantName>,
    /// The addresses that may be reached.
    pub addresses: Addresses,
    /// Whether `http:` URLs may be requested as well as `https:` URLs.
    pub allow_http: bool,
    /// Root certificates to trust besides those of the platform and of the door. Each entry is a
    /// PEM text with one or more certificates.
    pub roots: Vec<Vec<u8>>,
    /// The client certificate to present to a receiver that asks for one.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The certificate and the chain up to its root, in PEM form.
    pub certificate: Vec<u8>,
    /// The private key, in PEM form.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(..)")
    }
}
