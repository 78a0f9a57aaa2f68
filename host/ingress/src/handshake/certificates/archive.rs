//! The archive of proven certificates, which survives a restart.

use bytes::Bytes;
use hookyard_model::Timestamp;

/// A certificate that has verified a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenCertificate {
    /// The URL of the certificate.
    pub url: String,
    /// The body of the answer: one or more certificates in PEM.
    pub pem: Bytes,
    /// The time at which the host fetches the certificate again.
    pub until: Timestamp,
}

/// Stores proven certificates. The binary implements this trait with a private file.
///
/// Both methods may block; ingress calls them where they delay no request.
pub trait CertificateArchive: Send + Sync + 'static {
    /// Returns the certificates of the last [`save`](Self::save), or none if they cannot be read.
    fn load(&self) -> Vec<ProvenCertificate>;

    /// Replaces all stored certificates. The implementation reports its failures; nothing else
    /// depends on them.
    fn save(&self, certificates: &[ProvenCertificate]);
}

/// An archive that stores nothing.
impl CertificateArchive for () {
    fn load(&self) -> Vec<ProvenCertificate> {
        Vec::new()
    }

    fn save(&self, _certificates: &[ProvenCertificate]) {}
}
