//! A listener whose address is known, and the run that serves it until shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hookyard_model::{Clock, EventId};
use hookyard_store::Events;
use tokio::net::TcpListener;

use crate::accept::accept;
use crate::config::Config;
use crate::fetch::Fetch;
use crate::handshake::CertificateArchive;
use crate::receive::Receiver;
use crate::source::Sources;

/// What ingress works with but doesn't own.
#[derive(Clone)]
pub struct Parts {
    /// Where verified events go.
    pub inbox: Arc<dyn Events>,
    /// Tells when a request was read.
    pub clock: Arc<dyn Clock>,
    /// Makes the id of a new event; ids must sort by arrival.
    pub event_ids: Arc<dyn Fn() -> EventId + Send + Sync>,
    /// Fetches what a handshake needs.
    pub fetch: Arc<dyn Fetch>,
    /// Stores the certificates that have verified a message, so that they outlast a restart.
    pub certificates: Arc<dyn CertificateArchive>,
}

/// Why ingress could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be listened on.
    #[error("can't listen on {address}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// What the system says: in use, not ours, not permitted.
        #[source]
        source: std::io::Error,
    },
}

/// A listener that holds its address and serves nothing yet.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
    parts: Parts,
    sources: Arc<ArcSwap<Sources>>,
}

/// Changes a running ingress. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    sources: Arc<ArcSwap<Sources>>,
}

/// Takes the address. From here on senders can connect; they are served once `run` is called.
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
    /// The address that is listened on, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stays good while this runs.
    pub fn handle(&self) -> Handle {
        Handle {
            sources: Arc::clone(&self.sources),
        }
    }

    /// Serves until `shutdown` resolves; then stops accepting, lets requests in flight finish within
    /// `Config::shutdown_timeout`, and returns.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        accept(
            self.listener,
            Receiver::new(self.config, self.parts, self.sources),
            shutdown,
        )
        .await;
    }
}

impl Handle {
    /// Puts `sources` in the place of all present ones. Requests already routed finish with what they had.
    pub fn replace(&self, sources: Sources) {
        self.sources.store(Arc::new(sources));
    }
}
