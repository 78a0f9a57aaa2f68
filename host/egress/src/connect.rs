//! Opens a connection to a target.
//!
//! A name is resolved once and each of its addresses is checked. The connection goes to one of the
//! addresses that passed, and nothing is resolved again in between. If some addresses of a name are
//! refused, the others are used: the connection goes to an address that was checked, and a receiver
//! stays reachable that also has a private address. A literal address is checked in the same way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{Addresses, check_address};
use crate::error::Error;
use crate::link::{Link, Protocol};
use crate::resolve::Resolve;
use crate::slots::ConnectionSlot;
use crate::target::{Host, Scheme, Target};

/// The maximum number of addresses of a name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The parts that opening a connection needs.
pub(crate) struct Connect<'c> {
    pub(crate) target: &'c Target,
    pub(crate) addresses: &'c Addresses,
    pub(crate) resolver: &'c dyn Resolve,
    pub(crate) tls: &'c Arc<ClientConfig>,
    pub(crate) header_max: usize,
    pub(crate) deadline: Instant,
}

impl Connect<'_> {
    /// Opens a link to the target: resolves it, checks its addresses, connects, and sets up TLS and
    /// HTTP.
    pub(crate) async fn run(&self, slot: ConnectionSlot) -> Result<Link, Error> {
        let addresses = self.allowed_addresses().await?;
        let stream = self.open(&addresses).await?;

        let link = match self.target.scheme {
            Scheme::Http => Link::new(stream, self.protocol(false), slot).await,
            Scheme::Https => {
                let stream = self.secure(stream).await?;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Link::new(stream, self.protocol(is_http2), slot).await
            }
        };
        link.map_err(|source| Error::Broken {
            host: self.host(),
            source,
        })
    }

    /// Returns the addresses of the target that pass the check. There is at least one such address.
    async fn allowed_addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let mut allowed = Vec::new();
        let mut refused = None;
        for address in self.resolve().await? {
            match check_address(address, self.addresses) {
                Ok(()) => allowed.push(SocketAddr::new(address, self.target.port)),
                Err(class) => refused = refused.or(Some((address, class))),
            }
        }

        if allowed.is_empty() {
            return Err(match refused {
                Some((address, class)) => Error::Forbidden {
                    host: self.host(),
                    address,
                    class,
                },
                None => self.unresolved(None),
            });
        }
        allowed.truncate(ADDRESSES_MAX);
        Ok(allowed)
    }

    async fn resolve(&self) -> Result<Vec<IpAddr>, Error> {
        match &self.target.host {
            Host::Address(address) => Ok(vec![*address]),
            Host::Name(name) => self
                .resolver
                .resolve(name)
                .await
                .map_err(|error| self.unresolved(Some(error))),
        }
    }

    /// Connects to the first of `addresses` that accepts. Each address gets an equal share of the
    /// remaining time, so that an address which never answers leaves time for the others.
    async fn open(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
        let mut last_error = io::Error::from(io::ErrorKind::NotFound);

        for (tried, address) in addresses.iter().enumerate() {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Requests are written in one piece, so waiting to fill packets would only
                    // delay them.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last_error = error,
                Err(_) => last_error = io::ErrorKind::TimedOut.into(),
            }
        }

        Err(Error::Connect {
            host: self.host(),
            source: last_error,
        })
    }

    /// Sets up TLS. The certificate must be for the target's host.
    async fn secure(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        let failed = |source| Error::Tls {
            host: self.host(),
            source,
        };
        let name = match &self.target.host {
            Host::Address(address) => ServerName::IpAddress((*address).into()),
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|error| failed(io::Error::other(error)))?,
        };

        TlsConnector::from(Arc::clone(self.tls))
            .connect(name, stream)
            .await
            .map_err(failed)
    }

    fn protocol(&self, is_http2: bool) -> Protocol {
        Protocol {
            is_http2,
            header_max: self.header_max,
        }
    }

    fn unresolved(&self, source: Option<io::Error>) -> Error {
        Error::Resolve {
            host: self.host(),
            source,
        }
    }

    fn host(&self) -> String {
        self.target.host.to_string()
    }
}
