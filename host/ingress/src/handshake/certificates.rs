//! The certificates that handshakes need. Each certificate is fetched once for all requests that
//! wait for it, and is then kept.
//!
//! The module `table` decides; this module fetches, waits and stores. A request that waits for a
//! certificate takes one of a limited number of slots for a limited time. It is refused at once if
//! no slot is free, so that a slow certificate never uses up the connections of other senders.

mod archive;
mod room;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use self::archive::{CertificateArchive, ProvenCertificate};
use self::table::{FetchResult, KEPT_FOR, KeptCertificate, NewFetch, Step, Table, Wait};
use crate::fetch::{Fetch, FetchRequest};
use bytes::Bytes;
use hookyard_model::{SourceRef, Timestamp, chain};
use hookyard_schemes::{Certificate, Certificates};

/// The maximum size of a certificate file, in bytes.
const CERTIFICATE_BYTES_MAX: usize = 64 << 10;
/// The time limit of one fetch.
const CERTIFICATE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a request waits for a certificate, including the time in the waiting room.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Certificates by their URL.
pub(super) struct CertificateCache {
    fetch: Arc<dyn Fetch>,
    archive: Arc<dyn CertificateArchive>,
    table: Mutex<Table>,
    /// Locked while the archive is written, so that the newest set is written last.
    saving: tokio::sync::Mutex<()>,
}

/// A request's need for a certificate.
pub(super) struct CertificateRequest<'a> {
    pub(super) url: &'a str,
    pub(super) source: &'a SourceRef,
    /// Whether the URL may be `http:`.
    pub(super) allow_http: bool,
}

/// The certificates that are valid at one time, for the verifier to look up.
pub(super) struct CertificatesAt<'a> {
    cache: &'a CertificateCache,
    now: Timestamp,
    /// The URL of the certificate that was found.
    pub(super) used: OnceLock<String>,
}

impl Certificates for CertificatesAt<'_> {
    fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        let certificate = self.cache.table().usable(url, self.now)?;
        let _ = self.used.set(url.to_owned());
        Some(certificate)
    }
}

