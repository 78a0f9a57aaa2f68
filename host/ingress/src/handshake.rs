//! What a sender's handshake needs from outside: certificates, and the visit that confirms a subscription.
//!
//! `verify` says what to fetch and has checked the URL; here it is fetched once for all who wait for it, within bounds,
//! and certificates are kept. A forged message can name a certificate that doesn't exist, so failures are remembered
//! too, and fetches are few at a time: a flood of forgeries becomes a trickle of fetches.

mod certificates;

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Timestamp, chain};
use hookyard_verify::{Certificate, Certificates, Refusal, Request, Verdict};

use self::certificates::CertificateCache;
use crate::answer::Refused;
use crate::fetch::{Fetch, FetchRequest};
use crate::source::Source;

/// What a confirmation answers is short and not looked at.
const CONFIRMATION_BYTES_MAX: usize = 64 << 10;
/// Amazon SNS gives up on us after 15 s; the certificate may have taken five of them.
const CONFIRMATION_TIME_MAX: Duration = Duration::from_secs(8);

/// Verifies requests, doing what their handshakes ask for.
pub(crate) struct Handshakes {
    fetch: Arc<dyn Fetch>,
    certificates: Arc<CertificateCache>,
}

impl Handshakes {
    pub(crate) fn new(fetch: Arc<dyn Fetch>) -> Self {
        Self { certificates: CertificateCache::new(Arc::clone(&fetch)), fetch }
    }

    /// Says what the request is. A certificate that is needed for that is fetched once, and never twice.
    pub(crate) async fn verify(
        &self,
        source: &Source,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verdict, Refused> {
        let url = match source.verifier.verify(request, &self.certificates.at(now), now)? {
            Verdict::NeedCertificate { url } => url,
            verdict => return Ok(verdict),
        };
        let unavailable = |why| Refused::Handshake { refusal: Refusal::CertificateUnavailable, why };
        let fetched = self.certificates.fetch(&url, source.allow_http, now).await;
        let certificate = fetched.map_err(|why| unavailable(why.to_string()))?;
        match source.verifier.verify(request, &Only { url, certificate }, now)? {
            Verdict::NeedCertificate { .. } => Err(unavailable("the message needs a second certificate".to_owned())),
            verdict => Ok(verdict),
        }
    }

    /// Visits the URL that confirms a subscription. Its query is a token and appears in no log.
    pub(crate) async fn confirm(&self, source: &Source, url: String) -> Result<(), Refused> {
        let request = FetchRequest {
            url,
            bytes_max: CONFIRMATION_BYTES_MAX,
            time_max: CONFIRMATION_TIME_MAX,
            allow_http: source.allow_http,
        };
        match self.fetch.get(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Refused::Handshake { refusal: Refusal::ConfirmationFailed, why: chain(&error) }),
        }
    }
}

/// The one certificate that was just fetched.
struct Only {
    url: String,
    certificate: Arc<Certificate>,
}

impl Certificates for Only {
    fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        (url == self.url).then(|| Arc::clone(&self.certificate))
    }
}
