//! What is known of each certificate URL, and whether another fetch may begin: the state and its decisions, without I/O.
//!
//! A stranger can name any certificate URL that the sender's rules allow, so URLs are of two classes. A *proven* URL is
//! one whose certificate has verified a message; all others are *unproven*. The classes share no bound: however many
//! unproven URLs are kept, failed, fetched or waited for, a proven URL is served as if nobody else were there. Each URL
//! has its own places for requests that wait, so that a slow one holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{SourceRef, Timestamp};
use hookyard_verify::Certificate;
use tokio::sync::{Semaphore, watch};

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
/// The most fetches of unproven URLs at once, of all sources together.
pub(super) const FETCHING_MAX: usize = 8;
/// The most fetches of unproven URLs at once that one source causes.
pub(super) const SOURCE_FETCHING_MAX: usize = 4;
/// The most fetches of proven URLs at once.
pub(super) const PROVEN_FETCHING_MAX: usize = 8;

/// The end of a fetch: the certificate, or the reason why there is none.
pub(super) type Fetched = Result<Arc<Certificate>, Arc<str>>;

/// All certificate URLs that the host knows something of.
pub(super) struct Table {
    kept: HashMap<String, Kept>,
    failed: HashMap<String, Failed>,
    fetching: HashMap<String, Fetching>,
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
    /// `None` until the fetch ends.
    end: watch::Receiver<Option<Fetched>>,
    /// A place for each request that waits.
    places: Arc<Semaphore>,
    source: SourceRef,
    is_proven: bool,
}

/// What a request that needs a certificate does next.
pub(super) enum Step {
    /// Use this certificate.
    Use(Arc<Certificate>),
    /// Wait for a fetch that is under way.
    Wait(Wait),
    /// Begin a fetch, send its end, and wait for that.
    Fetch(watch::Sender<Option<Fetched>>, Wait),
}

/// How to wait for the end of a fetch: with a place, if there is one.
pub(super) struct Wait {
    pub(super) end: watch::Receiver<Option<Fetched>>,
    pub(super) places: Arc<Semaphore>,
}

impl Fetching {
    fn wait(&self) -> Wait {
        Wait { end: self.end.clone(), places: Arc::clone(&self.places) }
    }
}

impl Table {
    /// An empty table. Each URL that is fetched has `waiting_max` places for requests that wait.
    pub(super) fn new(waiting_max: usize) -> Self {
        let waiting_max = waiting_max.clamp(1, Semaphore::MAX_PERMITS);
        Self { kept: HashMap::new(), failed: HashMap::new(), fetching: HashMap::new(), waiting_max }
    }

    /// The certificate at `url`, if it may be used without another fetch.
    pub(super) fn usable(&self, url: &str, now: Timestamp) -> Option<Arc<Certificate>> {
        let kept = self.kept.get(url).filter(|kept| kept.until > now)?;
        Some(Arc::clone(&kept.certificate))
    }

    /// Decides what a request of `source` does to have the certificate at `url`.
    ///
    /// # Errors
    ///
    /// A short reason, for the operator, why the certificate cannot be had now.
    pub(super) fn look(&mut self, url: &str, source: &SourceRef, now: Timestamp) -> Result<Step, Arc<str>> {
        self.forget_expired(now);

        if let Some(certificate) = self.usable(url, now) {
            return Ok(Step::Use(certificate));
        }
        if let Some(failed) = self.failed.get(url) {
            return Err(Arc::clone(&failed.why));
        }
        if let Some(fetching) = self.fetching.get(url) {
            return Ok(Step::Wait(fetching.wait()));
        }

        let is_proven = self.is_proven(url);
        self.admit(source, is_proven)?;
        let (done, end) = watch::channel(None);
        let places = Arc::new(Semaphore::new(self.waiting_max));
        let fetching = Fetching { end, places, source: source.clone(), is_proven };
        let wait = fetching.wait();
        self.fetching.insert(url.to_owned(), fetching);
        Ok(Step::Fetch(done, wait))
    }

    /// Records the end of the fetch of `url`.
    pub(super) fn end(&mut self, url: String, fetched: &Fetched, pem: Bytes, now: Timestamp) {
        self.fetching.remove(&url);
        let is_proven = self.is_proven(&url);

        match fetched {
            Ok(certificate) => {
                let until = now.after(KEPT_FOR);
                self.keep(url, Kept { certificate: Arc::clone(certificate), pem, until, is_proven });
            }
            Err(why) => {
                let failed_for = if is_proven { PROVEN_FAILED_FOR } else { FAILED_FOR };
                self.fail(url, Failed { why: Arc::clone(why), until: now.after(failed_for) });
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
        let Some(kept) = self.kept.get_mut(url) else { return false };
        !std::mem::replace(&mut kept.is_proven, true)
    }

    /// The proven certificates, by URL.
    pub(super) fn proven(&self) -> impl Iterator<Item = (&String, &Kept)> {
        self.kept.iter().filter(|(_, kept)| kept.is_proven)
    }

    fn is_proven(&self, url: &str) -> bool {
        self.kept.get(url).is_some_and(|kept| kept.is_proven)
    }

    fn admit(&self, source: &SourceRef, is_proven: bool) -> Result<(), Arc<str>> {
        let same_class = || self.fetching.values().filter(|fetching| fetching.is_proven == is_proven);
        let of_source = same_class().filter(|fetching| fetching.source == *source).count();
        let is_full = if is_proven {
            same_class().count() >= PROVEN_FETCHING_MAX
        } else {
            same_class().count() >= FETCHING_MAX || of_source >= SOURCE_FETCHING_MAX
        };

        if is_full { Err("too many certificates are being fetched".into()) } else { Ok(()) }
    }

    fn fail(&mut self, url: String, failed: Failed) {
        if self.failed.len() >= FAILED_MAX
            && let Some(first) = self.failed.iter().min_by_key(|(_, failed)| failed.until).map(|(url, _)| url.clone())
        {
            self.failed.remove(&first);
        }
        self.failed.insert(url, failed);
    }

    /// A proven certificate stays after its time, so that its URL stays proven until the next fetch.
    fn forget_expired(&mut self, now: Timestamp) {
        self.kept.retain(|_, kept| kept.is_proven || kept.until > now);
        self.failed.retain(|_, failed| failed.until > now);
        // The task of a fetch that was abandoned has dropped its sender.
        self.fetching.retain(|_, fetching| fetching.end.has_changed().is_ok());
    }
}
