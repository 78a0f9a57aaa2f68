//! The handler: the steps from a request to its answer, in order.
//!
//! route → method → bounded read → verify → describe → admit → append → wait → answer. Every event
//! takes this path (invariant 2), its body is stored as received (invariant 3), and no 2xx to an
//! event is sent before `append` has returned (invariant 1). Most sources do not wait. A handshake
//! that the provider declares is answered before or after `verify`, and ends there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hookyard_crash::Point;
use hookyard_model::{Event, SourceRef};
use hookyard_schemes::{Verdict, Verified, ordering_key};
use hookyard_store::{AppendResult, RefusedOccurrence};
use http::{Method, Request, request};
use hyper::body::Incoming;

use crate::activity::{Connections, InFlight};
use crate::answer::{self, Accepted, Answer, Refused, StoredEvent};
use crate::body::{self, Body, BodyBudget, BodyLimits};
use crate::bound::Parts;
use crate::config::Config;
use crate::declared::{self, Origin};
use crate::handshake::Handshakes;
use crate::headers::{self, ReceivedHeaders};
use crate::log::{self, RequestSummary};
use crate::metering::Meter;
use crate::near_miss::NearMisses;
use crate::refused::{Keeper, Occurrence};
use crate::source::{Route, Source, Sources};
use crate::spans::Steps;

mod waiting;

/// How long an HTTP/2 request is kept open after its answer was sent.
const RESET_DELAY: Duration = Duration::from_millis(200);

/// The divisor for the number of connections that may wait for the same document. Eight unproven
/// documents are fetched at once, so that strangers can make a quarter of all connections wait.
const CONNECTIONS_PER_WAIT: usize = 32;

/// Receives requests, on any number of connections.
pub(crate) struct Receiver {
    pub(crate) config: Config,
    pub(crate) connections: Arc<Connections>,
    parts: Parts,
    sources: Arc<ArcSwap<Sources>>,
    handshakes: Handshakes,
    budget: Arc<BodyBudget>,
    near_misses: NearMisses,
    refused: Keeper,
    meter: Meter,
}

/// The sender of a request, and the connection that it uses.
pub(crate) struct Sender {
    /// The address of the peer, as text for the log.
    pub(crate) peer: Arc<str>,
    pub(crate) address: IpAddr,
    pub(crate) is_http2: bool,
    pub(crate) in_flight: InFlight,
    /// The size of the body, in bytes, once it has been read.
    pub(crate) body_bytes: usize,
    pub(crate) steps: Steps,
}

/// What a request leads to.
enum Decision {
    /// The request is completed.
    Completed(Accepted),
    /// An event is to be stored.
    Store(Event),
}

/// A request whose body has been read completely.
struct ReadRequest<'a> {
    head: &'a request::Parts,
    headers: ReceivedHeaders<'a>,
    body: Body,
}

impl<'a> ReadRequest<'a> {
    fn new(head: &'a request::Parts, body: Body) -> Self {
        Self {
            headers: ReceivedHeaders(&head.headers),
            head,
            body,
        }
    }

    /// Returns the request as verifiers and handshakes see it.
    fn for_schemes<'r>(&'r self, tail: Option<&'r str>) -> hookyard_schemes::Request<'r> {
        hookyard_schemes::Request {
            method: self.head.method.as_str(),
            path: self.head.uri.path(),
            tail,
            query: self.head.uri.query(),
            headers: &self.headers,
            body: &self.body.bytes,
        }
    }
}

impl Receiver {
    pub(crate) fn new(config: Config, parts: Parts, sources: Arc<ArcSwap<Sources>>) -> Arc<Self> {
        let handshakes = Handshakes::new(
            Arc::clone(&parts.fetch),
            Arc::clone(&parts.documents),
            config.connections_max / CONNECTIONS_PER_WAIT,
            parts.clock.now(),
        );

        Arc::new(Self {
            connections: Connections::new(config.connections_max),
            handshakes,
            budget: BodyBudget::new(config.buffered_max),
            near_misses: NearMisses::default(),
            refused: Keeper::new(
                Arc::clone(&parts.refused),
                Arc::clone(&parts.refused_ids),
                config.store_timeout,
            ),
            meter: Meter::default(),
            config,
            parts,
            sources,
        })
    }

