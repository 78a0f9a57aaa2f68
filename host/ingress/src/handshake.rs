//! Performs the handshakes of senders: fetches certificates and keys, and visits the URL that confirms
//! a subscription.
//!
//! The verifier names the document to fetch and has checked its URL. This module fetches a document
//! once for all requests that wait for it, within limits, and keeps it. A forged message can name a
//! certificate or a key that does not exist. Failures are therefore remembered too, few fetches run at
//! once, and a key set is rarely fetched because of an unknown key: a flood of forgeries causes only a
//! trickle of fetches. While a request waits for a document, its connection may be evicted like a
//! connection that waits for its sender.

mod documents;

use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Timestamp, chain};
use hookyard_schemes::component::RunningVerdict;
use hookyard_schemes::{Document, DocumentRef, Documents, Refusal, Request, Verdict, Verification};

pub use self::documents::{DocumentArchive, ProvenDocument};
use self::documents::{DocumentCache, DocumentRequest};
use crate::activity::InFlight;
use crate::answer::Refused;
use crate::fetch::{Fetch, FetchRequest};
use crate::source::Source;

/// The maximum size of the answer to a confirmation, in bytes. The answer is ignored.
const CONFIRMATION_BYTES_MAX: usize = 64 << 10;
/// The time limit of a confirmation. Amazon SNS gives up after 15 s, and the certificate may have
/// taken five of them.
const CONFIRMATION_TIME_MAX: Duration = Duration::from_secs(8);
/// How long a request waits for the verdict of a component, including the time until its turn.
const VERDICT_WAIT_MAX: Duration = Duration::from_secs(10);

/// Verifies requests, and performs the handshakes that they need.
pub(crate) struct Handshakes {
    fetch: Arc<dyn Fetch>,
    documents: Arc<DocumentCache>,
}

/// What a verifier says with the documents in memory.
enum FirstResult {
    Verdict(Verdict),
    Needs(NeededDocument),
    /// A component decides.
    Running(RunningVerdict),
}

/// A document that the verifier asked for.
struct NeededDocument {
    name: DocumentRef,
    /// Whether the verifier was given the document, and did not find the key in it.
    is_refresh: bool,
}

impl Handshakes {
    /// Starts with the documents of `archive`. At most `waiting_max` requests wait for one document.
    pub(crate) fn new(
        fetch: Arc<dyn Fetch>,
        archive: Arc<dyn DocumentArchive>,
        waiting_max: usize,
        now: Timestamp,
    ) -> Self {
        Self {
            documents: DocumentCache::new(Arc::clone(&fetch), archive, waiting_max, now),
            fetch,
        }
    }

    /// Verifies a request, and fetches a document first if the verifier needs one.
    pub(crate) async fn verify(
        &self,
        source: &Source,
        request: &Request<'_>,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> Result<Verdict, Refused> {
        let needed = match self.verify_with_kept(source, request, now)? {
            FirstResult::Verdict(verdict) => return Ok(verdict),
            FirstResult::Running(verdict) => {
                let _evictable = in_flight.wait_evictably();
                return Ok(in_time(verdict, VERDICT_WAIT_MAX).await?);
            }
            FirstResult::Needs(needed) => needed,
        };

        // Rare steps are boxed: hyper moves the future of each request.
        let document = Box::pin(self.document(&needed, source, in_flight, now)).await?;
        let only = FetchedDocument {
            name: needed.name,
            document,
        };
        match source.verifier.verify(request, &only, now)? {
            Verification::Complete(verdict) => {
                self.documents.prove(&only.name);
                Ok(verdict)
            }
            Verification::NeedsDocument { otherwise, .. } => Err(otherwise.into()),
            Verification::Running(_) => Err(only.name.unavailable().into()),
        }
    }

    async fn document(
        &self,
        needed: &NeededDocument,
        source: &Source,
        in_flight: &InFlight,
        now: Timestamp,
    ) -> Result<Document, Refused> {
        let wanted = DocumentRequest {
            name: &needed.name,
            source: &source.name,
            allow_http: source.allow_http,
            is_refresh: needed.is_refresh,
        };
        let _evictable = in_flight.wait_evictably();
        let fetched = self.documents.fetch(wanted, now).await;
        fetched.map_err(|why| Refused::Handshake {
            refusal: needed.name.unavailable(),
            why: why.to_string(),
        })
    }

    /// Verifies a request with the documents in memory.
    fn verify_with_kept(
        &self,
        source: &Source,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<FirstResult, Refused> {
        let kept = self.documents.at(now);
        let verification = source.verifier.verify(request, &kept, now)?;
        let used = kept.used.get();

        match verification {
            Verification::Complete(verdict) => {
                if let Some(name) = used {
                    self.documents.prove(name);
                }
                Ok(FirstResult::Verdict(verdict))
            }
            Verification::NeedsDocument { document: name, .. } => {
                Ok(FirstResult::Needs(NeededDocument {
                    is_refresh: used == Some(&name),
                    name,
                }))
            }
            Verification::Running(verdict) => Ok(FirstResult::Running(verdict)),
        }
    }

    /// Visits the URL that confirms a subscription. The query of the URL contains a token, so that
    /// the URL is never logged.
    pub(crate) async fn confirm(&self, source: &Source, url: String) -> Result<(), Refused> {
        let request = FetchRequest {
            url,
            post: None,
            bytes_max: CONFIRMATION_BYTES_MAX,
            time_max: CONFIRMATION_TIME_MAX,
            allow_http: source.allow_http,
        };

        match self.fetch.fetch(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Refused::Handshake {
                refusal: Refusal::ConfirmationFailed,
                why: chain(&error),
            }),
        }
    }
}

/// Returns the verdict of a component, if it is known in time. Strangers can make any number of
/// requests wait for their turn.
async fn in_time(
    verdict: impl Future<Output = Result<Verdict, Refusal>>,
    time_max: Duration,
) -> Result<Verdict, Refusal> {
    let verdict = tokio::time::timeout(time_max, verdict).await;
    verdict.unwrap_or_else(|_elapsed| {
        Err(Refusal::VerifierFailed {
            why: format!("no verdict came within {time_max:?}"),
        })
    })
}

/// The document that was fetched for one request.
struct FetchedDocument {
    name: DocumentRef,
    document: Document,
}

impl Documents for FetchedDocument {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        (*wanted == self.name).then(|| self.document.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn verdict_is_not_waited_for_without_end() {
        let notice = || Ok(Verdict::Notice { what: "a test" });
        assert_eq!(
            in_time(async { notice() }, VERDICT_WAIT_MAX).await,
            notice()
        );

        let late = in_time(std::future::pending(), Duration::ZERO).await;
        let refusal = late.expect_err("no verdict");
        assert_eq!(refusal.reason(), "verifier-failed");
    }
}
