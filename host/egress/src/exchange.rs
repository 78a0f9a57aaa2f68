//! An exchange with a server: a slot, a connection, the request and the whole response. Each step
//! has a deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hookyard_model::TenantName;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use rustls::ClientConfig;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::connect::Connect;
use crate::error::{Error, Phase};
use crate::headers::remove_connection_headers;
use crate::limits::{Body, Config, Limits, OverLong};
use crate::link::{HEADERS_MAX, Link, SendError};
use crate::policy::Policy;
use crate::pool::{Key, Pool};
use crate::resolve::Resolve;
use crate::slots::KeyedSlots;
use crate::target::Target;
use crate::tls::Trust;

/// The parts that all exchanges of a door share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
    pool: Pool,
    exchange_slots: KeyedSlots<(Option<TenantName>, Target)>,
}

impl Shared {
    pub(crate) fn new(config: Config, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        Ok(Self {
            trust: Trust::new(&config.roots)?,
            resolver,
            pool: Pool::new(config.connections_max, config.idle_timeout),
            exchange_slots: KeyedSlots::new(config.host_concurrency_max),
            config,
        })
    }
}

/// A request on its way.
pub(crate) struct Exchange<'e> {
    shared: &'e Shared,
    policy: &'e Policy,
    target: Target,
    key: Key,
    tls: Arc<ClientConfig>,
    limits: &'e Limits,
    deadline: Instant,
}

/// The result of sending a request over a link.
enum Reply {
    /// The response.
    Response(Response<Body>),
    /// The link was closed before any byte of the request was sent. Holds the request.
    Unsent(Request<Full<Bytes>>),
}

impl<'e> Exchange<'e> {
    pub(crate) fn new(
        shared: &'e Shared,
        policy: &'e Policy,
        target: Target,
        limits: &'e Limits,
    ) -> Result<Self, Error> {
        let (key, tls) = shared.pool.key(policy, &target, &shared.trust)?;
        Ok(Self {
            shared,
            policy,
            target,
            key,
            tls,
            limits,
            deadline: deadline(limits.timeout),
        })
    }

    /// Sends the request over an idle link from the pool if one is still open, otherwise over a new
    /// link.
    pub(crate) async fn run(&self, request: Request<Bytes>) -> Result<Response<Body>, Error> {
        let _slot = self.exchange_slot().await?;
        let mut request = request.map(Full::new);
        remove_connection_headers(request.headers_mut());

        while let Some(link) = self.shared.pool.take(&self.key) {
            match self.send(link, request).await? {
                Reply::Response(response) => return Ok(response),
                Reply::Unsent(unsent) => request = unsent,
            }
        }

        match self.send(self.connect().await?, request).await? {
            Reply::Response(response) => Ok(response),
            Reply::Unsent(_) => Err(Error::Closed { host: self.host() }),
        }
    }

    /// Waits for a slot for an exchange with this receiver.
    async fn exchange_slot(&self) -> Result<OwnedSemaphorePermit, Error> {
        let key = (self.policy.tenant.clone(), self.target.clone());
        let slot = self.shared.exchange_slots.acquire(key);
        timeout_at(self.deadline, slot)
            .await
            .map_err(|_| self.timed_out(Phase::Slot))
    }

    /// Opens a new link. An HTTP/2 link goes to the pool at once, so that other exchanges can share
    /// it.
    async fn connect(&self) -> Result<Link, Error> {
        let Shared { config, pool, .. } = self.shared;
        let slot = pool.connection_slot(self.policy.tenant.as_ref());
        let slot = timeout_at(self.deadline, slot)
            .await
            .map_err(|_| self.timed_out(Phase::Slot))?;

        let connect = Connect {
            target: &self.target,
            addresses: &self.policy.addresses,
            resolver: &*self.shared.resolver,
            tls: &self.tls,
            header_max: config.header_max,
            deadline: self.deadline.min(deadline(config.connect_timeout)),
        };
        let link = timeout_at(connect.deadline, connect.run(slot))
            .await
            .map_err(|_| self.timed_out(Phase::Connection))??;

        if let Some(shared) = link.share() {
            pool.put(&self.key, shared);
        }
        Ok(link)
    }

    /// Sends the request over a link and reads the response. The link goes back to the pool if it
    /// can be used again.
    async fn send(&self, mut link: Link, request: Request<Full<Bytes>>) -> Result<Reply, Error> {
        let reply = timeout_at(self.deadline, self.send_on(&mut link, request)).await;
        let response = match reply {
            Ok(Ok(Reply::Response(response))) => response,
            Ok(Ok(Reply::Unsent(request))) => return Ok(Reply::Unsent(request)),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                // The link may be dead, so no other exchange gets it.
                self.shared.pool.remove(&self.key, &link);
                return Err(self.timed_out(Phase::Response));
            }
        };

        if !response.body().is_cut && link.is_reusable().await {
            self.shared.pool.put(&self.key, link);
        }
        Ok(Reply::Response(response))
    }

    async fn send_on(
        &self,
        link: &mut Link,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, Error> {
        let response = match link.send(&self.target, request).await {
            Ok(response) => response,
            Err(SendError::Unsent(request)) => return Ok(Reply::Unsent(*request)),
            Err(SendError::Broken(error)) => return Err(self.broken(error)),
        };
        let (head, body) = response.into_parts();

        // `content-length` is checked first, so that a body that is too long is not read at all.
        let body_max = self.limits.body_max;
        let is_refused = self.limits.over_long == OverLong::Refuse;
        if is_refused && body.size_hint().lower() > body_max as u64 {
            return Err(self.too_large());
        }

        let body = collect(body, body_max)
            .await
            .map_err(|error| self.broken(error))?;
        if is_refused && body.is_cut {
            return Err(self.too_large());
        }
        Ok(Reply::Response(Response::from_parts(head, body)))
    }

    fn host(&self) -> String {
        self.target.host.to_string()
    }

    fn too_large(&self) -> Error {
        Error::BodyTooLarge {
            host: self.host(),
            body_max: self.limits.body_max,
        }
    }

    fn broken(&self, error: hyper::Error) -> Error {
        if error.is_parse_too_large() {
            return Error::HeaderTooLarge {
                host: self.host(),
                header_max: self.shared.config.header_max,
                headers_max: HEADERS_MAX,
            };
        }
        Error::Broken {
            host: self.host(),
            source: error,
        }
    }

    fn timed_out(&self, phase: Phase) -> Error {
        let timeout = match phase {
            Phase::Connection => self.shared.config.connect_timeout.min(self.limits.timeout),
            Phase::Slot | Phase::Response => self.limits.timeout,
        };
        Error::TimedOut {
            host: self.host(),
            phase,
            timeout,
        }
    }
}

/// Returns the instant at which `timeout` ends; at most a day from now, so that the addition cannot
/// overflow.
fn deadline(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(Duration::from_secs(24 * 3600))
}

/// Reads a body up to `body_max` bytes.
async fn collect(mut body: Incoming, body_max: usize) -> Result<Body, hyper::Error> {
    let mut collected = BytesMut::new();
    let mut is_cut = false;

    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };

        let room = body_max - collected.len();
        collected.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            is_cut = true;
            break;
        }
    }

    Ok(Body {
        bytes: collected.freeze(),
        is_cut,
    })
}
