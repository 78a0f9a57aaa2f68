//! The administrators' listener: what they and their tools ask of a running host, apart from senders' traffic.
//!
//! It is on loopback unless configured otherwise, and then asks for a token. For now it serves `GET /metrics`. A few
//! connections at once, a short time for each: nobody who can reach it can take much from the host with it.

mod answer;
pub(crate) mod metrics;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hookyard_verify::Secret;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::settings::Admin;
use metrics::Metrics;

/// Connections at once; whoever comes when there are as many waits to be accepted.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may last, its request and its answer included.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(30);
/// How long to leave a system alone that can't accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that has its address and serves nothing yet.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    room: Arc<Room>,
}

/// What requests are answered from.
struct Room {
    /// Who shows this may ask; anybody where there is none.
    token: Option<Secret>,
    metrics: Metrics,
}

/// Takes the address.
pub(crate) async fn bind(admin: &Admin, metrics: Metrics) -> anyhow::Result<Bound> {
    let failed = || {
        let listen = admin.listen;
        format!(
            "the admin listener can't have {listen}; name another address by `listen` in [admin], or end who has it"
        )
    };
    let listener = TcpListener::bind(admin.listen).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    Ok(Bound { listener, address, room: Arc::new(Room { token: admin.token.clone(), metrics }) })
}

impl Bound {
    /// Where it listens, with the port that was really taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves. Answers under way are cut off then: each can be asked for again.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let metrics = self.room.metrics.clone();
        tokio::select! {
            () = shutdown => {}
            () = metrics.keep_up() => {}
            () = accept(self.listener, self.room) => {}
        }
    }
}

async fn accept(listener: TcpListener, room: Arc<Room>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Dropped with this future, and all connections with it.
    let mut serving = JoinSet::new();
    loop {
        while serving.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
            Ok((tcp, _)) => {
                let room = Arc::clone(&room);
                serving.spawn(async move {
                    let _place = place;
                    let _in_time = tokio::time::timeout(CONNECTION_TIME_MAX, serve(tcp, room)).await;
                });
            }
            Err(error) => {
                tracing::debug!(target: "hookyard::admin", error = error.to_string(), "can't accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(tcp: TcpStream, room: Arc<Room>) {
    let service = service_fn(|request| {
        let answer = answer::answer(&request, &room);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(CONNECTION_TIME_MAX).max_buf_size(16 << 10);
    if let Err(error) = http.serve_connection(TokioIo::new(tcp), service).await {
        tracing::debug!(target: "hookyard::admin", error = error.to_string(), "a connection broke");
    }
}
