//! The table of certificate URLs: the state of each URL, and the decision whether a fetch may
//! begin. This module does no I/O.
//!
//! A stranger can name any certificate URL that the rules of the source allow. URLs therefore have
//! two classes. A *proven* URL is one whose certificate has verified a message; all other URLs are
//! *unproven*. The classes share no limit: however many unproven URLs are kept, failed, fetched or
//! waited for, a proven URL is served as if there were no other. Unproven URLs beyond the maximum
//! number of fetches wait in a room (`room`). Each URL has its own slots for waiting requests, so
//! that a slow URL does not delay another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{SourceRef, TenantName, Timestamp};
use hookyard_schemes::Certificate;
use tokio::sync::{Semaphore, watch};

use super::CertificateRequest;
use super::room::{Candidate, WaitingRoom};

/// How long a certificate is used before the host fetches it again. The verifier checks its dates
/// at each use.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long the host remembers that an unproven URL could not be fetched.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(60);
/// How long the host remembers that a proven URL could not be fetched. The failure must be
/// forgotten before the sender's next retry.
pub(super) const PROVEN_FAILED_FOR: Duration = Duration::from_secs(5);

/// The maximum number of certificates in memory.
pub(super) const KEPT_MAX: usize = 64;
/// The maximum number of failures in memory. Beyond it, the failure that expires first is
/// forgotten.
pub(super) const FAILED_MAX: usize = 1024;
/// The maximum number of concurrent fetches of unproven URLs, for all tenants together.
pub(super) const FETCHING_MAX: usize = 8;
/// The maximum number of concurrent fetches of unproven URLs for the sources of one tenant.
pub(super) const TENANT_FETCHING_MAX: usize = 4;
/// The maximum number of concurrent fetches of proven URLs.
pub(super) const PROVEN_FETCHING_MAX: usize = 8;

/// The result of a fetch: the certificate, or the reason why there is none.
pub(super) type FetchResult = Result<Arc<Certificate>, Arc<str>>;

/// The state of all certificate URLs.
pub(super) struct Table {
    kept: HashMap<String, KeptCertificate>,
    failed: HashMap<String, FailedFetch>,
    fetching: HashMap<String, Fetching>,
    room: WaitingRoom,
    /// The maximum number of requests that wait for the fetch of one URL.
    waiting_max: usize,
}

/// A certificate in memory.
#[derive(Clone)]
pub(super) struct KeptCertificate {
    pub(super) certificate: Arc<Certificate>,
    pub(super) pem: Bytes,
    pub(super) until: Timestamp,
    pub(super) is_proven: bool,
}

struct FailedFetch {
    why: Arc<str>,
    until: Timestamp,
}

struct Fetching {
    wait: Wait,
    source: SourceRef,
    is_proven: bool,
}

/// The next step of a request that needs a certificate.
pub(super) enum Step {
    /// Use this certificate.
    Use(Arc<Certificate>),
    /// Wait for a fetch that is running or waits in the room.
    Wait(Wait),
    /// Begin this fetch, and wait for its end.
    Fetch(NewFetch, Wait),
}

/// A fetch that the caller must begin. The caller sends the result to `done`.
pub(super) struct NewFetch {
    pub(super) url: String,
    pub(super) allow_http: bool,
    pub(super) done: watch::Sender<Option<FetchResult>>,
}

/// The way to wait for the end of a fetch: in a slot, if one is free.
#[derive(Clone)]
pub(super) struct Wait {
    /// `None` until the fetch ends.
    pub(super) end: watch::Receiver<Option<FetchResult>>,
    /// A slot for each request that waits.
    pub(super) slots: Arc<Semaphore>,
}

