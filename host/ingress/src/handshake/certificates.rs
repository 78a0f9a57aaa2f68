//! The certificates that were fetched, those being fetched, and those that could not be.
//!
//! A good certificate is never pushed out by a failure, and each of the three kinds has its own bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::Timestamp;
use hookyard_verify::{Certificate, Certificates};
use tokio::sync::watch;

use crate::answer::chain;
use crate::fetch::{Fetch, FetchRequest};

const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
const CERTIFICATE_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a certificate is used before it is fetched again; its own dates are checked at each use.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long a failure is believed.
const FAILED_FOR: Duration = Duration::from_secs(60);

const KEPT_MAX: usize = 64;
const FAILED_MAX: usize = 64;
const FETCHING_MAX: usize = 4;

/// A fetch's end: the certificate, or why there is none.
type Fetched = Result<Arc<Certificate>, Arc<str>>;

/// Certificates by the URL that they are served at.
pub(super) struct CertificateCache {
    fetch: Arc<dyn Fetch>,
    entries: Mutex<HashMap<String, Entry>>,
}

enum Entry {
    Kept {
        certificate: Arc<Certificate>,
        until: Timestamp,
    },
    Failed {
        why: Arc<str>,
        until: Timestamp,
    },
    /// `None` until the fetch ends.
    Fetching(watch::Receiver<Option<Fetched>>),
}

impl Entry {
    /// Whether there is still something to be had from it at `now`. A fetch whose task is gone has nothing.
    fn is_live(&self, now: Timestamp) -> bool {
        match self {
            Self::Kept { until, .. } | Self::Failed { until, .. } => *until > now,
            Self::Fetching(fetching) => fetching.has_changed().is_ok(),
        }
    }
}

/// The cache as it stands at a moment, for `verify` to look into.
pub(super) struct At<'a> {
    cache: &'a CertificateCache,
    now: Timestamp,
}

impl Certificates for At<'_> {
    fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        match self.cache.entries().get(url) {
            Some(Entry::Kept { certificate, until }) if *until > self.now => Some(Arc::clone(certificate)),
            _ => None,
        }
    }
}

impl CertificateCache {
    pub(super) fn new(fetch: Arc<dyn Fetch>) -> Arc<Self> {
        Arc::new(Self { fetch, entries: Mutex::default() })
    }

    pub(super) fn at(&self, now: Timestamp) -> At<'_> {
        At { cache: self, now }
    }

    /// The certificate at `url`, from memory or by one fetch that all who ask meanwhile share.
    pub(super) async fn fetch(self: &Arc<Self>, url: &str, allow_http: bool, now: Timestamp) -> Fetched {
        let mut fetching = match self.look(url, now)? {
            Looked::Kept(certificate) => return Ok(certificate),
            Looked::Fetching(fetching) => fetching,
            Looked::ToFetch(done, fetching) => {
                self.begin(url.to_owned(), allow_http, done, now);
                fetching
            }
        };
        let ended = fetching.wait_for(Option::is_some).await;
        ended.ok().and_then(|fetched| fetched.clone()).unwrap_or_else(|| Err("the fetch was abandoned".into()))
    }

    fn look(&self, url: &str, now: Timestamp) -> Result<Looked, Arc<str>> {
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.is_live(now));
        match entries.get(url) {
            Some(Entry::Kept { certificate, .. }) => return Ok(Looked::Kept(Arc::clone(certificate))),
            Some(Entry::Failed { why, .. }) => return Err(Arc::clone(why)),
            Some(Entry::Fetching(fetching)) => return Ok(Looked::Fetching(fetching.clone())),
            None => {}
        }
        let count = |is_of: fn(&Entry) -> bool| entries.values().filter(|entry| is_of(entry)).count();
        if count(|entry| matches!(entry, Entry::Fetching(_))) >= FETCHING_MAX {
            return Err("too many certificates are being fetched".into());
        }
        if count(|entry| matches!(entry, Entry::Failed { .. })) >= FAILED_MAX {
            return Err("too many certificates could not be fetched of late".into());
        }
        let (done, fetching) = watch::channel(None);
        entries.insert(url.to_owned(), Entry::Fetching(fetching.clone()));
        Ok(Looked::ToFetch(done, fetching))
    }

    /// Fetches in a task of its own, so that a sender that hangs up takes nothing from those who wait with it.
    fn begin(self: &Arc<Self>, url: String, allow_http: bool, done: watch::Sender<Option<Fetched>>, now: Timestamp) {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let request = FetchRequest {
                url: url.clone(),
                bytes_max: CERTIFICATE_BYTES_MAX,
                time_max: CERTIFICATE_TIME_MAX,
                allow_http,
            };
            let fetched = match cache.fetch.get(request).await {
                Ok(pem) => Certificate::parse_pem(&pem).map(Arc::new).map_err(|error| chain(&error).into()),
                Err(error) => Err(chain(&error).into()),
            };
            cache.keep(url, &fetched, now);
            let _ = done.send(Some(fetched));
        });
    }

    fn keep(&self, url: String, fetched: &Fetched, now: Timestamp) {
        let mut entries = self.entries();
        let entry = match fetched {
            Ok(certificate) => {
                make_room(&mut entries);
                Entry::Kept { certificate: Arc::clone(certificate), until: now.after(KEPT_FOR) }
            }
            Err(why) => Entry::Failed { why: Arc::clone(why), until: now.after(FAILED_FOR) },
        };
        entries.insert(url, entry);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Looked {
    Kept(Arc<Certificate>),
    Fetching(watch::Receiver<Option<Fetched>>),
    ToFetch(watch::Sender<Option<Fetched>>, watch::Receiver<Option<Fetched>>),
}

/// Forgets the certificate that is to be fetched again the soonest, when there are as many as may be kept.
fn make_room(entries: &mut HashMap<String, Entry>) {
    let kept = entries.iter().filter_map(|(url, entry)| match entry {
        Entry::Kept { until, .. } => Some((*until, url)),
        _ => None,
    });
    let kept: Vec<_> = kept.collect();
    if kept.len() >= KEPT_MAX
        && let Some(url) = kept.into_iter().min().map(|(_, url)| url.clone())
    {
        entries.remove(&url);
    }
}
