//! Receivers on loopback that misbehave as a test needs, and a resolver with scripted answers.

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
    timeout: Duration::from_secs(20),
    body_max: 1024,
    over_long: OverLong::Refuse,
};

/// Limits with a timeout that a test can wait for.
pub(crate) const SHORT: Limits = Limits {
    timeout: Duration::from_millis(300),
    ..LIMITS
};

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A policy that allows all loopback addresses and plain HTTP.
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

/// A door that resolves every name to the scripted answers, one after the other. The last answer
/// repeats.
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

/// Returns the status and the body of a response.
pub(crate) fn status_and_body(got: &Result<Response<Body>, Error>) -> (u16, String) {
    let response = got
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}: {error:?}"));
    (
        response.status().as_u16(),
        String::from_utf8_lossy(&response.body().bytes).into_owned(),
    )
}

/// Waits until a condition holds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("the condition holds in time");
}

/// A receiver and its records.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    records: Arc<Records>,
}

#[derive(Default)]
pub(crate) struct Records {
    connections: AtomicUsize,
    ended: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

impl Records {
    pub(crate) fn add(&self, request: String) {
        self.requests.lock().expect("unbroken").push(request);
    }
}

impl Receiver {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns a URL of this receiver with another host name.
    pub(crate) fn url_of(&self, scheme: &str, name: &str) -> String {
        format!("{scheme}://{name}:{}/", self.address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.records.connections.load(Ordering::SeqCst)
    }

    /// Returns the number of connections that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.records.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.records.requests.lock().expect("unbroken").clone()
    }
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The receiver's end of a connection.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) records: Arc<Records>,
}

impl Connection {
    /// Reads a whole request as text. Returns `None` at the end of the connection.
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
        self.records.add(request.clone());
        Some(request)
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        // The other end may be closed.
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Waits until the other end is closed.
    pub(crate) async fn gone(&mut self) {
        let mut some = [0; 1024];
        while self
            .stream
            .read(&mut some)
            .await
            .is_ok_and(|count| count > 0)
        {}
    }

    /// Answers every request with the same bytes.
    pub(crate) async fn answer_each(mut self, answer: impl AsRef<[u8]>) {
        while self.request().await.is_some() {
            self.write(&answer).await;
        }
    }

    /// Answers the first request and waits until the other end is closed.
    pub(crate) async fn answer_once(mut self, answer: impl AsRef<[u8]>) {
        self.request().await;
        self.write(answer).await;
        self.gone().await;
    }
}

/// Starts a receiver on an address with a port.
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
    let records = Arc::new(Records::default());
    let receiver = Receiver {
        address,
        records: Arc::clone(&records),
    };
    let talk = Arc::new(talk);

    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            records.connections.fetch_add(1, Ordering::SeqCst);
            let (records, tls, talk) = (Arc::clone(&records), tls.clone(), Arc::clone(&talk));
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
                    records: Arc::clone(&records),
                })
                .await;
                records.ended.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    receiver
}

/// Starts a receiver that speaks plain HTTP.
pub(crate) async fn receive<F, T>(talk: F) -> Receiver
where
    F: Fn(Connection) -> T + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    receive_at("127.0.0.1:0", None, talk).await
}

/// Starts a receiver that answers every request with status 200.
pub(crate) async fn ok_receiver() -> Receiver {
    receive(|connection| connection.answer_each(OK)).await
}
