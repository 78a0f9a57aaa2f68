//! The administrators' listener: what they and their tools ask of a running host, apart from senders' traffic.
//!
//! It is on loopback unless configured otherwise, and then asks for a token. For now it serves `GET /metrics`. It has
//! room for a few connections. The connection that has kept it waiting longest makes room for the next, so no client can
//! keep others out, or take much from the host.

mod answer;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hookyard_ingress::activity::{Connections, Patience, Place};
use hookyard_schemes::Secret;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::metrics::Metrics;
use hookyard_config::settings::Admin;

/// Connections at once.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection is waited for.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(90),
};
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
    /// Names that requests may be sent to, besides `localhost` and addresses.
    hosts: Vec<String>,
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
    let room = Room {
        token: admin.token.clone(),
        hosts: admin.hosts.clone(),
        metrics,
    };
    Ok(Bound {
        listener,
        address,
        room: Arc::new(room),
    })
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
    let connections = Connections::new(CONNECTIONS_MAX);
    // Dropped with this future, and all connections with it.
    let mut serving = JoinSet::new();
    loop {
        while serving.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((tcp, _)) => {
                // Answers take no time, so there is always one that waits and makes room.
                if let Some(place) = connections.admit().await {
                    serving.spawn(serve(tcp, place, Arc::clone(&room)));
                }
            }
            Err(error) => {
                tracing::debug!(target: "hookyard::admin", error = error.to_string(), "can't accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(tcp: TcpStream, place: Place, room: Arc<Room>) {
    let activity = &place.activity;
    let service = service_fn(|request: Request<Incoming>| {
        let _in_flight = activity.request_came(false, !request.body().is_end_stream());
        let answer = answer::answer(&request, &room);
        async move { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    let connection = http
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(tcp), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(target: "hookyard::admin", error = error.to_string(), "a connection broke");
            }
        }
        () = activity.overdue(PATIENCE) => {}
    }
}
