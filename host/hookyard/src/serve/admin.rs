//! The administrators' listener: serves the metrics of a running host and the administrators' pages.
//!
//! The listener is separate from the senders' traffic. It is on loopback unless the configuration
//! says otherwise, and then requires a token. It serves `GET /metrics`, and without a token `GET
//! /livez` and `GET /readyz`; the package `hookyard-admin` answers all other requests. It accepts a
//! few connections at once. A new connection replaces the one that has been idle for the longest time,
//! so that no client can lock others out or use much of the host.

mod answer;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hookyard_admin::{Admin, Body, Grants};
use hookyard_ingress::activity::{ConnectionSlot, Connections, WaitLimits};
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::health::Health;
use super::metrics::Metrics;
use hookyard_config::settings;

/// The maximum number of open connections.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may keep the listener waiting.
const PATIENCE: WaitLimits = WaitLimits {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(90),
};
/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that is bound to its address and has no pages yet.
pub(super) struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    service: Service,
}

/// A listener that is ready to serve.
pub(super) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    answerer: Arc<Answerer>,
}

/// What answers requests.
struct Answerer {
    service: Service,
    pages: Admin,
}

/// What a request is checked against, and the metrics.
struct Service {
    /// The tokens. A request must contain a token. Without tokens, everybody may read the
    /// metrics.
    grants: Arc<Grants>,
    /// The host names that requests may name, besides `localhost` and addresses.
    hosts: Vec<String>,
    metrics: Metrics,
    health: Health,
}

/// Binds the listener to its address.
pub(super) async fn bind(
    admin: &settings::Admin,
    grants: Arc<Grants>,
    metrics: Metrics,
    health: Health,
) -> anyhow::Result<Listener> {
    let failed = || {
        let listen = admin.listen;
        format!(
            "the admin listener cannot use {listen}; name another address by `listen` in [admin], \
             or stop the process that uses it"
        )
    };
    let listener = TcpListener::bind(admin.listen).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;

    let service = Service {
        grants,
        hosts: admin.hosts.clone(),
        metrics,
        health,
    };
    Ok(Listener {
        listener,
        address,
        service,
    })
}

impl Listener {
    /// Adds the pages.
    pub(super) fn with(self, pages: Admin) -> Bound {
        let answerer = Answerer {
            service: self.service,
            pages,
        };
        Bound {
            listener: self.listener,
            address: self.address,
            answerer: Arc::new(answerer),
        }
    }
}

impl Answerer {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        if let Some(answer) = self.service.health.answer(&request).await {
            return answer.map(Body::from);
        }
        if let Some(refusal) = answer::refused(&request, &self.service) {
            return refusal.map(Body::from);
        }
        if request.uri().path() == "/metrics" {
            return answer::metrics(&request, &self.service).map(Body::from);
        }
        self.pages.answer(request.map(Body::new), peer).await
    }
}

impl Bound {
    /// Returns the address, with the real port.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` resolves. Unfinished answers are dropped: a client can ask again.
    pub(super) async fn run(self, shutdown: impl Future<Output = ()>) {
        let metrics = self.answerer.service.metrics.clone();
        tokio::select! {
            () = shutdown => {}
            () = metrics.keep_up() => {}
            () = accept(self.listener, self.answerer) => {}
        }
    }
}

async fn accept(listener: TcpListener, answerer: Arc<Answerer>) {
    let connections = Connections::new(CONNECTIONS_MAX);
    // Dropping this set with the future closes all connections.
    let mut serving = JoinSet::new();

    loop {
        while serving.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((tcp, peer)) => {
                // Answers take a bounded time, so an idle connection makes room before long.
                if let Some(place) = connections.admit().await {
                    serving.spawn(serve(tcp, peer.ip(), place, Arc::clone(&answerer)));
                }
            }
            Err(error) => {
                let error = error.to_string();
                tracing::debug!(target: "hookyard::admin", error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(tcp: TcpStream, peer: IpAddr, place: ConnectionSlot, answerer: Arc<Answerer>) {
    let activity = &place.activity;
    let handler = service_fn(|request: Request<Incoming>| {
        let in_flight = activity.request_began(false, !request.body().is_end_stream());
        let answerer = &answerer;
        async move {
            let answer = answerer.answer(request, peer).await;
            drop(in_flight);
            Ok::<_, Infallible>(answer)
        }
    });

    let mut http = http1::Builder::new();
    let connection = http
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(tcp), handler);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                let error = error.to_string();
                tracing::debug!(target: "hookyard::admin", error, "a connection failed");
            }
        }
        () = activity.overdue(PATIENCE) => {}
    }
}
