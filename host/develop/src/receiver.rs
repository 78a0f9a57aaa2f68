//! A small HTTP server on loopback: it serves the certificate of a sender, and it receives the
//! messages of a plugin under development.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The maximum size of a body, in bytes.
const BODY_MAX: usize = 16 << 20;

/// The answer to every request with a method and a path.
pub type Respond = Arc<dyn Fn(&Method, &str) -> (StatusCode, Bytes) + Send + Sync>;

/// A server, which runs until it is dropped.
pub struct Receiver {
    /// The address of the server.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Starts a server at this address.
    ///
    /// # Errors
    ///
    /// Returns the reason if the address cannot be used.
    pub async fn start(address: SocketAddr, respond: Respond) -> Result<Self, String> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        Ok(Self {
            address,
            task: tokio::spawn(serve(listener, respond)),
        })
    }
}

async fn serve(listener: TcpListener, respond: Respond) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for example. The next connection may be accepted again.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };

        let respond = Arc::clone(&respond);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &respond));
            // A client may close its connection at any time.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    respond: &Respond,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let (status, content) = match Limited::new(body, BODY_MAX).collect().await {
        Ok(_) => respond(&head.method, head.uri.path()),
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::new()),
    };

    let mut response = Response::new(Full::new(content));
    *response.status_mut() = status;
    Ok(response)
}
