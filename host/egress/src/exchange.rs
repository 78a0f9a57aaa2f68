//! One request on its way: a place, a link, the request, the whole answer. Each step has its deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use rustls::ClientConfig;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::connect::Connect;
use crate::door::{Body, Limits, OverLong, Shared};
use crate::error::{Error, Phase};
use crate::headers;
use crate::link::{Failed, Link};
use crate::policy::Policy;
use crate::pool::Key;
use crate::target::Target;

/// One request on its way.
pub(crate) struct Exchange<'e> {
    shared: &'e Shared,
    policy: &'e Policy,
    target: Target,
    key: Key,
    tls: Arc<ClientConfig>,
    limits: &'e Limits,
    deadline: Instant,
}

/// What came of talking over a link.
enum Talked {
    /// An answer.
    Answered(Response<Body>),
    /// The link was closed, and nothing of the request was sent.
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
            deadline: after(limits.time_max),
        })
    }

    /// By links that were kept, as long as they turn out to be closed; then by a new one.
    pub(crate) async fn run(&self, request: Request<Bytes>) -> Result<Response<Body>, Error> {
        let _place = self.place().await?;
        let mut request = request.map(Full::new);
        headers::clean(request.headers_mut());
        while let Some(link) = self.shared.pool.take(&self.key) {
            match self.talk(link, request).await? {
                Talked::Answered(response) => return Ok(response),
                Talked::Unsent(unsent) => request = unsent,
            }
        }
        match self.talk(self.connect().await?, request).await? {
            Talked::Answered(response) => Ok(response),
            Talked::Unsent(_) => Err(Error::Closed { host: self.host() }),
        }
    }

    /// One of the places for exchanges with this receiver.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Error> {
        let place = self
            .shared
            .bounds
            .place((self.policy.tenant.clone(), self.target.clone()));
        timeout_at(self.deadline, place)
            .await
            .map_err(|_| self.timed_out(Phase::Place))
    }

    /// A new link, which others may share from now on where it's HTTP/2.
    async fn connect(&self) -> Result<Link, Error> {
        let place = timeout_at(
            self.deadline,
            self.shared.pool.place(self.policy.tenant.as_ref()),
        )
        .await;
        let place = place.map_err(|_| self.timed_out(Phase::Place))?;
        let connect = Connect {
            target: &self.target,
            addresses: &self.policy.addresses,
            resolver: &*self.shared.resolver,
            tls: &self.tls,
            header_max: self.shared.config.header_max,
            deadline: self.deadline.min(after(self.shared.config.connect_timeout)),
        };
        let link = timeout_at(connect.deadline, connect.run(place)).await;
        let link = link.map_err(|_| self.timed_out(Phase::Connection))??;
        if let Some(shared) = link.share() {
            self.shared.pool.keep(&self.key, shared);
        }
        Ok(link)
    }

    /// The request and its whole answer over a link, which is kept if another request can follow.
    async fn talk(&self, mut link: Link, request: Request<Full<Bytes>>) -> Result<Talked, Error> {
        let talking = timeout_at(self.deadline, self.talk_on(&mut link, request)).await;
        let response = match talking {
            Ok(Ok(Talked::Answered(response))) => response,
            Ok(Ok(Talked::Unsent(request))) => return Ok(Talked::Unsent(request)),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                // Where others share it, it may be as dead to them; whoever comes next gets another one.
                self.shared.pool.forget(&self.key, &link);
                return Err(self.timed_out(Phase::Answer));
            }
        };
        if !response.body().is_cut && link.is_reusable().await {
            self.shared.pool.keep(&self.key, link);
        }
        Ok(Talked::Answered(response))
    }

    async fn talk_on(
        &self,
        link: &mut Link,
        request: Request<Full<Bytes>>,
    ) -> Result<Talked, Error> {
        let response = match link.send(&self.target, request).await {
            Ok(response) => response,
            Err(Failed::Unsent(request)) => return Ok(Talked::Unsent(*request)),
            Err(Failed::Broken(error)) => return Err(self.broken(error)),
        };
        let (head, body) = response.into_parts();
        let too_large = || Error::TooLarge {
            host: self.host(),
            bytes_max: self.limits.body_max,
        };
        let is_refused = self.limits.over_long == OverLong::Refuse;
        if is_refused && body.size_hint().lower() > self.limits.body_max as u64 {
            return Err(too_large());
        }
        let body = collect(body, self.limits.body_max)
            .await
            .map_err(|error| self.broken(error))?;
        if is_refused && body.is_cut {
            return Err(too_large());
        }
        Ok(Talked::Answered(Response::from_parts(head, body)))
    }

    fn host(&self) -> String {
        self.target.host.to_string()
    }

    fn broken(&self, error: hyper::Error) -> Error {
        if error.is_parse_too_large() {
            let bytes_max = self.shared.config.header_max;
            return Error::HeadTooLarge {
                host: self.host(),
                bytes_max,
            };
        }
        Error::Broken {
            host: self.host(),
            source: error,
        }
    }

    fn timed_out(&self, phase: Phase) -> Error {
        let time_max = match phase {
            Phase::Connection => self.shared.config.connect_timeout.min(self.limits.time_max),
            Phase::Place | Phase::Answer => self.limits.time_max,
        };
        Error::TimedOut {
            host: self.host(),
            phase,
            time_max,
        }
    }
}

/// The moment that far away, or one that is far enough.
fn after(time: Duration) -> Instant {
    Instant::now() + time.min(Duration::from_secs(24 * 3600))
}

/// The body, or as much of it as is allowed.
async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Body, hyper::Error> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        let room = bytes_max - collected.len();
        collected.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok(Body {
                bytes: collected.freeze(),
                is_cut: true,
            });
        }
    }
    Ok(Body {
        bytes: collected.freeze(),
        is_cut: false,
    })
}
