//! Starts ingress on loopback with a test store, and sends requests as bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_ingress::{
    Config, Fetch, FetchError, FetchRequest, Handle, LearntSecrets, Parts, Source, Sources,
};
use hookyard_model::{
    Clock, Event, EventId, RefusedId, SourceName, SourceRef, TenantName, Timestamp,
};
use hookyard_schemes::value::{Place, PlaceKind};
use hookyard_schemes::{
    Credential, JsonPointer, KeyRule, Provider, Scheme, SchemeKind, SchemeRule, Secret, TypeRule,
    Verifier,
};
use hookyard_store::{
    Error, EventPage, EventSelection, EventSummary, Events, RefusedRequests, Waits,
};
use hookyard_store_testing::faulty::{Call, Fault, When};
use hookyard_store_testing::{FaultyStore, MemoryStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The time after which a test fails; far below the default timeouts of ingress.
const PATIENCE: Duration = Duration::from_secs(8);

/// The maximum number of requests that wait for their jobs.
pub(crate) const WAITS_MAX: usize = 2;

pub(crate) const DEDUPE_WINDOW: Duration = Duration::from_secs(3600);
pub(crate) const TOKEN: &str = "s3cret-token";
pub(crate) const PATH_SECRET: &str = "s3cret-path";
pub(crate) const BODY: &str = r#"{"id":"evt-1","type":"thing.made"}"#;

pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) struct FixedClock(pub(crate) Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(crate) struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        Err(FetchError(
            format!("nothing is to be fetched, but {request:?}").into(),
        ))
    }
}

/// Returns settings with small limits, so that tests reach them, and long timeouts.
pub(crate) fn config() -> Config {
    Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        shutdown_timeout: PATIENCE,
        header_timeout: Duration::from_secs(60),
        body_timeout: Duration::from_secs(60),
        ..Config::default()
    }
}

fn json(pointer: &str) -> Place {
    let pointer = JsonPointer::parse(pointer).expect("a pointer");
    Place::whole(PlaceKind::Json(pointer))
}

pub(crate) fn provider() -> Arc<Provider> {
    Arc::new(Provider {
        name: "plain".into(),
        package: "plain:webhooks".into(),
        versions: Vec::new(),
        key: KeyRule::at(json("/id")),
        event_type: TypeRule::at(json("/type")),
        content: JsonPointer::parse("").expect("a pointer"),
        events: [].into(),
        outgoing: Default::default(),
        handshakes: Vec::new(),
        answer: None,
        scheme: SchemeRule {
            default: None,
            allowed: SchemeKind::ALL.to_vec(),
            ..SchemeRule::default()
        },
        sending: SchemeRule::default(),
    })
}

pub(crate) fn source(name: &str, scheme: Scheme) -> Source {
    Source {
        name: SourceRef {
            tenant: TenantName::new("acme").expect("a name"),
            name: SourceName::new(name).expect("a name"),
        },
        provider: provider(),
        verifier: Arc::new(Verifier::new(scheme).expect("a usable scheme")),
        handshakes: Arc::default(),
        body_max: 64 << 10,
        allow_http: false,
        ordering: None,
        dedupe_window: DEDUPE_WINDOW,
        answer: None,
        refused_kept: None,
        wait: None,
    }
}

/// Returns the sources of the tests: `acme/open` accepts everything, `acme/token` needs a bearer
/// token, `acme/hidden` a secret path, and `acme/ordered` has an ordering key.
pub(crate) fn sources() -> Sources {
    let tokens = vec![Secret::from(TOKEN)];
    let secrets = vec![Secret::from(PATH_SECRET)];

    Sources::from_iter([
        source("open", Scheme::Unverified),
        source("token", Scheme::Static(Credential::Bearer { tokens })),
        source("hidden", Scheme::Static(Credential::SecretPath { secrets })),
        Source {
            ordering: JsonPointer::parse("/object_id").ok(),
            ..source("ordered", Scheme::Unverified)
        },
    ])
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) inbox: Arc<FaultyStore>,
    pub(crate) waits: Arc<Waits>,
    pub(crate) handle: Handle,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<()>,
}

impl Running {
    /// Makes each append fail with an error.
    pub(crate) fn fail(&self, error: fn() -> Error) {
        self.inbox
            .on_next(Call::Append, usize::MAX, When::Before, Fault::Answer(error));
    }

