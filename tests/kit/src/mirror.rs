//! A stand-in for an API that plugins call. It returns the request to the caller, above all the
//! credential, in every form that a careless server may use.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A server that runs until it is dropped.
pub struct Mirror {
    address: SocketAddr,
    asked: watch::Sender<Vec<Asked>>,
    most_at_once: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method and the path.
    pub line: String,
    /// The header `authorization`, or an empty text.
    pub authorization: String,
    /// The length of the body in bytes.
    pub body_bytes: usize,
}

impl Mirror {
    /// Starts the server on a free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no loopback port is free")?;
        let (address, asked) = (listener.local_addr()?, watch::Sender::default());
        let most_at_once = Arc::<AtomicUsize>::default();
        let server = tokio::spawn(serve(listener, asked.clone(), Arc::clone(&most_at_once)));
        Ok(Self {
            address,
            asked,
            most_at_once,
            server,
        })
    }

    /// Returns the host and port, as in a grant.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns the beginning of its URLs.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all requests in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Returns the largest number of requests that were in progress at the same time.
    pub fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::Relaxed)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    listener: TcpListener,
    asked: watch::Sender<Vec<Asked>>,
    most_at_once: Arc<AtomicUsize>,
) {
    let at_once = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let (asked, at_once, most_at_once) = (
            asked.clone(),
            Arc::clone(&at_once),
            Arc::clone(&most_at_once),
        );
        tokio::spawn(async move {
            let service = service_fn(|request| async {
                most_at_once.fetch_max(
                    at_once.fetch_add(1, Ordering::Relaxed) + 1,
                    Ordering::Relaxed,
                );
                let answer = answer(request, &asked).await;
                at_once.fetch_sub(1, Ordering::Relaxed);
                answer
            });
            // A client may close the connection at any time.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    asked: &watch::Sender<Vec<Asked>>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let given = head
        .headers
        .get("authorization")
        .cloned()
        .unwrap_or(HeaderValue::from_static(""));
    let authorization = String::from_utf8_lossy(given.as_bytes()).into_owned();
    let line = format!("{} {}", head.method, head.uri.path());
    asked.send_modify(|all| {
        all.push(Asked {
            line,
            authorization: authorization.clone(),
            body_bytes: body.len(),
        });
    });
    let response = Response::builder();
    let response = match head.uri.path() {
        "/v1/large" => response.body(Full::from(vec![b'x'; 3 << 20])),
        "/v1/moved" => response
            .status(302)
            .header("x-location", "/elsewhere")
            .body(Full::default()),
        "/v1/packed" => response
            .header("content-encoding", "gzip")
            .body(Full::from(authorization)),
        "/v1/slow" => {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            response.body(Full::from("slow"))
        }
        "/v1/plain" => response.body(Full::from(format!("{} bytes", body.len()))),
        _ => response
            .header("x-given", given)
            .body(Full::from(reflected(&authorization))),
    };
    response.map_err(io::Error::other)
}

/// The forms in which a careless server returns a credential.
fn reflected(authorization: &str) -> String {
    let token = authorization
        .split_once(' ')
        .map_or(authorization, |(_, token)| token);
    let encoded = STANDARD.encode(token);
    format!(
        "plain {authorization}; token {token}; base64 {encoded}; json {}",
        serde_json::json!({ "token": token })
    )
}
