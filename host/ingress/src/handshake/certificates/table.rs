//! What is known of each certificate URL, and whether another fetch may begin: the state and its decisions, without I/O.
//!
//! A stranger can name any certificate URL that the sender's rules allow, so URLs are of two classes. A *proven* URL is
//! one whose certificate has verified a message; all others are *unproven*. The classes share no bound: however many
//! unproven URLs are kept, failed, fetched or waited for, a proven URL is served as if nobody else were there. Unproven
//! URLs beyond the most that are fetched at once wait in a room (`room`). Each URL has its own places for requests that
//! wait, so that a slow one holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{SourceRef, TenantName, Timestamp};
use hookyard_schemes::Certificate;
use tokio::sync::{Semaphore, watch};

use super::CertificateRequest;
use super::room::{Candidate, Room};

/// How long a certificate is used before the host fetches it again. The verifier checks its dates at each use.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long the host remembers that an unproven URL could not be fetched.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(60);
/// The same for a proven URL, whose outage must not outlast the sender's next retry.
pub(super) const PROVEN_FAILED_FOR: Duration = Duration::from_secs(5);

/// The most certificates in memory.
pub(super) const KEPT_MAX: usize = 64;
/// The most failures in memory. Beyond it the failure that expires first is forgotten.
pub(super) const FAILED_MAX: usize = 1024;
/// The most fetches of unproven URLs at once, of all tenants together.
pub(super) const FETCHING_MAX: usize = 8;
/// The most fetches of unproven URLs at once that the sources of one tenant cause.
pub(super) const TENANT_FETCHING_MAX: usize = 4;
/// The most fetches of proven URLs at once.
pub(super) const PROVEN_FETCHING_MAX: usize = 8;

/// The end of a fetch: the certificate, or the reason why there is none.
pub(super) type Fetched = Result<Arc<Certificate>, Arc<str>>;

/// All certificate URLs that the host knows something of.
pub(super) struct Table {
    kept: HashMap<String, Kept>,
    failed: HashMap<String, Failed>,
    fetching: HashMap<String, Fetching>,
    room: Room,
    /// The most requests that wait for the fetch of one URL.
    waiting_max: usize,
}

/// A certificate in memory.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) certificate: Arc<Certificate>,
    pub(super) pem: Bytes,
    pub(super) until: Timestamp,
    pub(super) is_proven: bool,
}

struct Failed {
    why: Arc<str>,
    until: Timestamp,
}

struct Fetching {
    wait: Wait,
    source: SourceRef,
    is_proven: bool,
}

/// What a request that needs a certificate does next.
pub(super) enum Step {
    /// Use this certificate.
    Use(Arc<Certificate>),
    /// Wait for a fetch that is under way, or will be.
    Wait(Wait),
    /// Begin this fetch, and wait for its end.
    Fetch(Begin, Wait),
}

/// A fetch that is to begin. Its end is to be sent.
pub(super) struct Begin {
    pub(super) url: String,
    pub(super) allow_http: bool,
    pub(super) done: watch::Sender<Option<Fetched>>,
}

/// How to wait for the end of a fetch: with a place, if there is one.
#[derive(Clone)]
pub(super) struct Wait {
    /// `None` until the fetch ends.
    pub(super) end: watch::Receiver<Option<Fetched>>,
    /// A place for each request that waits.
    pub(super) places: Arc<Semaphore>,
}

impl Table {
    /// An empty table. Each URL that is fetched has `waiting_max` places for requests that wait.
    pub(super) fn new(waiting_max: usize) -> Self {
        let waiting_max = waiting_max.clamp(1, Semaphore::MAX_PERMITS);
        let (kept, failed, fetching) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self {
            kept,
            failed,
            fetching,
            room: Room::new(),
            waiting_max,
        }
    }

    /// The certificate at `url`, if it may be used without another fetch.
    pub(super) fn usable(&self, url: &str, now: Timestamp) -> Option<Arc<Certificate>> {
        let kept = self.kept.get(url).filter(|kept| kept.until > now)?;
        Some(Arc::clone(&kept.certificate))
    }

