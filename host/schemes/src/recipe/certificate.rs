//! A certificate that a message names by its URL, as PayPal's do.

use crate::value::Place;
use crate::{Certificate, SettingText};

/// The origin of the public key: a certificate at a URL that the message names. A source completes the
/// texts with its settings, for example those of the sender's test environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOrigin {
    /// The place of the URL.
    pub url: Place,
    /// The beginnings of the URLs that may be fetched. Each has a scheme, a host and a path.
    pub prefixes: Vec<SettingText>,
    /// The name that the certificate must have.
    pub name: SettingText,
    /// The place at which the message states its algorithm, and the only text that is accepted
    /// there.
    pub stated: Option<(Place, String)>,
    /// The trusted roots: a chain must lead to one of them. Without a root, a certificate is trusted because of
    /// its URL, which then begins with `https:`.
    pub roots: Vec<Certificate>,
}

impl CertificateOrigin {
    /// Returns the names of the settings that a source must have.
    pub(crate) fn settings(&self) -> impl Iterator<Item = &str> {
        let texts = self.prefixes.iter().chain([&self.name]);
        texts.flat_map(SettingText::settings)
    }
}
