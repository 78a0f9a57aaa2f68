//! Serves one connection from its first byte to its end, over HTTP/1.1 or HTTP/2.
//!
//! A connection ends when the sender closes it or has waited too long, when it is evicted, or when
//! it is idle during shutdown.

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

use crate::activity::{ConnectionSlot, WaitLimits};
use crate::config::Config;
use crate::receive::{Receiver, Sender};
use crate::spans::Steps;
use crate::stream::Stream;

/// The minimum size of a read buffer in hyper, in bytes.
const HEADER_BYTES_MIN: usize = 8 << 10;
/// The body bytes that a sender may send ahead for one HTTP/2 request.
const STREAM_WINDOW: u32 = 64 << 10;
/// The body bytes that a sender may send ahead on one HTTP/2 connection.
const CONNECTION_WINDOW: u32 = 256 << 10;

/// The settings of HTTP/1.1 and HTTP/2.
pub(crate) type Http = auto::Builder<TokioExecutor>;

/// Returns the settings of the protocol, which all connections share.
pub(crate) fn http(config: &Config) -> Http {
    let header_max = config.header_max.max(HEADER_BYTES_MIN);
    let mut http = auto::Builder::new(TokioExecutor::new());

    // A sender may close its sending side after the request and still wait for the answer. Answers
    // are small: for the system, one buffer is cheaper than a list of buffers.
    http.http1()
        .half_close(true)
        .writev(false)
        .max_buf_size(header_max);
    http.http2()
        .max_concurrent_streams(config.streams_max)
        .max_header_list_size(u32::try_from(header_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    http
}

/// A connection that has been admitted.
pub(crate) struct Admitted {
    pub(crate) tcp: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) slot: ConnectionSlot,
}

/// Serves a connection to its end. Once `stopping` becomes true, the connection ends after its
/// requests in flight.
pub(crate) async fn serve(
    admitted: Admitted,
    http: Http,
    receiver: Arc<Receiver>,
    mut stopping: watch::Receiver<bool>,
) {
    let Admitted { tcp, peer, slot } = admitted;
    let activity = &slot.activity;
    // Answers are small and complete, so that delaying them to gather more bytes would be useless.
    let _ = tcp.set_nodelay(true);

    let peer_text: Arc<str> = peer.to_string().into();
    let io = TokioIo::new(Stream::new(tcp, Arc::clone(activity)));
    let service = service_fn(|request: Request<Incoming>| {
        let is_http2 = request.version() == Version::HTTP_2;
        let has_body = !request.body().is_end_stream();
        let sender = Sender {
            peer: Arc::clone(&peer_text),
            address: peer.ip().to_canonical(),
            is_http2,
            in_flight: activity.request_began(is_http2, has_body),
            body_bytes: 0,
            steps: Steps::begin(),
        };
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, Infallible>(receiver.receive(request, sender).await) }
    });

    let limits = WaitLimits {
        head: receiver.config.header_timeout,
        idle: receiver.config.idle_timeout,
    };
    let mut connection = pin!(http.serve_connection(io, service));
    let mut overdue = pin!(activity.overdue(limits));
    let mut is_stopping = false;

    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(
                        target: "hookyard::ingress",
                        %peer, error = error.to_string(), "connection broke"
                    );
                }
                return;
            }
            () = overdue.as_mut() => {
                tracing::debug!(
                    target: "hookyard::ingress",
                    %peer, "connection closed: its sender waited too long"
                );
                return;
            }
            _ = stopping.wait_for(|stopping| *stopping), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