impl Table {
    /// Returns an empty table. Each URL that is fetched has `waiting_max` slots for waiting
    /// requests.
    pub(super) fn new(waiting_max: usize) -> Self {
        let waiting_max = waiting_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            kept: HashMap::new(),
            failed: HashMap::new(),
            fetching: HashMap::new(),
            room: WaitingRoom::new(),
            waiting_max,
        }
    }

    /// Returns the certificate at `url`, if it may be used without another fetch.
    pub(super) fn usable(&self, url: &str, now: Timestamp) -> Option<Arc<Certificate>> {
        let kept = self.kept.get(url).filter(|kept| kept.until > now)?;
        Some(Arc::clone(&kept.certificate))
    }

    /// Decides the next step of a request that needs a certificate.
    ///
    /// # Errors
    ///
    /// Returns a short reason, for the operator, why the certificate is not available now.
    pub(super) fn next_step(
        &mut self,
        wanted: &CertificateRequest<'_>,
        now: Timestamp,
    ) -> Result<Step, Arc<str>> {
        let CertificateRequest {
            url,
            source,
            allow_http,
        } = *wanted;
        self.forget_expired(now);

        if let Some(certificate) = self.usable(url, now) {
            return Ok(Step::Use(certificate));
        }
        if let Some(failed) = self.failed.get(url) {
            return Err(Arc::clone(&failed.why));
        }
        if let Some(fetching) = self.fetching.get(url) {
            return Ok(Step::Wait(fetching.wait.clone()));
        }
        if let Some(wait) = self.room.wait_for(url) {
            return Ok(Step::Wait(wait));
        }

        let is_proven = self.is_proven(url);
        if is_proven && self.count(|fetching| fetching.is_proven) >= PROVEN_FETCHING_MAX {
            return Err("too many certificates are being fetched".into());
        }

        let (done, end) = watch::channel(None);
        let wait = Wait {
            end,
            slots: Arc::new(Semaphore::new(self.waiting_max)),
        };
        let (url, source) = (url.to_owned(), source.clone());

        if is_proven {
            self.fetching.insert(
                url.clone(),
                Fetching {
                    wait: wait.clone(),
                    source,
                    is_proven,
                },
            );
            return Ok(Step::Fetch(
                NewFetch {
                    url,
                    allow_http,
                    done,
                },
                wait,
            ));
        }

        let is_repeated = self.room.remember(&url);
        let is_free =
            self.has_room() && count_of(&self.fetching, &source.tenant) < TENANT_FETCHING_MAX;
        let candidate = Candidate {
            url,
            source,
            allow_http,
            done,
            wait: wait.clone(),
            is_repeated,
        };

        if is_free {
            return Ok(Step::Fetch(self.begin(candidate), wait));
        }
        self.room.enter(candidate);
        Ok(Step::Wait(wait))
    }

    /// Removes and returns a fetch from the room that may begin now.
    pub(super) fn next(&mut self) -> Option<NewFetch> {
        if !self.has_room() {
            return None;
        }
        self.room.forget_abandoned();

        let of_tenant = |tenant: &TenantName| count_of(&self.fetching, tenant);
        let candidate = self.room.next(of_tenant, TENANT_FETCHING_MAX)?;
        Some(self.begin(candidate))
    }

    fn begin(&mut self, candidate: Candidate) -> NewFetch {
        let Candidate {
            url,
            source,
            allow_http,
            done,
            wait,
            ..
        } = candidate;

        self.fetching.insert(
            url.clone(),
            Fetching {
                wait,
                source,
                is_proven: false,
            },
        );
        NewFetch {
            url,
            allow_http,
            done,
        }
    }

    /// Records the end of the fetch of `url`.
    pub(super) fn end(&mut self, url: String, fetched: &FetchResult, pem: Bytes, now: Timestamp) {
        self.fetching.remove(&url);
        let is_proven = self.is_proven(&url);

        match fetched {
            Ok(certificate) => {
                let until = now.after(KEPT_FOR);
                self.keep(
                    url,
                    KeptCertificate {
                        certificate: Arc::clone(certificate),
                        pem,
                        until,
                        is_proven,
                    },
                );
            }
            Err(why) => {
                let failed_for = if is_proven {
                    PROVEN_FAILED_FOR
                } else {
                    FAILED_FOR
                };
                self.fail(
                    url,
                    FailedFetch {
                        why: Arc::clone(why),
                        until: now.after(failed_for),
                    },
                );
            }
        }
    }

    /// Keeps a certificate. If there are too many, removes an unproven certificate before a proven
    /// one.
    pub(super) fn keep(&mut self, url: String, kept: KeptCertificate) {
        if !self.kept.contains_key(&url) && self.kept.len() >= KEPT_MAX {
            let rank = |(url, kept): (&String, &KeptCertificate)| {
                (kept.is_proven, kept.until, url.clone())
            };
            if let Some((_, _, url)) = self.kept.iter().map(rank).min() {
                self.kept.remove(&url);
            }
        }
        self.kept.insert(url, kept);
    }

    /// Marks the URL of a certificate that has verified a message. Returns whether the URL was
    /// unproven.
    pub(super) fn prove(&mut self, url: &str) -> bool {
        let Some(kept) = self.kept.get_mut(url) else {
            return false;
        };
        !std::mem::replace(&mut kept.is_proven, true)
    }

    /// Returns the proven certificates, by URL.
    pub(super) fn proven(&self) -> impl Iterator<Item = (&String, &KeptCertificate)> {
        self.kept.iter().filter(|(_, kept)| kept.is_proven)
    }

    fn is_proven(&self, url: &str) -> bool {
        self.kept.get(url).is_some_and(|kept| kept.is_proven)
    }

    /// Returns whether another unproven URL may be fetched.
    fn has_room(&self) -> bool {
        self.count(|fetching| !fetching.is_proven) < FETCHING_MAX
    }

    fn count(&self, is_counted: impl Fn(&Fetching) -> bool) -> usize {
        self.fetching
            .values()
            .filter(|fetching| is_counted(fetching))
            .count()
    }

    fn fail(&mut self, url: String, failed: FailedFetch) {
        if self.failed.len() >= FAILED_MAX
            && let Some(first) = self
                .failed
                .iter()
                .min_by_key(|(_, failed)| failed.until)
                .map(|(url, _)| url.clone())
        {
            self.failed.remove(&first);
        }
        self.failed.insert(url, failed);
    }

    /// Removes the expired certificates. A proven certificate stays, so that its URL stays proven
    /// until the next fetch.
    fn forget_expired(&mut self, now: Timestamp) {
        self.kept
            .retain(|_, kept| kept.is_proven || kept.until > now);
        self.failed.retain(|_, failed| failed.until > now);
        // If the task of a fetch was abandoned, its sender is dropped.
        self.fetching
            .retain(|_, fetching| fetching.wait.end.has_changed().is_ok());
    }
}

/// Returns the number of running fetches of unproven URLs for one tenant.
fn count_of(fetching: &HashMap<String, Fetching>, tenant: &TenantName) -> usize {
    fetching
        .values()
        .filter(|fetching| !fetching.is_proven && fetching.source.tenant == *tenant)
        .count()
}
