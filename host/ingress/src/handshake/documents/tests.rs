//! The cache of documents with a site that answers once for each permit.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use hookyard_model::{SourceName, TenantName};
use hookyard_schemes::{JsonPointer, KeyRequest, KeyRequestValue};
use tokio::sync::Semaphore;

use super::kept::{CERTIFICATE_FRESH_FOR, KEYS_FRESH_FOR, KEYS_USABLE_FOR};
use super::pace::PERIOD_MAX;
use super::room::ROOM_MAX;
use super::table::{
    FAILED_FOR, FAILED_MAX, FETCHING_MAX, KEPT_MAX, PROVEN_FAILED_FOR, REFRESH_EVERY,
    TENANT_FETCHING_MAX,
};
use super::*;
use crate::fetch::FetchError;

const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);
const WAITING_MAX: usize = 30;
/// More than a fetch of these tests takes.
const SOME_TIME: Duration = Duration::from_secs(60);

/// Serves a page at every URL that does not contain `missing`, while it is up: one answer for each
/// permit.
struct Site {
    page: String,
    asked: Semaphore,
    gate: Semaphore,
    is_down: AtomicBool,
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
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        self.asked.add_permits(1);
        self.gate.acquire().await.expect("never closed").forget();
        if request.url.contains("missing") || self.is_down.load(Relaxed) {
            Err(FetchError("404".into()))
        } else {
            Ok(self.page.clone().into())
        }
    }
}

/// An archive in memory.
#[derive(Default)]
struct Shelf(Mutex<Vec<ProvenDocument>>);

impl DocumentArchive for Shelf {
    fn load(&self) -> Vec<ProvenDocument> {
        self.0.lock().expect("not poisoned").clone()
    }

    fn save(&self, documents: &[ProvenDocument]) {
        *self.0.lock().expect("not poisoned") = documents.to_vec();
    }
}

fn site(open_for: usize) -> (Arc<Site>, Arc<DocumentCache>) {
    site_with(open_for, Arc::new(()))
}

fn site_with(
    open_for: usize,
    archive: Arc<dyn DocumentArchive>,
) -> (Arc<Site>, Arc<DocumentCache>) {
    let pem = rcgen::generate_simple_self_signed(["sns.amazonaws.com".to_owned()])
        .expect("made")
        .cert
        .pem();
    serving(pem, open_for, archive)
}

fn serving(
    page: String,
    open_for: usize,
    archive: Arc<dyn DocumentArchive>,
) -> (Arc<Site>, Arc<DocumentCache>) {
    let site = Arc::new(Site {
        page,
        asked: Semaphore::new(0),
        gate: Semaphore::new(open_for),
        is_down: AtomicBool::new(false),
    });
    let fetch = Arc::clone(&site) as Arc<dyn Fetch>;

    (site, DocumentCache::new(fetch, archive, WAITING_MAX, NOW))
}

fn source(tenant: &str) -> SourceRef {
    let tenant: TenantName = tenant.parse().expect("a name");
    let source: SourceName = "sns".parse().expect("a name");
    SourceRef {
        tenant,
        name: source,
    }
}

fn certificate(url: &str) -> DocumentRef {
    DocumentRef::Certificate {
        url: url.to_owned(),
    }
}

fn wanted<'a>(name: &'a DocumentRef, source: &'a SourceRef) -> DocumentRequest<'a> {
    DocumentRequest {
        name,
        source,
        allow_http: false,
        is_refresh: false,
    }
}

async fn fetch(cache: &Arc<DocumentCache>, url: &str, now: Timestamp) -> FetchResult {
    fetch_for(cache, url, "acme", now).await
}

async fn fetch_for(
    cache: &Arc<DocumentCache>,
    url: &str,
    tenant: &str,
    now: Timestamp,
) -> FetchResult {
    cache
        .fetch(wanted(&certificate(url), &source(tenant)), now)
        .await
}

fn spawn(
    cache: &Arc<DocumentCache>,
    url: &str,
    tenant: &'static str,
) -> tokio::task::JoinHandle<FetchResult> {
    let (cache, url) = (Arc::clone(cache), url.to_owned());
    tokio::spawn(async move { fetch_for(&cache, &url, tenant, NOW).await })
}

