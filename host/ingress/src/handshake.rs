//! Performs the handshakes of senders: fetches certificates, and visits the URL that confirms a
//! subscription.
//!
//! The verifier names the URL to fetch and has checked it. This module fetches a certificate once
//! for all requests that wait for it, within limits, and keeps it. A forged message can name a
//! certificate that does not exist. Failures are therefore remembered too, and few fetches run at
//! once: a flood of forgeries causes only a trickle of fetches. While a request waits for a
//! certificate, its connection may be evicted like a connection that waits for its sender.

mod certificates;

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Timestamp, chain};
use hookyard_schemes::{Certificate, Certificates, Refusal, Request, Verdict, Verification};

pub use self::certificates::{CertificateArchive, ProvenCertificate};
use self::certificates::{CertificateCache, CertificateRequest};
use crate::activity::InFlight;
use crate::answer::Refused;
use crate::fetch::{Fetch, FetchRequest};
use crate::source::Source;

/// The maximum size of the answer to a confirmation, in bytes. The answer is ignored.
const CONFIRMATION_BYTES_MAX: usize = 64 << 10;
/// The time limit of a confirmation. Amazon SNS gives up after 15 s, and the certificate may have
/// taken five of them.
const CONFIRMATION_TIME_MAX: Duration = Duration::from_secs(8);

/// Verifies requests, and performs the handshakes that they need.
pub(crate) struct Handshakes {
    fetch: Arc<dyn Fetch>,
    certificates: Arc<CertificateCache>,
}

impl Handshakes {
    /// Starts with the certificates of `archive`. At most `waiting_max` requests wait for one
    /// certificate.
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

    /// Verifies a request, and fetches a certificate first if the verifier needs one.
    pub(crate) async fn verify(
        &self,
        source: &Source,
        request: &Request<'_>,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> Result<Verdict, Refused> {
        let url = match self.verify_with_cached(source, request, now)? {
            Verification::Complete(verdict) => return Ok(verdict),
            Verification::NeedsCertificate { url } => url,
        };

        // Rare steps are boxed: hyper moves the future of each request.
        let certificate = Box::pin(self.certificate(&url, source, in_flight, now)).await?;
        let only = FetchedCertificate { url, certificate };
        match source.verifier.verify(request, &only, now)? {
            Verification::Complete(verdict) => {
                self.certificates.prove(&only.url);
                Ok(verdict)
            }
            Verification::NeedsCertificate { .. } => Err(unavailable(
                "the message needs a second certificate".to_owned(),
            )),
        }
    }

    async fn certificate(
        &self,
        url: &str,
        source: &Source,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> Result<Arc<Certificate>, Refused> {
        let wanted = CertificateRequest {
            url,
            source: &source.name,
            allow_http: source.allow_http,
        };
        let _evictable = in_flight.wait_evictably();
        let fetched = self.certificates.fetch(wanted, now).await;
        fetched.map_err(|why| unavailable(why.to_string()))
    }

    fn verify_with_cached(
        &self,
        source: &Source,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Verification, Refused> {
        let cached = self.certificates.at(now);
        let verification = source.verifier.verify(request, &cached, now)?;

        if let (Some(url), Verification::Complete(_)) = (cached.used.get(), &verification) {
            self.certificates.prove(url);
        }
        Ok(verification)
    }

    /// Visits the URL that confirms a subscription. The query of the URL contains a token, so that
    /// the URL is never logged.
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

fn unavailable(why: String) -> Refused {
    Refused::Handshake {
        refusal: Refusal::CertificateUnavailable,
        why,
    }
}

/// The certificate that was fetched for one request.
struct FetchedCertificate {
    url: String,
    certificate: Arc<Certificate>,
}

impl Certificates for FetchedCertificate {
    fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        (url == self.url).then(|| Arc::clone(&self.certificate))
    }
}
