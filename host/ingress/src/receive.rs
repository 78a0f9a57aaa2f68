//! The handler: what happens to a request, in the order in which it happens.
//!
//! route → method → bounded read → verify → describe → append → answer. Every event takes this one road (invariant 2),
//! its body is stored as received (invariant 3), and no 2xx is made before `append` has returned (invariant 1).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hookyard_crash::Point;
use hookyard_model::{Event, Header};
use hookyard_schemes::{Refusal, Verdict, Verified, ordering_key};
use hookyard_store::AppendResult;
use http::{HeaderMap, Method, Request, request};
use hyper::body::Incoming;

use crate::activity::{Connections, InFlight};
use crate::answer::{self, Accepted, Answer, Refused, Stored};
use crate::body::{self, Bounds, Budget};
use crate::bound::Parts;
use crate::config::Config;
use crate::handshake::Handshakes;
use crate::log;
use crate::near_miss::NearMisses;
use crate::source::{Route, Source, Sources};

/// How long an answer on HTTP/2 has a start over the reset of its request.
const RESET_DELAY: Duration = Duration::from_millis(200);

/// One connection in so many may wait for the same certificate. Eight unproven certificates are fetched at once, so
/// that strangers can make a quarter of all connections wait.
const CONNECTIONS_PER_WAIT: usize = 32;

/// Receives requests, on however many connections.
pub(crate) struct Receiver {
    pub(crate) config: Config,
    pub(crate) connections: Arc<Connections>,
    parts: Parts,
    sources: Arc<ArcSwap<Sources>>,
    handshakes: Handshakes,
    budget: Arc<Budget>,
    near_misses: NearMisses,
}

/// Who sent a request, on which kind of connection.
pub(crate) struct Sender {
    pub(crate) peer: SocketAddr,
    pub(crate) is_http2: bool,
    pub(crate) in_flight: InFlight,
    /// How large the body was, once it has been read.
    pub(crate) body_bytes: usize,
}

/// A request whose body has been read whole.
struct Read<'a> {
    head: &'a request::Parts,
    headers: Vec<Header>,
    body: body::Whole,
}

impl Receiver {
    pub(crate) fn new(config: Config, parts: Parts, sources: Arc<ArcSwap<Sources>>) -> Arc<Self> {
        Arc::new(Self {
            connections: Connections::new(config.connections_max),
            handshakes: handshakes(&config, &parts),
            budget: Budget::new(config.buffered_max),
            near_misses: NearMisses::default(),
            config,
            parts,
            sources,
        })
    }

    /// Takes a request to its answer.
    pub(crate) async fn receive(&self, request: Request<Incoming>, mut sender: Sender) -> Answer {
        let (head, mut body) = request.into_parts();
        let route = self.sources.load().find(head.uri.path());
        let outcome = match &route {
            Some(route) => self.take(route, &head, &mut body, &mut sender).await,
            None => Err(Refused::NotFound),
        };
        let near_miss = match &route {
            Some(_) => None,
            None => self
                .near_misses
                .find(&self.sources.load(), head.uri.path(), Instant::now()),
        };
        let Sender {
            peer,
            body_bytes: bytes,
            ..
        } = sender;
        log::request(
            &outcome,
            &log::About {
                peer,
                path: head.uri.path(),
                bytes,
                route: route.as_ref(),
                near_miss,
            },
        );
        if outcome.is_ok() {
            sender.in_flight.accepted();
        }
        let mut answer = answer::answer(&outcome, self.config.retry_after);
        match (sender.in_flight.is_whole(), sender.is_http2) {
            (true, _) => {}
            (false, true) => keep(body),
            (false, false) => answer::close(&mut answer),
        }
        answer
    }

