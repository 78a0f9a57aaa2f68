//! The servers that are compared, each on a thread of its own.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_ingress::{Config, Fetch, FetchError, FetchRequest, Parts, Source, Sources};
use hookyard_model::{
    Clock, Event, EventId, RefusedId, SourceName, SourceRef, TenantName, Timestamp,
};
use hookyard_schemes::value::{Place, PlaceKind};
use hookyard_schemes::{
    JsonPointer, KeyRule, Provider, Scheme, SchemeRule, Secret, TypeRule, Verifier,
    standard_webhooks,
};
use hookyard_store::{
    AppendResult, Discard, DiscardSummary, Error, EventPage, EventRecord, EventSummary, Events,
    GivenResponse, PruneSummary, Replay, ReplaySummary, Retention, Tally, Waits,
};
use hookyard_store_testing::MemoryStore;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
pub(crate) const OTHER_SECRET: &str = "whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2";
pub(crate) const NOW: Timestamp = Timestamp::from_unix_secs(1_780_000_000);

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Duration>,
}

impl Server {
    /// Stops the server, and returns the CPU time that it used.
    pub(crate) fn stop(self) -> Duration {
        drop(self.stop);
        self.thread.join().expect("the server has not panicked")
    }
}

/// Starts a hyper server that reads each body and answers.
pub(crate) fn start_floor() -> Server {
    start(async |bound, stopped| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        bound.send(address).expect("a reader");

        tokio::select! {
            _ = stopped => {}
            () = accept(listener) => {}
        }
    })
}

async fn accept(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an open socket");
        tokio::spawn(async move {
            let service = service_fn(answer);
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("a body");
    assert!(!body.to_bytes().is_empty(), "a request without a body");
    Ok(Response::new(Full::from(r#"{"status":"stored"}"#)))
}

/// Starts ingress with one source.
pub(crate) fn start_ingress() -> Server {
    start(async |bound, stopped| {
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..Config::default()
        };
        let parts = Parts {
            inbox: Arc::new(AcceptAll),
            admission: Arc::new(()),
            clock: Arc::new(FixedClock),
            event_ids: Arc::new(|| EventId::from_uuid(uuid::Uuid::from_u128(7))),
            refused: Arc::new(MemoryStore::default()),
            refused_ids: Arc::new(|| RefusedId::from_uuid(uuid::Uuid::from_u128(7))),
            gatherer: Arc::default(),
            fetch: Arc::new(NoFetch),
            documents: Arc::new(()),
            waits: Arc::new(Waits::new(0)),
            learnt: Arc::new(()),
        };
        let ingress = hookyard_ingress::bind(config, parts, Sources::from_iter([source()]))
            .await
            .expect("a port");
        bound.send(ingress.address()).expect("a reader");
        ingress.run(async { drop(stopped.await) }).await;
    })
}

fn source() -> Source {
    let json = |text| {
        let pointer = JsonPointer::parse(text).expect("a pointer");
        Place::whole(PlaceKind::Json(pointer))
    };
    let settings = standard_webhooks::Settings {
        secrets: vec![Secret::from(SECRET)],
        public_keys: Vec::new(),
        tolerance: standard_webhooks::TOLERANCE,
    };

    Source {
        name: SourceRef {
            tenant: TenantName::new("acme").expect("a name"),
            name: SourceName::new("orders").expect("a name"),
        },
        provider: Arc::new(Provider {
            name: "bench".into(),
            package: "bench:webhooks".into(),
            versions: Vec::new(),
            key: KeyRule::at(json("/event_id")),
            event_type: TypeRule::at(json("/type")),
            content: JsonPointer::default(),
            events: [].into(),
            outgoing: Default::default(),
            handshakes: Vec::new(),
            answer: None,
            scheme: SchemeRule::default(),
            sending: SchemeRule::default(),
        }),
        verifier: Arc::new(
            Verifier::new(Scheme::StandardWebhooks(settings)).expect("a usable scheme"),
        ),
        handshakes: Arc::default(),
        body_max: 1 << 20,
        allow_http: false,
        ordering: None,
        dedupe_window: Duration::from_secs(3600),
        answer: None,
        refused_kept: None,
        wait: None,
    }
}

/// Starts a server on a thread of its own. The server sends its address once it has one.
fn start<S, F>(serve: S) -> Server
where
    S: FnOnce(std::sync::mpsc::Sender<SocketAddr>, oneshot::Receiver<()>) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let (bound, address) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(serve(bound, stopped));
        cpu_time()
    });

    Server {
        address: address.recv().expect("an address"),
        stop,
        thread,
    }
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        NOW
    }
}

struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(&self, _request: FetchRequest) -> Result<Bytes, FetchError> {
        Err(FetchError("nothing is to be fetched".into()))
    }
}

/// Accepts every event, and holds none.
struct AcceptAll;

#[async_trait]
impl Events for AcceptAll {
    async fn append(&self, _event: Event) -> Result<AppendResult, Error> {
        Ok(AppendResult::New)
    }

    async fn events(&self, _page: EventPage) -> Result<Vec<EventSummary>, Error> {
        Ok(Vec::new())
    }

    async fn read(&self, _id: EventId) -> Result<Option<EventRecord>, Error> {
        Ok(None)
    }

    async fn response(&self, _id: EventId) -> Result<Option<GivenResponse>, Error> {
        Ok(None)
    }

    async fn replay(&self, _replay: Replay) -> Result<ReplaySummary, Error> {
        Ok(ReplaySummary::default())
    }

    async fn discard(&self, _discard: Discard) -> Result<DiscardSummary, Error> {
        Ok(DiscardSummary::default())
    }

    async fn prune(
        &self,
        _limits: &Retention,
        _now: Timestamp,
        _limit: usize,
    ) -> Result<PruneSummary, Error> {
        Ok(PruneSummary::default())
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        Ok(Vec::new())
    }
}
