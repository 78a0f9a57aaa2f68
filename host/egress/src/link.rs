//! Links: open connections that speak HTTP. Each has a task that moves its bytes.
//!
//! The task ends with the last handle of the link, whatever state it is in. So an exchange that ran
//! out of time leaves no task behind that waits for a receiver.

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

use crate::slots::ConnectionSlot;
use crate::target::{Target, path_and_query};

/// The maximum number of header fields of an HTTP/1.1 response.
pub(crate) const HEADERS_MAX: usize = 128;

/// The flow-control windows of HTTP/2, in bytes: of one response, and of all responses on a
/// connection.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// How often an HTTP/2 receiver is pinged while a response is awaited, and how long it has to
/// reply.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The time in which an HTTP/1.1 connection must become ready again after a response.
const READY_TIMEOUT: Duration = Duration::from_millis(100);

/// An open connection. Clones of an HTTP/2 link share the connection.
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

/// The task that moves the bytes of a connection. Dropping it aborts the task.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The reason why a request got no response.
pub(crate) enum SendError {
    /// No byte of the request was sent. Holds the request.
    Unsent(Box<Request<Full<Bytes>>>),
    /// Some or all of the request may have been sent.
    Broken(hyper::Error),
}

/// The protocol of a new link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    /// HTTP/2 rather than HTTP/1.1.
    pub(crate) is_http2: bool,
    /// The maximum size of a response's header, in bytes.
    pub(crate) header_max: usize,
}

impl Link {
    /// Begins to speak HTTP over `stream`. The connection holds `slot` until it is closed.
    pub(crate) async fn new<S>(
        stream: S,
        protocol: Protocol,
        slot: ConnectionSlot,
    ) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if protocol.is_http2 {
            let (sender, connection) = http2(protocol.header_max).handshake(io).await?;
            Ok(Self::spawn(Sender::Http2(sender), connection, slot))
        } else {
            let (sender, connection) = http1(protocol.header_max).handshake(io).await?;
            Ok(Self::spawn(Sender::Http1(sender), connection, slot))
        }
    }

    fn spawn<C>(sender: Sender, connection: C, slot: ConnectionSlot) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        let task = tokio::spawn(async move {
            // The exchange that waits for a response gets the error, so nothing is lost here.
            let _ = connection.await;
            drop(slot);
        });

        Self {
            sender,
            task: Arc::new(Task(task)),
        }
    }

    /// Sends a request and waits for the header of the response. The request's URL must be
    /// absolute.
    pub(crate) async fn send(
        &mut self,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                if sender.ready().await.is_err() {
                    return Err(SendError::Unsent(Box::new(request)));
                }
                sender.try_send_request(as_http1(target, request)).await
            }
            Sender::Http2(sender) => {
                if sender.ready().await.is_err() {
                    return Err(SendError::Unsent(Box::new(request)));
                }
                sender.try_send_request(as_http2(target, request)).await
            }
        };
        sent.map_err(SendError::from)
    }

    /// Returns another handle of the same connection if it can be shared.
    pub(crate) fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                task: Arc::clone(&self.task),
            }),
        }
    }

    /// Returns whether the connection can be shared.
    pub(crate) fn is_shareable(&self) -> bool {
        matches!(self.sender, Sender::Http2(_))
    }

    /// Returns whether both are handles of the same connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.task, &other.task)
    }

    /// Returns whether this is the only handle of the connection.
    pub(crate) fn is_unused(&self) -> bool {
        Arc::strong_count(&self.task) == 1
    }

    /// Returns whether the connection can no longer send.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    /// Returns whether the connection can take another request after a complete response.
    pub(crate) async fn is_reusable(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => {
                let ready = tokio::time::timeout(READY_TIMEOUT, sender.ready()).await;
                matches!(ready, Ok(Ok(())))
            }
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }
}

impl From<TrySendError<Request<Full<Bytes>>>> for SendError {
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
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Moves the authority of the URL to the `host` header, so that the request line has only the path.
fn as_http1(target: &Target, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    *request.version_mut() = Version::HTTP_11;
    let host = HeaderValue::try_from(target.authority()).expect("hosts are plain ASCII");
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = path_and_query(request.uri()).into();
    request
}

/// Removes the `host` header: HTTP/2 sends the authority of the URL.
fn as_http2(target: &Target, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(header::HOST);
    *request.uri_mut() = http::Uri::builder()
        .scheme(target.scheme.name())
        .authority(target.authority())
        .path_and_query(path_and_query(request.uri()))
        .build()
        .expect("the parts of a valid URL");
    request
}
