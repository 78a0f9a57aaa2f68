//! Connecting: from a URL to a socket, through the one function that decides which addresses may be reached.
//!
//! Addresses are resolved once, chosen by `choose`, and connected to as chosen: nothing resolves again in between.
//! A literal address in a URL takes the same road.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// Opens TCP connections for the HTTP client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connector;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(uri))
    }
}

async fn connect(uri: Uri) -> io::Result<TokioIo<TcpStream>> {
    let host = uri.host().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the URL has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let default_port = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let resolved = tokio::net::lookup_host((host, uri.port_u16().unwrap_or(default_port))).await?;
    let stream = TcpStream::connect(choose(resolved.collect()).as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

/// Which of the resolved addresses may be connected to, in order of preference.
///
/// All of them for now: whoever fetches has pinned the host. The guard against private addresses goes here.
fn choose(resolved: Vec<SocketAddr>) -> Vec<SocketAddr> {
    resolved
}
