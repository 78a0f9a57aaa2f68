//! Receivers on loopback that behave as badly as a test wants, and a resolver that says what a test wants.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{Addresses, Body, Config, Door, Error, Limits, OverLong, Policy, Resolve};
use http::{Request, Response};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) const LIMITS: Limits = Limits {
    time_max: Duration::from_secs(20),
    body_max: 1024,
    over_long: OverLong::Refuse,
};

/// So short that a test can wait for it.
pub(crate) const SHORT: Limits = Limits {
    time_max: Duration::from_millis(300),
    ..LIMITS
};

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// All of loopback, and plain HTTP.
pub(crate) fn policy() -> Policy {
    Policy {
        addresses: addresses(&["127.0.0.0/8", "::1"]),
        allow_http: true,
        ..Policy::default()
    }
}

pub(crate) fn addresses(ranges: &[&str]) -> Addresses {
    Addresses {
        granted: ranges
            .iter()
            .map(|range| range.parse().expect("a range"))
            .collect(),
    }
}

pub(crate) fn door() -> Door {
    Door::new(Config::default()).expect("a door")
}

pub(crate) fn door_with(config: Config) -> Door {
    Door::new(config).expect("a door")
}

/// A door whose names all resolve to what the answers say, one after the other and then the last again.
pub(crate) fn door_resolving(answers: &[&[&str]]) -> (Door, Arc<Answers>) {
    let parse = |answer: &&[&str]| {
        answer
            .iter()
            .map(|address| address.parse().expect("an address"))
            .collect()
    };
    let answers = Arc::new(Answers {
        left: Mutex::new(answers.iter().map(parse).collect()),
        asked: AtomicUsize::new(0),
    });
    let resolver: Arc<dyn Resolve> = answers.clone();
    (
        Door::with_resolver(Config::default(), resolver).expect("a door"),
        answers,
    )
}

pub(crate) struct Answers {
    left: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Answers {
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut left = self.left.lock().expect("unbroken");
        Ok(if left.len() > 1 {
            left.pop_front().unwrap_or_default()
        } else {
            left.front().cloned().unwrap_or_default()
        })
    }
}

pub(crate) fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).expect("a request")
}

pub(crate) fn post(url: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post(url).body(body.into()).expect("a request")
}

/// The answer's status and body.
pub(crate) fn said(got: &Result<Response<Body>, Error>) -> (u16, String) {
    let response = got
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    (
        response.status().as_u16(),
        String::from_utf8_lossy(&response.body().bytes).into_owned(),
    )
}

/// Returns once that is so, which has to be soon.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("it comes to be so");
}

/// A receiver and what it has seen.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
pub(crate) struct Seen {
    connections: AtomicUsize,
    ended: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Seen {
    pub(crate) fn note(&self, request: String) {
        self.requests.lock().expect("unbroken").push(request);
    }
}

impl Receiver {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same receiver by a name of its own.
    pub(crate) fn url_of(&self, scheme: &str, name: &str) -> String {
        format!("{scheme}://{name}:{}/", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many of them are over.
    pub(crate) fn ended(&self) -> usize {
        self.seen.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().expect("unbroken").clone()
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The receiver's end of a connection.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) seen: Arc<Seen>,
}

impl Connection {
    /// A whole request, as text. `None` once there are no more.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(request.clone()).ok()?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
        self.stream.read_exact(&mut body).await.ok()?;
        request.extend(body);
        let request = String::from_utf8(request).ok()?;
        self.seen.note(request.clone());
        Some(request)
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // It may have gone.
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Returns once the other end has gone.
    pub(crate) async fn gone(&mut self) {
        let mut some = [0; 1024];
        while self
            .stream
            .read(&mut some)
            .await
            .is_ok_and(|count| count > 0)
        {}
    }

    /// Answers each request with the same.
    pub(crate) async fn answer_each(mut self, answer: impl AsRef<[u8]>) {
        while self.request().await.is_some() {
            self.write(&answer).await;
        }
    }

    /// Answers the first request and waits for the other end to go.
    pub(crate) async fn answer_once(mut self, answer: impl AsRef<[u8]>) {
        self.request().await;
        self.write(answer).await;
        self.gone().await;
    }
}

/// A receiver on that address, port and all.
pub(crate) async fn receive_at<F, T>(
    address: &str,
    tls: Option<Arc<ServerConfig>>,
    talk: F,
) -> Receiver
where
    F: Fn(Connection) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(address).await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let seen = Arc::new(Seen::default());
    let receiver = Receiver {
        address,
        seen: Arc::clone(&seen),
    };
    let talk = Arc::new(talk);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, tls, talk) = (Arc::clone(&seen), tls.clone(), Arc::clone(&talk));
            tokio::spawn(async move {
                let stream: Box<dyn Stream> = match tls {
                    None => Box::new(stream),
                    Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => return,
                    },
                };
                talk(Connection {
                    stream,
                    seen: Arc::clone(&seen),
                })
                .await;
                seen.ended.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    receiver
}

/// A receiver in the clear.
pub(crate) async fn receive<F, T>(talk: F) -> Receiver
where
    F: Fn(Connection) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    receive_at("127.0.0.1:0", None, talk).await
}

/// A receiver that answers everything with 200.
pub(crate) async fn willing() -> Receiver {
    receive(|connection| connection.answer_each(OK)).await
}
