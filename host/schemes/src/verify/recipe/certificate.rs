//! The certificate that has signed a request, by the URL that the request names.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::signature::VerificationAlgorithm;
use hookyard_model::{Timestamp, excerpt};

use crate::recipe::{CertificateOrigin, PublicKeyAlgorithm};
use crate::sns::UrlRule;
use crate::value::Fields;
use crate::verify::sns::CertificateUrls;
use crate::verify::{Certificate, Documents, documents};
use crate::{DocumentRef, Refusal, SettingValues, SetupError};

/// The rules for the certificates of one source.
#[derive(Debug)]
pub(super) struct CertificateKeys {
    origin: CertificateOrigin,
    name: String,
    urls: CertificateUrls,
    algorithm: &'static dyn VerificationAlgorithm,
}

/// The certificate of one request.
pub(super) enum Signing {
    /// A certificate that may sign.
    Certificate(Arc<Certificate>),
    /// The certificate has to be fetched.
    Needs(DocumentRef),
}

impl CertificateKeys {
    pub(super) fn new(
        origin: &CertificateOrigin,
        algorithm: PublicKeyAlgorithm,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self, SetupError> {
        let values = SettingValues {
            settings,
            secret: None,
        };
        let prefixes = origin.prefixes.iter().map(|text| text.fill(values));
        let prefixes = prefixes.collect::<Result<_, _>>()?;
        Ok(Self {
            urls: CertificateUrls::new(&UrlRule::Prefixes(prefixes))?,
            name: origin.name.fill(values)?,
            origin: origin.clone(),
            algorithm: algorithm.verification(),
        })
    }

    /// Returns the certificate that a request names, if it may sign.
    pub(super) fn find(
        &self,
        fields: &Fields<'_>,
        fetched: &dyn Documents,
        now: Timestamp,
    ) -> Result<Signing, Refusal> {
        if let Some((place, expected)) = &self.origin.stated {
            let found = fields.get(place)?;
            if found != expected.as_str() {
                return Err(Refusal::WrongAlgorithm {
                    found: excerpt(&found),
                });
            }
        }
        let url = fields.get(&self.origin.url)?;
        if !self.urls.allow(&url) {
            return Err(Refusal::CertificateUrl);
        }

        let Some(certificate) = documents::certificate(fetched, &url) else {
            return Ok(Signing::Needs(DocumentRef::Certificate {
                url: url.into_owned(),
            }));
        };
        self.check(&certificate, now)
            .map_err(|why| Refusal::CertificateRefused { why })?;
        Ok(Signing::Certificate(certificate))
    }

    /// Returns whether a signature was made with the key of a certificate.
    pub(super) fn has_signed(
        &self,
        certificate: &Certificate,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        certificate.verifies(self.algorithm, signed, signature)
    }

    fn check(&self, certificate: &Certificate, now: Timestamp) -> Result<(), &'static str> {
        certificate.check_use(now)?;
        if !certificate.has_name(|name| name == self.name) {
            return Err("is not issued to the sender");
        }
        if !self.origin.roots.is_empty() && !certificate.has_chain_to(&self.origin.roots, now) {
            return Err("has no chain to a certificate that this source trusts");
        }
        Ok(())
    }
}