fn is_usable(cache: &DocumentCache, url: &str, now: Timestamp) -> bool {
    cache.at(now).get(&certificate(url)).is_some()
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
        !is_usable(&cache, "one", NOW.after(CERTIFICATE_FRESH_FOR + SOME_TIME)),
        "a certificate is kept for a time only"
    );
    fetch(&cache, "one", NOW.after(CERTIFICATE_FRESH_FOR + SOME_TIME))
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
        fetch(&cache, "missing", NOW.after(FAILED_FOR + SOME_TIME))
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
async fn busy_site() -> (Arc<Site>, Arc<DocumentCache>) {
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
    let Ok(Step::Wait(_)) = cache
        .table()
        .next_step(&wanted(&certificate("third"), &source("third")), NOW)
    else {
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
    cache.prove(&certificate("genuine"));
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
    let later = NOW.after(CERTIFICATE_FRESH_FOR + SOME_TIME);
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
    let name = certificate("missing");
    let document = name.parse(site.page.as_bytes()).expect("a certificate");
    let kept = KeptDocument::archived(&name.id(), document, Bytes::new(), NOW, NOW);

    cache.table().keep(name.id(), kept);
    assert!(fetch(&cache, "missing", NOW).await.is_err());
    site.asked(1).await;
    assert!(
        fetch(&cache, "missing", NOW.after(PROVEN_FAILED_FOR + SOME_TIME))
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
    let Ok(Step::Wait(Wait { slots, .. })) = cache
        .table()
        .next_step(&wanted(&certificate("slow"), &source("acme")), NOW)
    else {
        panic!("the fetch is under way");
    };
    while slots.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let refused = fetch(&cache, "slow", NOW)
        .await
        .expect_err("there is no free slot");

    assert!(refused.contains("waiting for this document"), "{refused}");
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
    cache.prove(&certificate("genuine"));
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
    let (_site, cache) = site_with(100, Arc::clone(&shelf) as Arc<dyn DocumentArchive>);

    fetch(&cache, "genuine", NOW).await.expect("a certificate");
    fetch(&cache, "forged", NOW).await.expect("a certificate");
    cache.prove(&certificate("genuine"));
    while shelf.load().is_empty() {
        tokio::task::yield_now().await;
    }
    let (site, restarted) = site_with(0, shelf);
    assert!(is_usable(&restarted, "genuine", NOW));
    assert!(!is_usable(
        &restarted,
        "genuine",
        NOW.after(CERTIFICATE_FRESH_FOR)
    ));
    assert!(
        !is_usable(&restarted, "forged", NOW),
        "only a certificate that verified a message is stored"
    );
    assert!(!site.was_asked());
}

const KEY: &str = r#"{"kty": "EC", "crv": "P-256",
    "x": "YLZsrT-RyzYMpNQeUq8fhVJ_WPwoVXYDsXbjY1l6zkw",
    "y": "HNH0YhF-3P6N3RUr6WgHEG_03XXvq-qfsvVUgjqgDhY"}"#;

fn key_set() -> DocumentRef {
    DocumentRef::KeySet {
        url: "keys".to_owned(),
    }
}

async fn fetch_keys(cache: &Arc<DocumentCache>, now: Timestamp, is_refresh: bool) -> FetchResult {
    let (name, source) = (key_set(), source("acme"));
    let wanted = DocumentRequest {
        is_refresh,
        ..wanted(&name, &source)
    };
    cache.fetch(wanted, now).await
}

fn key_site() -> (Arc<Site>, Arc<DocumentCache>) {
    serving(format!(r#"{{"keys": [{KEY}]}}"#), 1000, Arc::new(()))
}

#[tokio::test]
async fn old_keys_are_used_while_the_server_is_down() {
    let (site, cache) = key_site();
    fetch_keys(&cache, NOW, false).await.expect("keys");
    site.asked(1).await;

    site.is_down.store(true, Relaxed);
    let later = NOW.after(KEYS_FRESH_FOR + SOME_TIME);
    assert!(cache.at(later).get(&key_set()).is_none(), "not fresh");
    fetch_keys(&cache, later, false).await.expect("old keys");
    site.asked(1).await;
    assert!(
        cache.at(later).get(&key_set()).is_some(),
        "for a while, no request waits for the server"
    );

    let too_late = NOW.after(KEYS_USABLE_FOR + SOME_TIME);
    assert!(fetch_keys(&cache, too_late, false).await.is_err());
    site.is_down.store(false, Relaxed);
    let again = too_late.after(PROVEN_FAILED_FOR + SOME_TIME);
    fetch_keys(&cache, again, false).await.expect("new keys");
}

#[tokio::test]
async fn flood_of_unknown_keys_rarely_fetches_a_set() {
    let (site, cache) = key_site();
    fetch_keys(&cache, NOW, false).await.expect("keys");
    site.asked(1).await;

    for _ in 0..100 {
        assert!(fetch_keys(&cache, NOW, true).await.is_err());
    }
    assert!(!site.was_asked(), "the set is new");
    let later = NOW.after(REFRESH_EVERY + SOME_TIME);
    fetch_keys(&cache, later, true).await.expect("newer keys");
    site.asked(1).await;
    assert!(fetch_keys(&cache, later, true).await.is_err());
    assert!(!site.was_asked());
}

#[tokio::test]
async fn failed_refresh_is_told_and_leaves_the_set() {
    let (site, cache) = key_site();
    fetch_keys(&cache, NOW, false).await.expect("keys");

    site.is_down.store(true, Relaxed);
    let later = NOW.after(REFRESH_EVERY + SOME_TIME);
    assert!(fetch_keys(&cache, later, true).await.is_err());
    assert!(cache.at(later).get(&key_set()).is_some());
}

fn single_key_site(archive: Arc<dyn DocumentArchive>) -> (Arc<Site>, Arc<DocumentCache>) {
    serving(format!(r#"{{"key": {KEY}}}"#), 1000, archive)
}

/// Returns the key with this id, which a request with a credential returns.
fn key(id: &str) -> DocumentRef {
    let members = [
        ("key_id", KeyRequestValue::Id),
        ("secret", KeyRequestValue::Text("credential".into())),
    ];
    let request = KeyRequest {
        url: "keys".to_owned(),
        members: members.map(|(name, value)| (name.to_owned(), value)).into(),
        key: JsonPointer::parse("/key").expect("a pointer"),
    };
    DocumentRef::Key {
        request: Arc::new(request),
        id: id.to_owned(),
    }
}

/// Requests unproven keys until no turn is left.
async fn use_up_turns(cache: &Arc<DocumentCache>, source: &SourceRef) {
    for id in 0..PERIOD_MAX {
        let forged = key(&format!("forged {id}"));
        let fetched = cache.fetch(wanted(&forged, source), NOW).await;
        fetched.expect("a key");
    }
}

#[tokio::test]
async fn unknown_key_ids_have_a_pace() {
    let (site, cache) = single_key_site(Arc::new(()));
    let acme = source("acme");
    use_up_turns(&cache, &acme).await;
    site.asked(PERIOD_MAX).await;

    let refused = cache.fetch(wanted(&key("new"), &acme), NOW).await;
    assert!(refused.expect_err("too many").contains("unknown keys"));
    assert!(!site.was_asked());
    let known = cache.fetch(wanted(&key("forged 0"), &acme), NOW).await;
    known.expect("a key that was fetched before");
    let of_another = cache
        .fetch(wanted(&key("new"), &source("other")), NOW)
        .await;
    of_another.expect("a key of a source without forgeries");
}

#[tokio::test]
async fn proven_key_needs_no_turn() {
    let (_site, cache) = single_key_site(Arc::new(()));
    let acme = source("acme");
    let genuine = key("genuine");
    let fetched = cache.fetch(wanted(&genuine, &acme), NOW).await;
    fetched.expect("a key");
    cache.prove(&genuine);

    let later = NOW.after(KEYS_USABLE_FOR + SOME_TIME);
    for id in 0..PERIOD_MAX {
        let forged = key(&format!("forged {id}"));
        let _ = cache.fetch(wanted(&forged, &acme), later).await;
    }
    let fetched = cache.fetch(wanted(&genuine, &acme), later).await;
    fetched.expect("the proven key");
}

#[tokio::test]
async fn proven_key_survives_restart_and_flood() {
    let shelf = Arc::new(Shelf::default());
    let (_site, cache) = single_key_site(Arc::clone(&shelf) as Arc<dyn DocumentArchive>);
    let (acme, genuine) = (source("acme"), key("genuine"));
    let fetched = cache.fetch(wanted(&genuine, &acme), NOW).await;
    fetched.expect("a key");
    cache.prove(&genuine);
    while shelf.load().is_empty() {
        tokio::task::yield_now().await;
    }
    let archived = format!("{:?}", shelf.load());
    assert!(!archived.contains("credential"), "{archived}");

    let (_site, restarted) = single_key_site(shelf);
    use_up_turns(&restarted, &acme).await;
    assert!(restarted.at(NOW).get(&genuine).is_some());
}

#[tokio::test]
async fn key_set_survives_restart() {
    let shelf = Arc::new(Shelf::default());
    let archive = Arc::clone(&shelf) as Arc<dyn DocumentArchive>;
    let (_site, cache) = serving(KEY.to_owned(), 1000, archive);
    fetch_keys(&cache, NOW, false).await.expect("keys");
    cache.prove(&key_set());
    while shelf.load().is_empty() {
        tokio::task::yield_now().await;
    }

    let archive = Arc::clone(&shelf) as Arc<dyn DocumentArchive>;
    let (_site, restarted) = serving(String::new(), 0, archive);
    assert!(restarted.at(NOW).get(&key_set()).is_some());
    let later = NOW.after(KEYS_FRESH_FOR + SOME_TIME);
    assert!(restarted.at(later).get(&key_set()).is_none(), "not fresh");
}
