//! Removes events, messages and refused requests that are past their retention, while the host runs.
//!
//! The store removes them in small steps, so that its single writer can serve other calls in
//! between.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Clock;
use hookyard_store::{Error, PruneSummary, RefusedLimits, Store};
use tokio::sync::watch;

use hookyard_config::Settings;
use hookyard_config::settings::Retention;
use hookyard_model::chain;

/// The maximum number of events, messages or refused requests that one step removes.
const STEP: usize = 100;
/// The pause between two steps.
const PAUSE: Duration = Duration::from_millis(20);

/// How long everything that the host stores is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limits {
    events: Retention,
    refused: RefusedLimits,
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            events: settings.retention.clone(),
            refused: settings.refused_limits(),
        }
    }
}

/// Removes what is past its retention.
pub(super) struct Pruner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: watch::Receiver<Limits>,
}

/// A handle that replaces the limits of a running [`Pruner`].
pub(super) struct Handle(watch::Sender<Limits>);

impl Handle {
    /// Replaces the limits. A change makes the pruner run at once.
    pub(super) fn replace(&self, limits: Limits) {
        self.0.send_if_modified(|current| {
            let differs = *current != limits;
            *current = limits;
            differs
        });
    }
}

impl Pruner {
    /// Returns a pruner that does not run yet.
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> (Self, Handle) {
        let (sender, limits) = watch::channel(limits);
        (
            Self {
                store,
                clock,
                limits,
            },
            Handle(sender),
        )
    }

