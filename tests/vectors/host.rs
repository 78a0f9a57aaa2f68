//! Ingress on loopback with the source of one case, and what happens to the request of the case.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_config::Source;
use hookyard_ingress::{Config, Fetch, FetchError, FetchRequest, Parts, Sources};
use hookyard_log_capture::Capture;
use hookyard_model::{Clock, EventId, RefusedId, SourceRef, Timestamp};
use hookyard_store::{EventPage, EventSelection, Events, Waits};
use hookyard_store_testing::MemoryStore;
use uuid::Uuid;

use crate::answer::Answer;
use crate::case::Case;
use crate::request;

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    /// The reason of the refusal, from the log.
    pub(crate) reason: Option<String>,
    pub(crate) log: String,
    /// The bodies of the stored events.
    pub(crate) stored: Vec<Bytes>,
}

/// Sends a request to ingress as raw bytes.
///
/// Each case has an ingress of its own, because ingress keeps documents that it has fetched, and
/// cases serve other documents under the same URL.
pub(crate) fn receive(
    case: &Case,
    name: SourceRef,
    source: &Source,
    request: &[u8],
) -> Result<Outcome, String> {
    // Everything happens on one thread, as the capture requires.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let capture = Capture::start();
        let store = Arc::new(MemoryStore::default());
        let sources = Sources::from_iter([source.served(name)]);
        let config = Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..Config::default()
        };
        let parts = parts(case, Arc::clone(&store) as Arc<dyn Events>);
        let bound = hookyard_ingress::bind(config, parts, sources).await;
        let bound = bound.map_err(|error| error.to_string())?;

        let address = bound.address();
        let running = tokio::spawn(bound.run(std::future::pending()));
        let answer = request::exchange(address, request).await?;
        running.abort();
        let log = capture.take();
        Ok(Outcome {
            answer,
            reason: reason(&log),
            log,
            stored: stored(&store).await?,
        })
    })
}

fn parts(case: &Case, inbox: Arc<dyn Events>) -> Parts {
    Parts {
        inbox,
        admission: Arc::new(()),
        clock: Arc::new(FixedClock(case.now())),
        event_ids: Arc::new(|| EventId::from_uuid(Uuid::now_v7())),
        refused: Arc::new(MemoryStore::default()),
        refused_ids: Arc::new(|| RefusedId::from_uuid(Uuid::now_v7())),
        gatherer: Arc::default(),
        fetch: Arc::new(Pages(pages(case))),
        documents: Arc::new(()),
        waits: Arc::new(Waits::new(1)),
        learnt: Arc::new(()),
    }
}

/// Returns the reason in the line of a refused request.
fn reason(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("refused"))?;
    let (_, rest) = line.split_once("reason=\"")?;
    rest.split_once('"').map(|(reason, _)| reason.to_owned())
}

async fn stored(store: &MemoryStore) -> Result<Vec<Bytes>, String> {
    let page = EventPage::first(EventSelection::default(), 2);
    let mut bodies = Vec::new();
    for event in store
        .events(page)
        .await
        .map_err(|error| error.to_string())?
    {
        let read = store.read(event.id).await;
        let read = read.map_err(|error| error.to_string())?;
        bodies.extend(read.map(|read| read.event.body));
    }
    Ok(bodies)
}

struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The pages that a case serves, by their URL.
struct Pages(HashMap<String, Bytes>);

#[async_trait]
impl Fetch for Pages {
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        let page = self.0.get(&request.url).cloned();
        page.ok_or_else(|| FetchError("the case serves nothing here".into()))
    }
}

/// Returns the certificates of a case, and the page that confirms the subscription in its body.
fn pages(case: &Case) -> HashMap<String, Bytes> {
    let certificates = case.certs.iter();
    let mut pages: HashMap<_, _> = certificates
        .map(|(url, page)| (url.clone(), Bytes::from(page.clone())))
        .collect();
    let body: serde_json::Value =
        serde_json::from_slice(&case.body().unwrap_or_default()).unwrap_or_default();
    let confirmed = body["SubscribeURL"].as_str();
    pages.extend(confirmed.map(|url| (url.to_owned(), Bytes::new())));
    pages
}
