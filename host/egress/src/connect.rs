//! Connecting: from a target to a connection that speaks HTTP.
//!
//! A name is resolved once, every address that it has is judged, and the connection goes to one of those that passed:
//! nothing resolves again in between. Where some of a name's addresses are refused the others are used; since the
//! connection goes to the very address that was judged, that lets nobody in, and a receiver that also has an address in
//! some private network can still be reached. A literal address takes the same road.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::{Addresses, judge};
use crate::error::Error;
use crate::link::{Link, Protocol};
use crate::pool::Place;
use crate::resolve::Resolve;
use crate::target::{Host, Scheme, Target};

/// How many of a name's addresses are tried.
const ADDRESSES_MAX: usize = 8;

/// What is needed to connect.
pub(crate) struct Connect<'c> {
    pub(crate) target: &'c Target,
    pub(crate) addresses: &'c Addresses,
    pub(crate) resolver: &'c dyn Resolve,
    pub(crate) tls: &'c Arc<ClientConfig>,
    pub(crate) header_max: usize,
    pub(crate) deadline: Instant,
}

impl Connect<'_> {
    /// A link to the target: permitted addresses, TCP, TLS, HTTP.
    pub(crate) async fn run(&self, place: Place) -> Result<Link, Error> {
        let stream = self.open(&self.permitted().await?).await?;
        let protocol = |is_http2| Protocol {
            is_http2,
            header_max: self.header_max,
        };
        let link = match self.target.scheme {
            Scheme::Http => Link::new(stream, protocol(false), place).await,
            Scheme::Https => {
                let stream = self.secure(stream).await?;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Link::new(stream, protocol(is_http2), place).await
            }
        };
        link.map_err(|source| Error::Broken {
            host: self.host(),
            source,
        })
    }

    /// The addresses of the target that may be connected to; never none.
    async fn permitted(&self) -> Result<Vec<SocketAddr>, Error> {
        let found = match &self.target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self
                .resolver
                .resolve(name)
                .await
                .map_err(|error| self.unresolved(Some(error)))?,
        };
        let judged: Vec<_> = found
            .into_iter()
            .map(|address| (address, judge(address, self.addresses)))
            .collect();
        let passed = judged
            .iter()
            .filter(|(_, judgement)| judgement.is_ok())
            .map(|(address, _)| *address);
        let passed: Vec<_> = passed
            .take(ADDRESSES_MAX)
            .map(|ip| SocketAddr::new(ip, self.target.port))
            .collect();
        let refused = judged
            .into_iter()
            .find_map(|(address, judgement)| Some((address, judgement.err()?)));
        match refused {
            None if passed.is_empty() => Err(self.unresolved(None)),
            Some((address, why)) if passed.is_empty() => Err(Error::Forbidden {
                host: self.host(),
                address,
                why,
            }),
            _ => Ok(passed),
        }
    }

    /// A connection to the first of `addresses` that takes one. Those left share the time that is left, so that one which
    /// swallows everything doesn't keep the others from being tried.
    async fn open(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (tried, address) in addresses.iter().enumerate() {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // What is written is whole; waiting to fill packets would only delay it.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(Error::Connect {
            host: self.host(),
            source: last,
        })
    }

    /// TLS over a connection, with the target's host as the name that the certificate must be for.
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
