//! One connection, from the first byte to its end: HTTP/1.1 or HTTP/2, whichever the sender speaks.
//!
//! It ends when the sender is done, has kept us waiting too long, is evicted, or when shutdown finds it idle.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{Request, Version};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::activity::{Patience, Place};
use crate::config::Config;
use crate::receive::{Receiver, Sender};
use crate::stream::Stream;

/// What hyper asserts of a read buffer.
const HEAD_BYTES_MIN: usize = 8 << 10;
/// Unread body bytes that a sender may have on its way, for each request and for each HTTP/2 connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

pub(crate) type Http = auto::Builder<TokioExecutor>;

/// The protocol's settings, made once for all connections.
pub(crate) fn http(config: &Config) -> Http {
    let header_max = config.header_max.max(HEAD_BYTES_MIN);
    let mut http = auto::Builder::new(TokioExecutor::new());
    // A sender may close its sending side after the request and still wait for the answer.
    http.http1().half_close(true).max_buf_size(header_max);
    http.http2()
        .max_concurrent_streams(config.streams_max)
        .max_header_list_size(u32::try_from(header_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

/// A connection that was let in.
pub(crate) struct Accepted {
    pub(crate) tcp: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
}

/// Serves a connection to its end. Once `stopping` changes, it ends after the requests in flight.
pub(crate) async fn serve(
    accepted: Accepted,
    http: Http,
    receiver: Arc<Receiver>,
    mut stopping: watch::Receiver<bool>,
) {
    let Accepted { tcp, peer, place } = accepted;
    let activity = &place.activity;
    // Answers are small and complete; there is nothing to gather.
    let _ = tcp.set_nodelay(true);
    let io = TokioIo::new(Stream::new(tcp, Arc::clone(activity)));
    let service = service_fn(|request: Request<Incoming>| {
        let is_http2 = request.version() == Version::HTTP_2;
        let in_flight = activity.request_came(is_http2, !request.body().is_end_stream());
        let (receiver, sender) = (
            Arc::clone(&receiver),
            Sender {
                peer,
                is_http2,
                in_flight,
                body_bytes: 0,
            },
        );
        async move { Ok::<_, Infallible>(receiver.receive(request, sender).await) }
    });
    let patience = Patience {
        head: receiver.config.header_timeout,
        idle: receiver.config.idle_timeout,
    };
    let mut connection = pin!(http.serve_connection(io, service));
    let mut overdue = pin!(activity.overdue(patience));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(target: "hookyard::ingress", %peer, error = error.to_string(), "connection broke");
                }
                return;
            }
            () = overdue.as_mut() => {
                tracing::debug!(target: "hookyard::ingress", %peer, "connection closed: its sender kept us waiting");
                return;
            }
            _ = stopping.wait_for(|stopping| *stopping), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
