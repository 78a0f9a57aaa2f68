//! The certificates that were fetched, those being fetched, and those that could not be.
//!
//! A good certificate is never pushed out by a failure, and each of the three kinds has its own bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookyard_model::{Timestamp, chain};
use hookyard_verify::{Certificate, Certificates};
use tokio::sync::watch;

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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::fetch::FetchError;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);

    /// Serves a certificate at every URL but those with `missing` in them, one for each permit of the gate.
    struct Site {
        pem: String,
        asked: Semaphore,
        gate: Semaphore,
    }

    impl Site {
        async fn asked(&self, times: u32) {
            self.asked.acquire_many(times).await.expect("never closed").forget();
        }

        fn was_asked(&self) -> bool {
            self.asked.available_permits() > 0
        }
    }

    #[async_trait]
    impl Fetch for Site {
        async fn get(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
            self.asked.add_permits(1);
            self.gate.acquire().await.expect("never closed").forget();
            match request.url.contains("missing") {
                true => Err(FetchError("404".into())),
                false => Ok(self.pem.clone().into()),
            }
        }
    }

    fn site(open_for: usize) -> (Arc<Site>, Arc<CertificateCache>) {
        let pem = rcgen::generate_simple_self_signed(["sns.amazonaws.com".to_owned()]).expect("made").cert.pem();
        let site = Arc::new(Site { pem, asked: Semaphore::new(0), gate: Semaphore::new(open_for) });
        (Arc::clone(&site), CertificateCache::new(site))
    }

    fn spawn(cache: &Arc<CertificateCache>, url: String) -> tokio::task::JoinHandle<Fetched> {
        let cache = Arc::clone(cache);
        tokio::spawn(async move { cache.fetch(&url, false, NOW).await })
    }

    #[tokio::test]
    async fn all_who_ask_for_one_url_share_one_fetch() {
        let (site, cache) = site(0);
        let asking: Vec<_> = (0..20).map(|_| spawn(&cache, "one".into())).collect();
        site.asked(1).await;
        site.gate.add_permits(100);
        for fetched in asking {
            fetched.await.expect("no panic").expect("a certificate");
        }
        assert!(!site.was_asked(), "there was a second fetch");
        assert!(cache.at(NOW).get("one").is_some());
        assert!(cache.at(NOW.after(KEPT_FOR)).get("one").is_none(), "a certificate is kept for a time only");
        cache.fetch("one", false, NOW.after(KEPT_FOR)).await.expect("fetched anew");
        assert!(site.was_asked());
    }

    #[tokio::test]
    async fn whoever_hangs_up_takes_nothing_from_the_others() {
        let (site, cache) = site(0);
        let first = spawn(&cache, "one".into());
        site.asked(1).await;
        first.abort();
        assert!(first.await.expect_err("aborted").is_cancelled());
        let second = spawn(&cache, "one".into());
        site.gate.add_permits(1);
        second.await.expect("no panic").expect("a certificate");
        assert!(!site.was_asked(), "there was a second fetch");
    }

    #[tokio::test]
    async fn a_failure_is_believed_for_a_while() {
        let (site, cache) = site(100);
        assert!(cache.fetch("missing", false, NOW).await.is_err());
        site.asked(1).await;
        assert!(cache.fetch("missing", false, NOW).await.expect_err("still missing").contains("404"));
        assert!(!site.was_asked());
        assert!(cache.fetch("missing", false, NOW.after(FAILED_FOR)).await.is_err());
        assert!(site.was_asked());
    }

    #[tokio::test]
    async fn fetches_at_once_have_a_bound() {
        let (site, cache) = site(0);
        let asking: Vec<_> = (0..FETCHING_MAX).map(|number| spawn(&cache, number.to_string())).collect();
        site.asked(FETCHING_MAX as u32).await;
        assert!(cache.fetch("one more", false, NOW).await.is_err());
        assert!(!site.was_asked());
        site.gate.add_permits(FETCHING_MAX + 1);
        for fetched in asking {
            fetched.await.expect("no panic").expect("a certificate");
        }
        cache.fetch("one more", false, NOW).await.expect("a bound that was met is no failure of the URL");
    }

    #[tokio::test]
    async fn a_flood_of_failures_is_bounded_and_costs_no_good_certificate() {
        let (site, cache) = site(1000);
        cache.fetch("good", false, NOW).await.expect("a certificate");
        for number in 0..FAILED_MAX + 10 {
            assert!(cache.fetch(&format!("missing {number}"), false, NOW).await.is_err());
        }
        assert_eq!(site.asked.available_permits(), 1 + FAILED_MAX);
        assert!(cache.at(NOW).get("good").is_some());
    }

    #[tokio::test]
    async fn certificates_kept_have_a_bound() {
        let (_site, cache) = site(1000);
        for number in 0..KEPT_MAX + 10 {
            cache.fetch(&number.to_string(), false, NOW).await.expect("a certificate");
        }
        assert_eq!(cache.entries().len(), KEPT_MAX);
        assert!(cache.at(NOW).get(&(KEPT_MAX + 9).to_string()).is_some(), "the latest is kept");
    }
}