    /// Makes each append wait for a permit before it stores.
    pub(crate) fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.inbox.on_next(
            Call::Append,
            usize::MAX,
            When::Before,
            Fault::Delay(Arc::clone(&gate)),
        );
        gate
    }

    /// Waits until this number of appends have begun.
    pub(crate) async fn begun(&self, appends: usize) {
        let begun = async {
            while self.inbox.count(Call::Append) < appends {
                tokio::task::yield_now().await;
            }
        };
        soon("appends to begin", begun).await;
    }

    pub(crate) async fn stored(&self) -> Vec<EventSummary> {
        stored(&self.inbox).await
    }

    /// Returns the stored events in order of arrival.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();

        for EventSummary { id, .. } in self.stored().await {
            events.push(
                self.inbox
                    .read(id)
                    .await
                    .expect("a read")
                    .expect("the event is stored")
                    .event,
            );
        }
        events
    }
}

pub(crate) async fn stored(inbox: &FaultyStore) -> Vec<EventSummary> {
    let page = EventPage::first(EventSelection::default(), 1000);
    inbox.events(page).await.expect("a list")
}

pub(crate) async fn start(config: Config) -> Running {
    start_with(
        config,
        sources(),
        Arc::new(NoFetch),
        Timestamp::from_unix_secs(1_780_000_000),
    )
    .await
}

pub(crate) async fn start_with(
    config: Config,
    sources: Sources,
    fetch: Arc<dyn Fetch>,
    now: Timestamp,
) -> Running {
    start_with_parts(config, sources, fetch, now, Arc::new(())).await
}

pub(crate) async fn start_with_parts(
    config: Config,
    sources: Sources,
    fetch: Arc<dyn Fetch>,
    now: Timestamp,
    learnt: Arc<dyn LearntSecrets>,
) -> Running {
    let inbox = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    let waits = Arc::new(Waits::new(WAITS_MAX));
    let count = AtomicU64::new(1);
    let event_ids = move || {
        EventId::from_uuid(Uuid::from_u64_pair(
            7,
            count.fetch_add(1, Ordering::Relaxed),
        ))
    };
    let parts = Parts {
        inbox: Arc::clone(&inbox) as Arc<dyn Events>,
        admission: Arc::new(()),
        clock: Arc::new(FixedClock(now)),
        event_ids: Arc::new(event_ids),
        refused: Arc::clone(&inbox) as Arc<dyn RefusedRequests>,
        refused_ids: Arc::new(|| RefusedId::from_uuid(Uuid::now_v7())),
        gatherer: Arc::default(),
        fetch,
        documents: Arc::new(()),
        waits: Arc::clone(&waits),
        learnt,
    };
    let bound = hookyard_ingress::bind(config, parts, sources)
        .await
        .expect("a free port on loopback");
    let (address, handle) = (bound.address(), bound.handle());
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(bound.run(async {
        let _ = stopped.await;
    }));

    Running {
        address,
        inbox,
        waits,
        handle,
        stop,
        ended,
    }
}

/// An answer, as received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: hooks\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    soon("a connection", TcpStream::connect(address))
        .await
        .expect("a connection")
}

/// Writes `request` on a new connection, and reads the answer.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    exchange(&mut connect(address).await, request).await
}

/// Writes `request` on a connection, and reads the answer.
pub(crate) async fn exchange(stream: &mut TcpStream, request: &str) -> Answer {
    soon(
        "the request to be written",
        stream.write_all(request.as_bytes()),
    )
    .await
    .expect("written");
    read(stream).await
}

/// Reads the head of one answer from a connection, in lower case.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();

    while !head.ends_with(b"\r\n\r\n") {
        let byte = soon("an answer", stream.read_u8()).await;
        head.push(
            byte.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&head))
            }),
        );
    }
    String::from_utf8(head).expect("text").to_lowercase()
}

/// Reads one answer from a connection.
pub(crate) async fn read(stream: &mut TcpStream) -> Answer {
    let head = read_head(stream).await;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or("0");
    let mut body = vec![0; length.parse().expect("a length")];

    soon("the answer's body", stream.read_exact(&mut body))
        .await
        .expect("the body");
    Answer {
        status,
        head,
        body: String::from_utf8(body).expect("text"),
    }
}

/// Waits until the server has closed the connection.
pub(crate) async fn closed(stream: &mut TcpStream) {
    let mut scratch = [0; 1024];
    while soon("the connection to be closed", stream.read(&mut scratch))
        .await
        .is_ok_and(|count| count > 0)
    {}
}