    /// Prunes at once, at intervals, and when the limits change, until `shutdown` completes.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let limits = self.limits.borrow_and_update().clone();
            tokio::select! {
                () = &mut shutdown => return,
                () = self.prune(&limits) => {}
            }

            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(limits.events.every) => {}
                // On an error, nothing is left that could change the limits.
                Ok(()) = self.limits.changed() => {}
            }
        }
    }

    /// Removes everything that is past its retention. If this future is dropped, the steps that are
    /// done stay done.
    async fn prune(&self, Limits { events, refused }: &Limits) {
        let limits = &events.limits;
        self.in_steps("events", || {
            self.store.prune(limits, self.clock.now(), STEP)
        })
        .await;
        self.in_steps("messages", || {
            self.store.prune_messages(limits, self.clock.now(), STEP)
        })
        .await;
        self.in_steps("refused requests", || {
            self.store.prune_refused(refused, self.clock.now(), STEP)
        })
        .await;
    }

    /// Repeats a step until it finds nothing more to remove, or fails.
    async fn in_steps<F: Future<Output = Result<PruneSummary, Error>>>(
        &self,
        what: &str,
        step: impl Fn() -> F,
    ) {
        let mut all = PruneSummary::default();

        loop {
            match step().await {
                Ok(step) => {
                    all.count += step.count;
                    all.bytes += step.bytes;
                    if !step.more {
                        break;
                    }
                }
                Err(error) => {
                    let error = chain(&error);
                    tracing::error!(
                        target: "hookyard::retention", error,
                        "cannot remove {what} past their retention"
                    );
                    break;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }

        if all.count > 0 {
            let PruneSummary { count, bytes, .. } = all;
            tracing::info!(
                target: "hookyard::retention", count, bytes,
                "{what} past their retention were removed"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hookyard_model::{
        Attempt, Delivery, DeliveryResult, DestinationRef, Effects, Event, EventId, Message,
        MessageId, Next, Outcome, Payload, PluginRef, Revision, SourceRef, Timestamp,
    };
    use hookyard_store::{
        ClaimedJob, EventPage, EventSelection, Events, JobRequest, Jobs, KvUsage, MessagePage,
        MessageRequest, MessageSelection, MessageSettlement, Outbox, RetentionLimits, Routes,
        Routing, Settlement,
    };
    use hookyard_store_testing::MemoryStore;
    use uuid::Uuid;

    /// A clock that stands still.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_secs(1_000)
        }
    }

    fn source() -> SourceRef {
        SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "orders".parse().expect("a name"),
        }
    }

    fn plugin() -> PluginRef {
        PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "books".parse().expect("a name"),
        }
    }

    fn event(number: u64) -> Event {
        Event {
            id: EventId::from_uuid(Uuid::from_u64_pair(number, 1)),
            source: source(),
            provider: "topi".into(),
            event_type: None,
            key: number.to_string(),
            key_window: Duration::ZERO,
            received_at: Timestamp::from_unix_secs(0),
            headers: Vec::new(),
            body: Bytes::from_static(b"x"),
            payload: Payload::Body,
            ordering_key: None,
        }
    }

    /// The end of a successful attempt that sends one message.
    fn settlement(job: ClaimedJob) -> Settlement {
        let message = Message {
            id: MessageId::from_uuid(job.event.id.as_uuid()),
            destination: "shop".parse().expect("a name"),
            event_type: None,
            body: Bytes::from_static(b"y"),
            ordering_key: None,
        };

        Settlement {
            lease: job.lease,
            attempt: Attempt {
                number: 1,
                revision: Revision::from_sha256([0; 32]),
                started_at: Still.now(),
                duration: Duration::ZERO,
                outcome: Outcome::Done,
                log: Vec::new(),
                used: None,
            },
            next: Next::Done,
            failed_on_probation: false,
            is_spared: false,
            effects: Effects {
                messages: vec![message],
                ..Effects::default()
            },
            quota: KvUsage { keys: 0, bytes: 0 },
            outbox: Default::default(),
        }
    }

    /// Stores events, each handled, and each with a delivered message.
    async fn store_handled_events(store: &MemoryStore, count: u64) {
        let routes = Routes([(source(), [plugin().name].into())].into());
        store.route(routes).await.expect("a route");
        for number in 0..count {
            store.append(event(number)).await.expect("an append");
        }

        let requests = [JobRequest {
            plugin: plugin(),
            limit: 9999,
        }];
        let lease = Duration::from_secs(9);
        let jobs = store.claim(&requests, lease).await;
        for job in jobs.expect("a claim") {
            store.settle(settlement(job)).await.expect("a settlement");
        }
        deliver_all(store).await;
    }

    async fn deliver_all(store: &MemoryStore) {
        let requests = [MessageRequest {
            destination: DestinationRef {
                tenant: "acme".parse().expect("a name"),
                name: "shop".parse().expect("a name"),
            },
            limit: 9999,
        }];
        let lease = Duration::from_secs(9);
        let messages = store.claim_messages(&requests, lease).await;

        for message in messages.expect("a claim") {
            let delivery = Delivery {
                number: 1,
                started_at: Still.now(),
                duration: Duration::ZERO,
                result: DeliveryResult::Sent { status: 200 },
                answer: None,
            };
            let settlement = MessageSettlement {
                lease: message.lease,
                delivery,
                next: Next::Done,
                disable: None,
                is_spared: false,
            };
            store
                .settle_message(settlement)
                .await
                .expect("a settlement");
        }
    }

    /// Returns the numbers of stored events and messages.
    async fn count(store: &MemoryStore) -> (usize, usize) {
        let events = EventPage::first(EventSelection::default(), 9999);
        let messages = MessagePage::first(MessageSelection::default(), 9999);
        (
            store.events(events).await.expect("a page").len(),
            store.messages(messages).await.expect("a page").len(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn changed_retention_prunes_in_several_steps() {
        let store = Arc::new(MemoryStore::default());
        store_handled_events(&store, 250).await;
        let mut limits = Limits {
            events: Retention {
                limits: hookyard_store::Retention::default(),
                every: Duration::from_secs(86_400),
            },
            refused: RefusedLimits::default(),
        };
        let (pruner, handle) = Pruner::new(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::new(Still),
            limits.clone(),
        );
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(pruner.run(async move { drop(stopped.await) }));

        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(
            count(&store).await,
            (250, 250),
            "without limits, nothing is pruned"
        );

        limits.events.limits.fallback = RetentionLimits {
            age_max: Some(Duration::from_secs(0)),
            bytes_max: None,
            ..RetentionLimits::default()
        };
        handle.replace(limits);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(count(&store).await, (0, 0));

        drop(stop);
        running.await.expect("the pruner stops when it is asked to");
    }
}
