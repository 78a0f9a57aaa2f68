//! The door: what holds for all requests that go out, and what each may cost.
//!
//! It refuses what is never sent; `exchange` does the rest.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::TenantName;
use http::{Method, Request, Response};

use crate::bounds::Bounds;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::pool::Pool;
use crate::resolve::{Resolve, SystemResolver};
use crate::target::{Scheme, Target};
use crate::tls::Trust;

/// What holds for all that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Roots to trust besides the platform's, as PEM texts of one or more certificates each.
    pub roots: Vec<Vec<u8>>,
    /// Connections at once, those kept for later among them. One tenant has three quarters of them at most.
    pub connections_max: usize,
    /// Exchanges at once with one host and port, whoever makes them.
    pub host_concurrency_max: usize,
    /// The most time for finding an address, connecting and TLS, where there's no connection yet.
    pub connect_timeout: Duration,
    /// The most bytes of an answer's head.
    pub header_max: usize,
    /// How long a connection is kept for later.
    pub idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            connections_max: 512,
            host_concurrency_max: 64,
            connect_timeout: Duration::from_secs(5),
            header_max: 64 << 10,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// What one exchange may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most time from the call to the last byte of the body.
    pub time_max: Duration,
    /// The most bytes of body that are taken, counted as they come.
    pub body_max: usize,
    /// What becomes of a longer body.
    pub over_long: OverLong,
}

/// What becomes of a body that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLong {
    /// There's no answer then.
    Refuse,
    /// It's cut: the rest isn't read.
    Cut,
}

/// An answer's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// All of it, or its beginning. As it came: nothing is decompressed.
    pub bytes: Bytes,
    /// Whether there was more.
    pub is_cut: bool,
}

/// The one door out. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
}

/// What all exchanges of a door have in common.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) pool: Pool,
    pub(crate) bounds: Bounds<(Option<TenantName>, Target)>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl Door {
    /// A door that asks the machine's resolver.
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with_resolver(config, Arc::new(SystemResolver::default()))
    }

    /// A door that asks another resolver.
    pub fn with_resolver(config: Config, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        let trust = Trust::new(&config.roots)?;
        let pool = Pool::new(config.connections_max, config.idle_timeout);
        let bounds = Bounds::new(config.host_concurrency_max);
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                trust,
                resolver,
                pool,
                bounds,
            }),
        })
    }

    /// Sends `request`, whose URL is absolute, under `policy`, and takes the whole answer within `limits`.
    ///
    /// Redirects are not followed: they are answers. Nothing is sent twice, except where a kept connection turned out to
    /// be closed before anything of the request was sent on it. Headers that are about one connection only are dropped,
    /// and so is `host`, which is the URL's. Dropping the future ends the exchange.
    pub async fn send(
        &self,
        policy: &Policy,
        request: Request<Bytes>,
        limits: &Limits,
    ) -> Result<Response<Body>, Error> {
        let target = Target::of(request.uri())?;
        may_be_sent(&request, &target, policy)?;
        Exchange::new(&self.shared, policy, target, limits)?
            .run(request)
            .await
    }
}

fn may_be_sent(request: &Request<Bytes>, target: &Target, policy: &Policy) -> Result<(), Error> {
    let host = || target.host.to_string();
    if target.scheme == Scheme::Http && !policy.allow_http {
        return Err(Error::Scheme {
            scheme: target.scheme.name().to_owned(),
            host: host(),
        });
    }
    if request.method() == Method::CONNECT {
        return Err(Error::Method {
            method: Method::CONNECT,
            host: host(),
        });
    }
    Ok(())
}