    async fn take(
        &self,
        route: &Route<'_>,
        head: &request::Parts,
        body: &mut Incoming,
        sender: &mut Sender,
    ) -> Result<Accepted, Refused> {
        if head.method != Method::POST {
            return Err(Refused::Method);
        }
        let body = body::read(body, self.bounds(&route.source), &self.budget).await?;
        sender.body_bytes = body.bytes.len();
        sender.in_flight.body_read();
        let read = Read {
            head,
            headers: headers(&head.headers),
            body,
        };
        match self.verify(route, &read, &sender.in_flight).await? {
            Verdict::Event(verified) => self.store(&route.source, verified, read).await,
            Verdict::Confirm { url, topic } => {
                self.handshakes.confirm(&route.source, url).await?;
                Ok(Accepted::Confirmed { topic })
            }
            Verdict::Notice { what } => Ok(Accepted::Noticed { what }),
            Verdict::NeedCertificate { .. } => Err(Refusal::CertificateUnavailable.into()),
        }
    }

    fn bounds(&self, source: &Source) -> Bounds {
        Bounds {
            bytes_max: source.body_max,
            time_max: self.config.body_timeout,
        }
    }

    async fn verify(
        &self,
        route: &Route<'_>,
        read: &Read<'_>,
        in_flight: &InFlight,
    ) -> Result<Verdict, Refused> {
        let request = hookyard_schemes::Request {
            method: read.head.method.as_str(),
            path: read.head.uri.path(),
            tail: route.tail,
            query: read.head.uri.query(),
            headers: &read.headers,
            body: &read.body.bytes,
        };
        self.handshakes
            .verify(&route.source, &request, in_flight, self.parts.clock.now())
            .await
    }

    async fn store(
        &self,
        source: &Source,
        verified: Verified,
        read: Read<'_>,
    ) -> Result<Accepted, Refused> {
        let Read { headers, body, .. } = read;
        let description = source.provider.describe(&verified, &headers, &body.bytes)?;
        let ordering = source.ordering.as_ref();
        let ordering_key = ordering
            .map(|at| ordering_key(at, &verified.payload, &body.bytes))
            .transpose()?
            .flatten();
        let received_at = self.parts.clock.now();
        let event = Event {
            id: (self.parts.event_ids)(),
            source: source.source.clone(),
            provider: source.provider.name.clone(),
            event_type: description.event_type,
            key: description.key,
            key_until: received_at.after(source.dedupe_window),
            received_at,
            headers: without_credentials(headers, source),
            body: body.bytes.clone(),
            payload: verified.payload,
            ordering_key,
        };
        let stored = Stored {
            id: event.id,
            event_type: event.event_type.clone(),
            key: event.key.clone(),
        };
        Point::Received.pass();
        match self.append(event).await? {
            AppendResult::New => Ok(Accepted::Stored(stored)),
            AppendResult::Repeat(first) => Ok(Accepted::Repeat(Stored {
                id: first,
                ..stored
            })),
        }
    }

    async fn append(&self, event: Event) -> Result<AppendResult, Refused> {
        let time_max = self.config.store_timeout;
        match tokio::time::timeout(time_max, self.parts.inbox.append(event)).await {
            Ok(appended) => appended.map_err(Refused::Inbox),
            Err(_) => Err(Refused::InboxSlow { time_max }),
        }
    }
}

fn handshakes(config: &Config, parts: &Parts) -> Handshakes {
    let waiting_max = config.connections_max / CONNECTIONS_PER_WAIT;
    Handshakes::new(
        Arc::clone(&parts.fetch),
        Arc::clone(&parts.certificates),
        waiting_max,
        parts.clock.now(),
    )
}

/// Keeps an HTTP/2 request from being reset until its answer is read. The reset tells the sender to send no more of the
/// body (RFC 9113, 8.1), but some forget the answer if both come at once; curl 7 reports a broken stream instead.
///
/// A request that is kept still counts as one of its connection's `streams_max`.
fn keep(body: Incoming) {
    tokio::spawn(async move {
        tokio::time::sleep(RESET_DELAY).await;
        drop(body);
    });
}

/// The headers in their order. Several values of one name stand together, in theirs.
fn headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: Bytes::copy_from_slice(value.as_bytes()),
        })
        .collect()
}

fn without_credentials(mut headers: Vec<Header>, source: &Source) -> Vec<Header> {
    let credentials = source.verifier.credential_headers();
    headers.retain(|header| !credentials.contains(&header.name));
    headers
}
