//! What a sender's handshake needs from outside: certificates, and the visit that confirms a subscription.
//!
//! `verify` says what to fetch and has checked the URL; here it is fetched once for all who wait for it, within bounds,
//! and certificates are kept. A forged message can name a certificate that doesn't exist, so failures are remembered
//! too, and fetches are few at a time: a flood of forgeries becomes a trickle of fetches. While a request waits for a
//! certificate its connection may be evicted like one that waits for its sender.

mod certificates;

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Timestamp, chain};
use hookyard_schemes::{Certificate, Certificates, Refusal, Request, Verdict};

pub use self::certificates::{CertificateArchive, ProvenCertificate};
use self::certificates::{CertificateCache, Wanted};
use crate::activity::InFlight;
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
    /// Handshakes that hold the certificates of `archive`. At most `waiting_max` requests wait for one certificate.
    pub(crate) fn new(
        fetch: Arc<dyn Fetch>,
        archive: Arc<dyn CertificateArchive>,
        waiting_max: usize,
        now: Timestamp,
    ) -> Self {
        Self {
            certificates: CertificateCache::new(Arc::clone(&fetch), archive, waiting_max, now),
            fetch,
        }
    }

    /// Says what the request is. Fetches the certificate that is needed for that, if one is needed.
    pub(crate) async fn verify(
        &self,
        source: &Source,
        request: &Request<'_>,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> Result<Verdict, Refused> {
        let url = match self.verify_with_kept(source, request, now)? {
            Verdict::NeedCertificate { url } => url,
            verdict => return Ok(verdict),
        };

        let unavailable = |why| Refused::Handshake {
            refusal: Refusal::CertificateUnavailable,
            why,
        };
        let wanted = Wanted {
            url: &url,
            source: &source.source,
            allow_http: source.allow_http,
        };
        let fetched = {
            let _evictable = in_flight.wait_evictably();
            self.certificates.fetch(wanted, now).await
        };
        let only = Only {
            url,
            certificate: fetched.map_err(|why| unavailable(why.to_string()))?,
        };

        match source.verifier.verify(request, &only, now)? {
            Verdict::NeedCertificate { .. } => Err(unavailable(
                "the message needs a second certificate".to_owned(),
            )),
            verdict => {
                self.certificates.prove(&only.url);
                Ok(verdict)
            }
        }
    }

    fn verify_with_kept(
        &self,
        source: &Source,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verdict, Refused> {
        let kept = self.certificates.at(now);
        let verdict = source.verifier.verify(request, &kept, now)?;

        if let Some(url) = kept.used.get()
            && !matches!(verdict, Verdict::NeedCertificate { .. })
        {
            self.certificates.prove(url);
        }
        Ok(verdict)
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
            Err(error) => Err(Refused::Handshake {
                refusal: Refusal::ConfirmationFailed,
                why: chain(&error),
            }),
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
