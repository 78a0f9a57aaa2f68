//! A listener with a known address, which serves requests until shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hookyard_model::{Clock, EventId, RefusedId};
use hookyard_store::{Events, Gatherer, RefusedRequests, Waits};
use tokio::net::TcpListener;

use crate::accept::accept;
use crate::admission::Admission;
use crate::config::Config;
use crate::declared::LearntSecrets;
use crate::fetch::Fetch;
use crate::handshake::DocumentArchive;
use crate::receive::Receiver;
use crate::source::Sources;

/// The other parts of the host that ingress uses.
#[derive(Clone)]
pub struct Parts {
    /// The inbox that verified events are appended to.
    pub inbox: Arc<dyn Events>,
    /// Says whether new events are stored.
    pub admission: Arc<dyn Admission>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Generates the id of a new event. Ids must sort by arrival.
    pub event_ids: Arc<dyn Fn() -> EventId + Send + Sync>,
    /// Keeps the refused requests of sources that ask for it.
    pub refused: Arc<dyn RefusedRequests>,
    /// Generates the id of a refused request. Ids must sort by arrival.
    pub refused_ids: Arc<dyn Fn() -> RefusedId + Send + Sync>,
    /// Gathers the figures of requests.
    pub gatherer: Arc<Gatherer>,
    /// Fetches the URLs of handshakes.
    pub fetch: Arc<dyn Fetch>,
    /// Stores the certificates and key sets that have verified a message, so that they survive a
    /// restart.
    pub documents: Arc<dyn DocumentArchive>,
    /// The requests that wait for the outcomes of their events. They are closed at shutdown.
    pub waits: Arc<Waits>,
    /// Keeps the secrets that handshakes bring.
    pub learnt: Arc<dyn LearntSecrets>,
}

/// The reason for which ingress cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host cannot listen on the address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The error of the system: in use, not an address of this machine, or not permitted.
        #[source]
        source: std::io::Error,
    },
}

/// A listener that has its address and serves nothing yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
    parts: Parts,
    sources: Arc<ArcSwap<Sources>>,
}

/// Changes a running ingress. It is cheap to clone.
#[derive(Clone)]
pub struct Handle {
    sources: Arc<ArcSwap<Sources>>,
}

/// Binds the address. From now on senders can connect; they are served once [`Bound::run`] is
/// called.
///
/// # Errors
///
/// Returns [`Error::Listen`] if the system refuses the address.
pub async fn bind(config: Config, parts: Parts, sources: Sources) -> Result<Bound, Error> {
    let failed = |source| Error::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;

    Ok(Bound {
        listener,
        address,
        config,
        parts,
        sources: Arc::new(ArcSwap::from_pointee(sources)),
    })
}

impl Bound {
    /// Returns the address of the listener, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a handle that stays valid while ingress runs.
    pub fn handle(&self) -> Handle {
        Handle {
            sources: Arc::clone(&self.sources),
        }
    }

    /// Serves until `shutdown` resolves. Then stops accepting connections, lets requests in flight
    /// finish within [`Config::shutdown_timeout`], and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let receiver = Receiver::new(self.config, self.parts, self.sources);
        accept(self.listener, receiver, shutdown).await;
    }
}

impl Handle {
    /// Replaces all sources. Requests that have already been routed finish with their old source.
    pub fn replace(&self, sources: Sources) {
        self.sources.store(Arc::new(sources));
    }
}