impl CertificateCache {
    /// Starts with the certificates of the archive. At most `waiting_max` requests wait for one
    /// certificate.
    pub(super) fn new(
        fetch: Arc<dyn Fetch>,
        archive: Arc<dyn CertificateArchive>,
        waiting_max: usize,
        now: Timestamp,
    ) -> Arc<Self> {
        let mut table = Table::new(waiting_max);
        for ProvenCertificate { url, pem, until } in archive.load() {
            if let Ok(certificate) = Certificate::parse_pem(&pem) {
                // A clock that was set back must not make the host keep a certificate for longer.
                let until = until.min(now.after(KEPT_FOR));
                table.keep(
                    url,
                    KeptCertificate {
                        certificate: Arc::new(certificate),
                        pem,
                        until,
                        is_proven: true,
                    },
                );
            }
        }

        Arc::new(Self {
            fetch,
            archive,
            table: Mutex::new(table),
            saving: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn at(&self, now: Timestamp) -> CertificatesAt<'_> {
        CertificatesAt {
            cache: self,
            now,
            used: OnceLock::new(),
        }
    }

    /// Returns the certificate at a URL, from memory or by one fetch that all requests for the URL
    /// share.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        wanted: CertificateRequest<'_>,
        now: Timestamp,
    ) -> FetchResult {
        let step = self.table().next_step(&wanted, now)?;
        let Wait { mut end, slots } = match step {
            Step::Use(certificate) => return Ok(certificate),
            Step::Wait(wait) => wait,
            Step::Fetch(begin, wait) => {
                self.begin(begin, now);
                wait
            }
        };

        let _slot = slots
            .try_acquire()
            .map_err(|_| Arc::from("too many requests are waiting for this certificate"))?;

        let ended = tokio::time::timeout(WAIT_MAX, end.wait_for(Option::is_some))
            .await
            .map_err(|_elapsed| Arc::from("too many certificates are waiting to be fetched"))?;
        ended
            .ok()
            .and_then(|fetched| fetched.clone())
            .unwrap_or_else(|| Err("the fetch was abandoned".into()))
    }

    /// Records that the certificate at `url` has verified a message, and stores it the first time.
    pub(super) fn prove(self: &Arc<Self>, url: &str) {
        if self.table().prove(url) {
            tokio::spawn(Arc::clone(self).save());
        }
    }

    /// Fetches in a separate task, so that a sender that hangs up does not end the fetch for
    /// others.
    fn begin(
        self: &Arc<Self>,
        NewFetch {
            url,
            allow_http,
            done,
        }: NewFetch,
        now: Timestamp,
    ) {
        let (cache, began) = (Arc::clone(self), Instant::now());
        tokio::spawn(async move {
            let request = FetchRequest {
                url: url.clone(),
                bytes_max: CERTIFICATE_BYTES_MAX,
                time_max: CERTIFICATE_TIME_MAX,
                allow_http,
            };
            let (fetched, pem) = match cache.fetch.get(request).await {
                Ok(pem) => {
                    let parsed = Certificate::parse_pem(&pem)
                        .map(Arc::new)
                        .map_err(|error| chain(&error).into());
                    (parsed, pem)
                }
                Err(error) => (Err(chain(&error).into()), Bytes::new()),
            };

            let now = now.after(began.elapsed());
            let next = {
                let mut table = cache.table();
                table.end(url, &fetched, pem, now);
                table.next()
            };
            let _ = done.send(Some(fetched));
            if let Some(next) = next {
                cache.begin(next, now);
            }
        });
    }

    async fn save(self: Arc<Self>) {
        let _saving = self.saving.lock().await;
        let proven: Vec<_> = self.table().proven().map(stored).collect();

        let archive = Arc::clone(&self.archive);
        // The panic hook reports a panic of the archive; the certificates stay in memory.
        let _ = tokio::task::spawn_blocking(move || archive.save(&proven)).await;
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored((url, kept): (&String, &KeptCertificate)) -> ProvenCertificate {
    ProvenCertificate {
        url: url.clone(),
        pem: kept.pem.clone(),
        until: kept.until,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use hookyard_model::{SourceName, TenantName};
    use tokio::sync::Semaphore;

    use super::room::ROOM_MAX;
    use super::table::{
        FAILED_FOR, FAILED_MAX, FETCHING_MAX, KEPT_MAX, PROVEN_FAILED_FOR, TENANT_FETCHING_MAX,
    };
    use super::*;
    use crate::fetch::FetchError;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);
    const WAITING_MAX: usize = 30;

    /// Serves a certificate at every URL that does not contain `missing`: one answer for each
    /// permit.
    struct Site {
        pem: String,
        asked: Semaphore,
        gate: Semaphore,
    }

    impl Site {
        async fn asked(&self, times: usize) {
            let times = u32::try_from(times).expect("a few");
            self.asked
                .acquire_many(times)
                .await
                .expect("never closed")
                .forget();
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
            if request.url.contains("missing") {
                Err(FetchError("404".into()))
            } else {
                Ok(self.pem.clone().into())
            }
        }
    }

    /// An archive in memory.
    #[derive(Default)]
    struct Shelf(Mutex<Vec<ProvenCertificate>>);

    impl CertificateArchive for Shelf {
        fn load(&self) -> Vec<ProvenCertificate> {
            self.0.lock().expect("not poisoned").clone()
        }

        fn save(&self, certificates: &[ProvenCertificate]) {
            *self.0.lock().expect("not poisoned") = certificates.to_vec();
        }
    }

    fn site(open_for: usize) -> (Arc<Site>, Arc<CertificateCache>) {
        site_with(open_for, Arc::new(()))
    }

    fn site_with(
        open_for: usize,
        archive: Arc<dyn CertificateArchive>,
    ) -> (Arc<Site>, Arc<CertificateCache>) {
        let pem = rcgen::generate_simple_self_signed(["sns.amazonaws.com".to_owned()])
            .expect("made")
            .cert
            .pem();
        let site = Arc::new(Site {
            pem,
            asked: Semaphore::new(0),
            gate: Semaphore::new(open_for),
        });
        let fetch = Arc::clone(&site) as Arc<dyn Fetch>;

        (
            site,
            CertificateCache::new(fetch, archive, WAITING_MAX, NOW),
        )
    }

    fn source(tenant: &str) -> SourceRef {
        let tenant: TenantName = tenant.parse().expect("a name");
        let source: SourceName = "sns".parse().expect("a name");
        SourceRef {
            tenant,
            name: source,
        }
    }

    async fn fetch(cache: &Arc<CertificateCache>, url: &str, now: Timestamp) -> FetchResult {
        fetch_for(cache, url, "acme", now).await
    }

    async fn fetch_for(
        cache: &Arc<CertificateCache>,
        url: &str,
        tenant: &str,
        now: Timestamp,
    ) -> FetchResult {
        cache
            .fetch(
                CertificateRequest {
                    url,
                    source: &source(tenant),
                    allow_http: false,
                },
                now,
            )
            .await
    }

    fn spawn(
        cache: &Arc<CertificateCache>,
        url: &str,
        tenant: &'static str,
    ) -> tokio::task::JoinHandle<FetchResult> {
        let (cache, url) = (Arc::clone(cache), url.to_owned());
        tokio::spawn(async move { fetch_for(&cache, &url, tenant, NOW).await })
    }

    fn is_usable(cache: &CertificateCache, url: &str, now: Timestamp) -> bool {
        cache.at(now).get(url).is_some()
    }

    #[tokio::test]
    async fn requests_for_one_url_share_a_fetch() {
        let (site, cache) = site(0);
        let asking: Vec<_> = (0..20).map(|_| spawn(&cache, "one", "acme")).collect();

        site.asked(1).await;
        site.gate.add_permits(100);
        for fetched in asking {
            fetched.await.expect("no panic").expect("a certificate");
        }
        assert!(!site.was_asked(), "there was a second fetch");
        assert!(is_usable(&cache, "one", NOW));
        assert!(
            !is_usable(&cache, "one", NOW.after(KEPT_FOR)),
            "a certificate is kept for a time only"
        );
        fetch(&cache, "one", NOW.after(KEPT_FOR))
            .await
            .expect("fetched anew");
        assert!(site.was_asked());
    }

    #[tokio::test]
    async fn aborted_request_leaves_the_fetch_to_others() {
        let (site, cache) = site(0);
        let first = spawn(&cache, "one", "acme");
        site.asked(1).await;
        first.abort();
        assert!(first.await.expect_err("aborted").is_cancelled());
        let second = spawn(&cache, "one", "acme");
        site.gate.add_permits(1);
        second.await.expect("no panic").expect("a certificate");
        assert!(!site.was_asked(), "there was a second fetch");
    }

    #[tokio::test]
    async fn failure_is_remembered_for_a_while() {
        let (site, cache) = site(100);

        assert!(fetch(&cache, "missing", NOW).await.is_err());
        site.asked(1).await;
        assert!(
            fetch(&cache, "missing", NOW)
                .await
                .expect_err("still missing")
                .contains("404")
        );
        assert!(!site.was_asked());
        assert!(
            fetch(&cache, "missing", NOW.after(FAILED_FOR))
                .await
                .is_err()
        );
        assert!(site.was_asked());
    }

    #[tokio::test]
    async fn failures_do_not_block_genuine_certificates() {
        let (_site, cache) = site(10_000);

        for number in 0..FAILED_MAX + 10 {
            assert!(
                fetch(&cache, &format!("missing {number}"), NOW)
                    .await
                    .is_err()
            );
        }
        fetch(&cache, "genuine", NOW)
            .await
            .expect("a certificate that was not requested before");
        assert!(is_usable(&cache, "genuine", NOW));
    }

    /// Returns a site that does not answer yet, with the maximum number of fetches of one tenant.
    async fn busy_site() -> (Arc<Site>, Arc<CertificateCache>) {
        let (site, cache) = site(0);
        for number in 0..TENANT_FETCHING_MAX {
            drop(spawn(&cache, &format!("slow {number}"), "acme"));
        }
        site.asked(TENANT_FETCHING_MAX).await;
        (site, cache)
    }

    /// Lets all tasks run until they wait.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn tenants_take_turns_with_unproven_urls() {
        let (site, cache) = site(0);
        let mut asking: Vec<_> = (0..TENANT_FETCHING_MAX + 3)
            .map(|number| spawn(&cache, &number.to_string(), "acme"))
            .collect();
        site.asked(TENANT_FETCHING_MAX).await;
        settle().await;
        assert!(!site.was_asked(), "one tenant has its share");
        let rest = FETCHING_MAX - TENANT_FETCHING_MAX;
        asking.extend((0..rest).map(|number| spawn(&cache, &format!("other {number}"), "other")));
        site.asked(rest).await;
        asking.push(spawn(&cache, "third", "third"));
        settle().await;
        assert!(!site.was_asked(), "all tenants together have a bound");

        site.gate.add_permits(1);
        site.asked(1).await;
        assert!(cache.table().next().is_none());
        let Ok(Step::Wait(_)) = cache.table().next_step(
            &CertificateRequest {
                url: "third",
                source: &source("third"),
                allow_http: false,
            },
            NOW,
        ) else {
            panic!("the tenant without a fetch goes first, and its certificate is being fetched");
        };
        site.gate.add_permits(100);
        for fetched in asking {
            fetched.await.expect("no panic").expect("a certificate");
        }
    }

    #[tokio::test]
    async fn repeated_url_survives_a_flood() {
        let (site, cache) = busy_site().await;
        let first = spawn(&cache, "genuine", "acme");
        settle().await;
        let again = spawn(&cache, "genuine", "acme");
        settle().await;
        let flood: Vec<_> = (0..10 * ROOM_MAX)
            .map(|number| spawn(&cache, &format!("{number}"), "acme"))
            .collect();
        settle().await;
        let refused = flood.iter().filter(|asking| asking.is_finished()).count();
        assert_eq!(refused, 9 * ROOM_MAX + 1, "the room has a bound");

        site.gate.add_permits(TENANT_FETCHING_MAX + 1);
        first.await.expect("no panic").expect("a certificate");
        again.await.expect("no panic").expect("a certificate");
        flood.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn refused_url_goes_first_next_time() {
        let (site, cache) = busy_site().await;
        let first = spawn(&cache, "genuine", "acme");

        settle().await;
        first.abort();
        let _flood: Vec<_> = (0..ROOM_MAX)
            .map(|number| spawn(&cache, &format!("{number}"), "acme"))
            .collect();
        settle().await;
        let again = spawn(&cache, "genuine", "acme");
        settle().await;
        site.gate.add_permits(TENANT_FETCHING_MAX + 1);
        again.await.expect("no panic").expect("a certificate");
    }

    #[tokio::test]
    async fn proven_certificate_passes_slow_unproven_ones() {
        let (site, cache) = site(1);

        fetch(&cache, "genuine", NOW).await.expect("a certificate");
        site.asked(1).await;
        cache.prove("genuine");
        let _slow: Vec<_> = (0..FETCHING_MAX)
            .map(|number| {
                spawn(
                    &cache,
                    &number.to_string(),
                    if number % 2 == 0 { "acme" } else { "other" },
                )
            })
            .collect();
        site.asked(FETCHING_MAX).await;
        let later = NOW.after(KEPT_FOR);
        let again = Arc::clone(&cache);
        let again = tokio::spawn(async move { fetch(&again, "genuine", later).await });
        site.asked(1).await;
        site.gate.add_permits(FETCHING_MAX + 1);
        again
            .await
            .expect("no panic")
            .expect("the proven certificate");
    }

    #[tokio::test]
    async fn proven_url_is_soon_fetched_again() {
        let (site, cache) = site(100);
        let certificate =
            Arc::new(Certificate::parse_pem(site.pem.as_bytes()).expect("a certificate"));
        let kept = KeptCertificate {
            certificate,
            pem: Bytes::new(),
            until: NOW,
            is_proven: true,
        };

        cache.table().keep("missing".to_owned(), kept);
        assert!(fetch(&cache, "missing", NOW).await.is_err());
        site.asked(1).await;
        assert!(
            fetch(&cache, "missing", NOW.after(PROVEN_FAILED_FOR))
                .await
                .is_err()
        );
        assert!(site.was_asked());
    }

    #[tokio::test]
    async fn waiting_requests_have_a_maximum() {
        let (site, cache) = site(0);
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| spawn(&cache, "slow", "acme"))
            .collect();

        site.asked(1).await;
        let Ok(Step::Wait(Wait { slots, .. })) = cache.table().next_step(
            &CertificateRequest {
                url: "slow",
                source: &source("acme"),
                allow_http: false,
            },
            NOW,
        ) else {
            panic!("the fetch is under way");
        };
        while slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = fetch(&cache, "slow", NOW)
            .await
            .expect_err("there is no free slot");

        assert!(
            refused.contains("waiting for this certificate"),
            "{refused}"
        );
        site.gate.add_permits(1);
        for fetched in waiting {
            fetched.await.expect("no panic").expect("a certificate");
        }
        assert_eq!(slots.available_permits(), WAITING_MAX);
    }

    #[tokio::test]
    async fn kept_certificates_have_a_maximum() {
        let (_site, cache) = site(1000);

        fetch(&cache, "genuine", NOW).await.expect("a certificate");
        cache.prove("genuine");
        for number in 0..KEPT_MAX + 10 {
            fetch(&cache, &number.to_string(), NOW)
                .await
                .expect("a certificate");
        }
        let count = (0..KEPT_MAX + 10)
            .filter(|number| is_usable(&cache, &number.to_string(), NOW))
            .count();
        assert_eq!(count, KEPT_MAX - 1);
        assert!(
            is_usable(&cache, "genuine", NOW),
            "an unproven certificate makes room before a proven one"
        );
    }

    #[tokio::test]
    async fn proven_certificate_survives_restart() {
        let shelf = Arc::new(Shelf::default());
        let (_site, cache) = site_with(100, Arc::clone(&shelf) as Arc<dyn CertificateArchive>);

        fetch(&cache, "genuine", NOW).await.expect("a certificate");
        fetch(&cache, "forged", NOW).await.expect("a certificate");
        cache.prove("genuine");
        while shelf.load().is_empty() {
            tokio::task::yield_now().await;
        }
        let (site, restarted) = site_with(0, shelf);
        assert!(is_usable(&restarted, "genuine", NOW));
        assert!(!is_usable(&restarted, "genuine", NOW.after(KEPT_FOR)));
        assert!(
            !is_usable(&restarted, "forged", NOW),
            "only a certificate that verified a message is stored"
        );
        assert!(!site.was_asked());
    }
}