    /// Handles a request and returns its answer.
    pub(crate) async fn receive(&self, request: Request<Incoming>, mut sender: Sender) -> Answer {
        let began = Instant::now();
        let (head, mut body) = request.into_parts();
        let path = head.uri.path();

        let route = self.sources.load().find(path);
        let outcome = match &route {
            Some(route) => self.accept(route, &head, &mut body, &mut sender).await,
            None => Err(Refused::NotFound),
        };

        let source = route.as_ref().map(|route| &route.source.name);
        self.meter.count(&outcome, source, began);
        self.gather(&outcome, &head, source, &sender, began);
        self.report(&outcome, path, route.as_ref(), &sender);
        if let Some(route) = &route {
            let new_id = &*self.parts.event_ids;
            sender.steps.record(&outcome, &head, &route.source, new_id);
        }
        if outcome.as_ref().is_ok_and(Accepted::is_from_sender) {
            sender.in_flight.accepted();
        }

        let mut answer = answer::answer(&outcome, self.config.retry_after);
        if !sender.in_flight.is_body_read() {
            if sender.is_http2 {
                reset_later(body);
            } else {
                answer::close(&mut answer);
            }
        }
        answer
    }

    /// Accepts a request to a known source, or refuses it.
    async fn accept(
        &self,
        route: &Route<'_>,
        head: &request::Parts,
        body: &mut Incoming,
        sender: &mut Sender,
    ) -> Result<Accepted, Refused> {
        let source = &route.source;
        if !is_served(&head.method, source) {
            return Err(Refused::Method);
        }

        let body = body::read(body, self.body_limits(source), &self.budget).await?;
        sender.body_bytes = body.bytes.len();
        sender.in_flight.body_read();
        let request = ReadRequest::new(head, body);

        match self.decide(route, &request, sender).await {
            Ok(Decision::Completed(accepted)) => Ok(accepted),
            Ok(Decision::Store(event)) => self.store(source, event, request, sender).await,
            Err(refused) => {
                self.refused.keep(&Occurrence {
                    source,
                    request: request.for_schemes(route.tail),
                    refused: &refused,
                    peer: &sender.peer,
                    received_at: self.parts.clock.now(),
                });
                Err(refused)
            }
        }
    }

    /// Verifies a request, and answers it if it is a handshake.
    async fn decide(
        &self,
        route: &Route<'_>,
        request: &ReadRequest<'_>,
        sender: &mut Sender,
    ) -> Result<Decision, Refused> {
        let source = &route.source;
        let scheme_request = request.for_schemes(route.tail);
        if let Some(reply) = declared::reply(source, scheme_request, false)? {
            return self.complete(reply, source, sender).await;
        }
        if request.head.method != Method::POST && !declared::needs_proof(source, scheme_request) {
            return unasked(&request.head.method);
        }

        let verify = self.verify(route, request, &sender.in_flight);
        match sender.steps.verify(verify).await? {
            Verdict::Event(verified) => match declared::reply(source, scheme_request, true)? {
                Some(reply) => self.complete(reply, source, sender).await,
                None => self.event(source, verified, request).map(Decision::Store),
            },
            Verdict::Confirm { url, topic } => {
                // Rare steps are boxed: hyper moves the future of each request.
                Box::pin(self.handshakes.confirm(source, url)).await?;
                Ok(Decision::Completed(Accepted::Confirmed { topic }))
            }
            Verdict::Notice { what } => Ok(Decision::Completed(Accepted::Noticed { what })),
        }
    }

    /// Completes a handshake that the provider declares.
    async fn complete(
        &self,
        reply: declared::Reply,
        source: &Source,
        sender: &Sender,
    ) -> Result<Decision, Refused> {
        let origin = Origin {
            peer: Arc::clone(&sender.peer),
            received_at: self.parts.clock.now(),
        };
        // Rare steps are boxed: hyper moves the future of each request.
        let reply = Box::pin(reply.complete(source, &*self.parts.learnt, origin));
        reply.await.map(Decision::Completed)
    }

    fn body_limits(&self, source: &Source) -> BodyLimits {
        BodyLimits {
            bytes_max: source.body_max,
            time_max: self.config.body_timeout,
        }
    }

    async fn verify(
        &self,
        route: &Route<'_>,
        request: &ReadRequest<'_>,
        in_flight: &InFlight,
    ) -> Result<Verdict, Refused> {
        let request = request.for_schemes(route.tail);
        let now = self.parts.clock.now();
        self.handshakes
            .verify(&route.source, &request, in_flight, now)
            .await
    }