    /// Decides what a request does to have a certificate.
    ///
    /// # Errors
    ///
    /// A short reason, for the operator, why the certificate cannot be had now.
    pub(super) fn look(
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
            places: Arc::new(Semaphore::new(self.waiting_max)),
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
                Begin {
                    url,
                    allow_http,
                    done,
                },
                wait,
            ));
        }

        let was_asked = self.room.ask(&url);
        let is_free =
            self.has_room() && count_of(&self.fetching, &source.tenant) < TENANT_FETCHING_MAX;
        let candidate = Candidate {
            url,
            source,
            allow_http,
            done,
            wait: wait.clone(),
            was_asked,
        };
        if is_free {
            return Ok(Step::Fetch(self.begin(candidate), wait));
        }
        self.room.enter(candidate);
        Ok(Step::Wait(wait))
    }

    /// Takes a fetch out of the room that may begin now.
    pub(super) fn next(&mut self) -> Option<Begin> {
        if !self.has_room() {
            return None;
        }
        self.room.forget_abandoned();
        let of_tenant = |tenant: &TenantName| count_of(&self.fetching, tenant);
        let candidate = self.room.next(of_tenant, TENANT_FETCHING_MAX)?;
        Some(self.begin(candidate))
    }

    fn begin(&mut self, candidate: Candidate) -> Begin {
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
        Begin {
            url,
            allow_http,
            done,
        }
    }

    /// Records the end of the fetch of `url`.
    pub(super) fn end(&mut self, url: String, fetched: &Fetched, pem: Bytes, now: Timestamp) {
        self.fetching.remove(&url);
        let is_proven = self.is_proven(&url);

        match fetched {
            Ok(certificate) => {
                let until = now.after(KEPT_FOR);
                self.keep(
                    url,
                    Kept {
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
                    Failed {
                        why: Arc::clone(why),
                        until: now.after(failed_for),
                    },
                );
            }
        }
    }

    /// Keeps a certificate. Where there are too many, an unproven one makes room before a proven one.
    pub(super) fn keep(&mut self, url: String, kept: Kept) {
        if !self.kept.contains_key(&url) && self.kept.len() >= KEPT_MAX {
            let rank = |(url, kept): (&String, &Kept)| (kept.is_proven, kept.until, url.clone());
            if let Some((_, _, url)) = self.kept.iter().map(rank).min() {
                self.kept.remove(&url);
            }
        }
        self.kept.insert(url, kept);
    }

    /// Marks the URL of a certificate that verified a message. Returns whether that is news.
    pub(super) fn prove(&mut self, url: &str) -> bool {
        let Some(kept) = self.kept.get_mut(url) else {
            return false;
        };
        !std::mem::replace(&mut kept.is_proven, true)
    }

    /// The proven certificates, by URL.
    pub(super) fn proven(&self) -> impl Iterator<Item = (&String, &Kept)> {
        self.kept.iter().filter(|(_, kept)| kept.is_proven)
    }

    fn is_proven(&self, url: &str) -> bool {
        self.kept.get(url).is_some_and(|kept| kept.is_proven)
    }

    /// Whether another unproven URL may be fetched.
    fn has_room(&self) -> bool {
        self.count(|fetching| !fetching.is_proven) < FETCHING_MAX
    }

    fn count(&self, is_meant: impl Fn(&Fetching) -> bool) -> usize {
        self.fetching
            .values()
            .filter(|fetching| is_meant(fetching))
            .count()
    }

    fn fail(&mut self, url: String, failed: Failed) {
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

    /// A proven certificate stays after its time, so that its URL stays proven until the next fetch.
    fn forget_expired(&mut self, now: Timestamp) {
        self.kept
            .retain(|_, kept| kept.is_proven || kept.until > now);
        self.failed.retain(|_, failed| failed.until > now);
        // The task of a fetch that was abandoned has dropped its sender.
        self.fetching
            .retain(|_, fetching| fetching.wait.end.has_changed().is_ok());
    }
}

/// The fetches of unproven URLs that are under way for one tenant.
fn count_of(fetching: &HashMap<String, Fetching>, tenant: &TenantName) -> usize {
    fetching
        .values()
        .filter(|fetching| !fetching.is_proven && fetching.source.tenant == *tenant)
        .count()
}
