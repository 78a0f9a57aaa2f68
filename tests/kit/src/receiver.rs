//! A stand-in for a receiver: accepts every webhook on loopback, keeps it, and answers as
//! configured.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;
use crate::secure::{self, Papers};

/// A receiver that serves until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    book: Arc<Book>,
    server: JoinHandle<()>,
}

/// A received webhook.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request path.
    pub path: String,
    /// The HTTP version.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// The answer.
    pub reply: Reply,
}

/// An answer to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Answers with this status.
    Status(StatusCode),
    /// Answers with this status after a delay.
    Late(Duration, StatusCode),
    /// Closes the connection without an answer.
    HangUp,
}

struct Book {
    received: watch::Sender<Vec<Received>>,
    /// The answers to the next webhooks.
    answers: Mutex<VecDeque<StatusCode>>,
    /// The answer to all other webhooks.
    otherwise: Box<dyn Fn() -> Reply + Send + Sync>,
}

impl Receiver {
    /// Starts a receiver on a free port that answers 200 by default.
    pub async fn start() -> Result<Self> {
        Self::start_with(|| Reply::Status(StatusCode::OK)).await
    }

    /// Starts a receiver with another default answer.
    pub async fn start_with(otherwise: impl Fn() -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::bind(None, otherwise).await
    }

    /// Starts a receiver with TLS, and returns what a client needs.
    pub async fn start_secure() -> Result<(Self, Papers)> {
        let (acceptor, papers) = secure::issue()?;
        Ok((
            Self::bind(Some(acceptor), || Reply::Status(StatusCode::OK)).await?,
            papers,
        ))
    }

    async fn bind(
        secure: Option<TlsAcceptor>,
        otherwise: impl Fn() -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no loopback port is free")?;
        let address = listener.local_addr()?;
        let (received, answers) = (watch::Sender::default(), Mutex::default());
        let book = Arc::new(Book {
            received,
            answers,
            otherwise: Box::new(otherwise),
        });
        let scheme = if secure.is_some() { "https" } else { "http" };
        let server = tokio::spawn(serve(listener, secure, Arc::clone(&book)));
        Ok(Self {
            address,
            scheme,
            book,
            server,
        })
    }

    /// Returns the beginning of its URLs.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Sets the answer to the next webhook without one.
    pub fn answer_next(&self, status: StatusCode) {
        self.book
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(status);
    }

    /// Returns all webhooks in order.
    pub fn received(&self) -> Vec<Received> {
        self.book.received.borrow().clone()
    }

    /// Returns the webhooks after the given number.
    pub fn received_after(&self, count: usize) -> Vec<Received> {
        self.book.received.borrow()[count..].to_vec()
    }

    /// Waits until the condition holds for the received webhooks. `what` completes the text "waited
    /// for …".
    pub async fn wait_for(
        &self,
        what: &str,
        wanted: impl Fn(&[Received]) -> bool,
    ) -> Result<Vec<Received>> {
        let mut received = self.book.received.subscribe();
        let found =
            tokio::time::timeout(PATIENCE, received.wait_for(|received| wanted(received))).await;
        let all = || {
            self.received()
                .iter()
                .map(|it| format!("    {it:?}\n"))
                .collect::<String>()
        };
        let found = found.with_context(|| {
            format!(
                "waited {} s for {what}; the received webhooks are\n{}",
                PATIENCE.as_secs(),
                all()
            )
        })?;
        Ok(found?.clone())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Received {
    /// Verifies the signature with the published library of Standard Webhooks, which the host does
    /// not use.
    pub fn verify(&self, secret: &str) -> Result<()> {
        standardwebhooks::Webhook::new(secret)?.verify(&self.body, &self.headers)?;
        Ok(())
    }

    /// Returns the text of a header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the body is not JSON")
    }
}

async fn serve(listener: TcpListener, secure: Option<TlsAcceptor>, book: Arc<Book>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (secure, book) = (secure.clone(), Arc::clone(&book));
        tokio::spawn(async move {
            match secure {
                None => converse(stream, book).await,
                // TLS tells a refused client about the refusal.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, book).await;
                    }
                }
            }
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, book: Arc<Book>) {
    let service = service_fn(move |request| {
        let book = Arc::clone(&book);
        async move { book.take(request).await }
    });
    // A client may close the connection at any time.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Book {
    async fn take(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        // An incomplete request was not received.
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let answer = self
            .answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let reply = answer.map_or_else(&self.otherwise, Reply::Status);
        let path = head.uri.path().to_owned();
        let received = Received {
            path,
            version: head.version,
            headers: head.headers,
            body,
            reply,
        };
        self.received.send_modify(|all| all.push(received));
        let status = match reply {
            Reply::Status(status) => status,
            Reply::Late(after, status) => {
                tokio::time::sleep(after).await;
                status
            }
            Reply::HangUp => return Err(io::Error::other("closed the connection as configured")),
        };
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    }
}
