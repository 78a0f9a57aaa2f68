//! A link: one open connection that speaks HTTP, and the task that moves its bytes.
//!
//! The task ends with the last handle on the link, whatever it's doing: an exchange that ran out of time leaves nothing
//! behind that could wait for a receiver which never reads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use crate::pool::Place;
use crate::target::{Target, path_and_query};

/// The most headers of an HTTP/1.1 answer.
pub(crate) const HEADERS_MAX: usize = 128;

/// How much of an HTTP/2 answer may be under way to us before it's read: of one, and of all on a connection.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);

/// How often a receiver is asked over HTTP/2 whether it's still there while answers are waited for, and how long it has.
const PINGS: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// How long a connection may take to be ready again once its answer is whole.
const READY_MAX: Duration = Duration::from_millis(100);

/// One open connection. An HTTP/2 one is shared by whoever clones it.
#[derive(Debug)]
pub(crate) struct Link {
    sender: Sender,
    task: Arc<Task>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What moves the bytes of a connection, until it's dropped.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why there's no answer.
pub(crate) enum Failed {
    /// Nothing of the request was sent; here it is.
    Unsent(Box<Request<Full<Bytes>>>),
    /// Some or all of it may have been.
    Broken(hyper::Error),
}

/// How a link is made: of HTTP/2 or HTTP/1.1, and with what as the most bytes of an answer's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) is_http2: bool,
    pub(crate) header_max: usize,
}

impl Link {
    /// Begins to speak HTTP over `stream`. `place` is held for as long as the connection is open.
    pub(crate) async fn new<S>(stream: S, protocol: Protocol, place: Place) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if protocol.is_http2 {
            let (sender, connection) = http2(protocol.header_max).handshake(io).await?;
            return Ok(Self::spawn(Sender::Http2(sender), connection, place));
        }
        let (sender, connection) = http1(protocol.header_max).handshake(io).await?;
        Ok(Self::spawn(Sender::Http1(sender), connection, place))
    }

    fn spawn<C>(sender: Sender, connection: C, place: Place) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            // Whoever waits for an answer is told what went wrong; nobody else has to be.
            let _ = connection.await;
            drop(place);
        });
        Self {
            sender,
            task: Arc::new(Task(task)),
        }
    }

    /// Sends a request, whose URL is absolute, and takes the head of the answer.
    pub(crate) async fn send(
        &mut self,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failed> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                if sender.ready().await.is_err() {
                    return Err(Failed::Unsent(Box::new(request)));
                }
                sender.try_send_request(as_http1(target, request)).await
            }
            Sender::Http2(sender) => {
                if sender.ready().await.is_err() {
                    return Err(Failed::Unsent(Box::new(request)));
                }
                sender.try_send_request(as_http2(target, request)).await
            }
        };
        sent.map_err(Failed::from)
    }

    /// Another handle on the same connection, where it's one that can be shared.
    pub(crate) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                task: Arc::clone(&self.task),
            }),
        }
    }

    /// Whether both are handles on one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.task, &other.task)
    }

    /// Whether nobody but the holder of this handle uses the connection.
    pub(crate) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.task) == 1
    }

    /// Whether nothing can be sent any more.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Whether the connection can take another request, now that its last answer is whole.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => matches!(
                tokio::time::timeout(READY_MAX, sender.ready()).await,
                Ok(Ok(()))
            ),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }
}

impl From<TrySendError<Request<Full<Bytes>>>> for Failed {
    fn from(mut error: TrySendError<Request<Full<Bytes>>>) -> Self {
        match error.take_message() {
            Some(request) => Self::Unsent(Box::new(request)),
            None => Self::Broken(error.into_error()),
        }
    }
}

fn http1(header_max: usize) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_header_size(header_max).max_headers(HEADERS_MAX);
    builder
}

fn http2(header_max: usize) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(header_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .keep_alive_interval(PINGS.0)
        .keep_alive_timeout(PINGS.1);
    builder
}

/// The request line has the path only, and the `host` header says the rest.
fn as_http1(target: &Target, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    *request.version_mut() = Version::HTTP_11;
    let host = HeaderValue::try_from(target.authority()).expect("hosts are made of plain letters");
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = path_and_query(request.uri()).into();
    request
}

/// Everything stands in the request's URL.
fn as_http2(target: &Target, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    *request.version_mut() = Version::HTTP_2;
    let path_and_query = path_and_query(request.uri());
    request.headers_mut().remove(header::HOST);
    let uri = http::Uri::builder()
        .scheme(target.scheme.name())
        .authority(target.authority());
    *request.uri_mut() = uri
        .path_and_query(path_and_query)
        .build()
        .expect("made of parts of URLs");
    request
}