    async fn store(
        &self,
        source: &Source,
        event: Event,
        request: ReadRequest<'_>,
        sender: &mut Sender,
    ) -> Result<Accepted, Refused> {
        if !self.parts.admission.is_open(&source.name) {
            return Err(Refused::Unhandled);
        }

        let stored = StoredEvent {
            id: event.id,
            event_type: event.event_type.clone(),
            key: event.key.clone(),
            answer: source.answer.clone(),
            waited: None,
        };
        let wait = self.begin_wait(source, &event);

        Point::Received.pass();
        let appended = sender.steps.append(event.id, self.append(event)).await?;
        let in_flight = &sender.in_flight;
        // The bytes of a request that waits do not keep others from being read.
        drop(request);
        let first = |id| StoredEvent {
            id,
            ..stored.clone()
        };
        // Rare steps are boxed: hyper moves the future of each request.
        Ok(match (appended, wait) {
            (AppendResult::New, wait) => {
                self.parts.admission.stored(&source.name);
                Accepted::Stored(match wait {
                    Some(wait) => Box::pin(self.wait(source, wait, stored, in_flight)).await,
                    None => stored,
                })
            }
            (AppendResult::Repeat(id), None) => Accepted::Repeat(first(id)),
            (AppendResult::Repeat(id), Some(_)) => {
                Accepted::Repeat(Box::pin(self.with_first_response(first(id))).await)
            }
            (AppendResult::RepeatDiffers(id), _) => Accepted::RepeatDiffers(first(id)),
        })
    }

    /// Returns the event of a verified request.
    fn event(
        &self,
        source: &Source,
        verified: Verified,
        request: &ReadRequest<'_>,
    ) -> Result<Event, Refused> {
        let (head, body) = (&request.head.headers, &request.body.bytes);
        let described = source
            .provider
            .describe(&verified, &request.for_schemes(None))
            .map_err(Refused::Event)?;
        // An event whose key is uncertain is in no order, and is not refused.
        let ordering = source.ordering.as_ref();
        let ordering_key = ordering.and_then(|pointer| {
            ordering_key(pointer, &verified.payload, body)
                .ok()
                .flatten()
        });

        let id = (self.parts.event_ids)();
        // Without a key of the sender, no other event ever has the key.
        let (key, key_window) = match described.key {
            Some(key) => (key, source.dedupe_window),
            None => (id.to_string(), Duration::ZERO),
        };
        Ok(Event {
            id,
            source: source.name.clone(),
            provider: source.provider.name.clone(),
            event_type: described.event_type,
            key,
            key_window,
            received_at: self.parts.clock.now(),
            headers: headers::kept(head, source.verifier.credential_headers()),
            body: body.clone(),
            ordering_key,
            payload: verified.payload,
        })
    }

    async fn append(&self, event: Event) -> Result<AppendResult, Refused> {
        let time_max = self.config.store_timeout;
        match tokio::time::timeout(time_max, self.parts.inbox.append(event)).await {
            Ok(appended) => appended.map_err(Refused::Inbox),
            Err(_) => Err(Refused::InboxSlow { time_max }),
        }
    }

    /// Gathers the figures of a request to a source.
    fn gather(
        &self,
        outcome: &Result<Accepted, Refused>,
        head: &request::Parts,
        source: Option<&SourceRef>,
        sender: &Sender,
        began: Instant,
    ) {
        let Some(source) = source else {
            return;
        };
        let reason = answer::reason(outcome);
        let gatherer = &self.parts.gatherer;
        gatherer.request(source, reason, began.elapsed());

        if outcome.is_err() {
            let body_bytes = sender.in_flight.is_body_read().then_some(sender.body_bytes);
            gatherer.refused(RefusedOccurrence {
                source,
                reason,
                peer: sender.address,
                at: self.parts.clock.now(),
                sample: headers::sample(&head.headers, body_bytes),
            });
        }
    }

    /// Logs a request that is about to be answered.
    fn report(
        &self,
        outcome: &Result<Accepted, Refused>,
        path: &str,
        route: Option<&Route<'_>>,
        sender: &Sender,
    ) {
        let near_miss = if route.is_none() {
            self.near_misses
                .find(&self.sources.load(), path, Instant::now())
        } else {
            None
        };

        log::request(
            outcome,
            &RequestSummary {
                peer: &sender.peer,
                path,
                body_bytes: sender.body_bytes,
                route,
                near_miss,
            },
        );
    }
}

/// Returns whether a source takes requests with this method.
fn is_served(method: &Method, source: &Source) -> bool {
    [Method::POST, Method::GET, Method::HEAD].contains(method)
        || declared::has_method(source, method)
}

/// Returns the outcome of a request without an event that asks for no handshake.
fn unasked(method: &Method) -> Result<Decision, Refused> {
    if *method == Method::GET || *method == Method::HEAD {
        Ok(Decision::Completed(Accepted::Described))
    } else {
        Err(Refused::Method)
    }
}

/// Resets an HTTP/2 request only after its answer had time to be read.
///
/// The reset tells the sender to stop sending the body (RFC 9113, 8.1). Some senders forget the
/// answer if both arrive at once; curl 7 reports a broken stream instead. Until the reset, the
/// request counts against the `streams_max` of its connection.
fn reset_later(body: Incoming) {
    tokio::spawn(async move {
        tokio::time::sleep(RESET_DELAY).await;
        drop(body);
    });
}
