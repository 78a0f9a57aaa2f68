//! X.509 certificates that sign messages: what they are called, when they hold, and who vouches for them.

use std::sync::Arc;

/// A signing certificate, with those that were served together with it.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(crate) chain: Vec<Vec<u8>>,
}

/// Bytes that aren't a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not a certificate in PEM: {0}")]
pub struct InvalidCertificate(pub(crate) &'static str);

/// The certificates that the caller has fetched so far.
pub trait Certificates {
    /// The certificate that was served at this URL, if it has been fetched.
    fn get(&self, url: &str) -> Option<Arc<Certificate>>;
}

/// No certificates.
impl Certificates for () {
    fn get(&self, _url: &str) -> Option<Arc<Certificate>> {
        None
    }
}

impl Certificate {
    /// Reads what was served at a certificate's URL: the certificate first, then any that vouch for it.
    pub fn parse_pem(_pem: &[u8]) -> Result<Self, InvalidCertificate> {
        Err(InvalidCertificate(""))
    }
}
