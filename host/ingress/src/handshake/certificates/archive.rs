//! Where proven certificates outlast the process.

use bytes::Bytes;
use hookyard_model::Timestamp;

/// A certificate that has verified a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenCertificate {
    /// The URL that it was fetched from.
    pub url: String,
    /// The body of the answer: one or more certificates in PEM.
    pub pem: Bytes,
    /// When the host fetches it again.
    pub until: Timestamp,
}

/// Stores proven certificates. The binary implements it by a file of the host's own.
///
/// Both calls may block; ingress makes them where that delays no request.
pub trait CertificateArchive: Send + Sync + 'static {
    /// The certificates of the last [`save`](Self::save), or none where they cannot be read.
    fn load(&self) -> Vec<ProvenCertificate>;

    /// Replaces all stored certificates. A failure is the implementation's to report; nothing else depends on it.
    fn save(&self, certificates: &[ProvenCertificate]);
}

/// Stores nothing.
impl CertificateArchive for () {
    fn load(&self) -> Vec<ProvenCertificate> {
        Vec::new()
    }

    fn save(&self, _certificates: &[ProvenCertificate]) {}
}
