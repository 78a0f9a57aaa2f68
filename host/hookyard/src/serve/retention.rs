//! Removes events and messages that are past their retention, while the host runs.
//!
//! The store removes them in small steps, so that its single writer can serve other calls in
//! between.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::Clock;
use hookyard_store::{Error, PruneSummary, Store};
use tokio::sync::watch;

use hookyard_config::settings::Retention;
use hookyard_model::chain;

/// The maximum number of events or messages that one step removes.
const STEP: usize = 100;
/// The pause between two steps.
const PAUSE: Duration = Duration::from_millis(20);

/// Removes what is past its retention.
pub(super) struct Pruner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: watch::Receiver<Retention>,
}

/// Replaces the settings of a running [`Pruner`].
pub(super) struct Handle(watch::Sender<Retention>);

impl Handle {
    /// Replaces the settings. A change makes the pruner run at once.
    pub(super) fn replace(&self, settings: Retention) {
        self.0.send_if_modified(|current| {
            let differs = *current != settings;
            *current = settings;
            differs
        });
    }
}

impl Pruner {
    /// Returns a pruner that does not run yet.
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: Retention,
    ) -> (Self, Handle) {
        let (sender, settings) = watch::channel(settings);
        (
            Self {
                store,
                clock,
                settings,
            },
            Handle(sender),
        )
    }

    /// Prunes at once, at intervals, and when the settings change, until `shutdown` completes.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let settings = self.settings.borrow_and_update().clone();
            tokio::select! {
                () = &mut shutdown => return,
                () = self.prune(&settings) => {}
            }

            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(settings.every) => {}
                // On an error, nothing is left that could change the settings.
                Ok(()) = self.settings.changed() => {}
            }
        }
    }

    /// Removes everything that is past its retention. If this future is dropped, the steps that are
    /// done stay done.
    async fn prune(&self, settings: &Retention) {
        let limits = &settings.limits;
        self.in_steps("events", || {
            self.store.prune(limits, self.clock.now(), STEP)
        })
        .await;
        self.in_steps("messages", || {
            self.store.prune_messages(limits, self.clock.now(), STEP)
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
        MessageId, Outcome, Payload, Revision, Timestamp, WorkState,
    };
    use hookyard_store::{
        EventPage, EventSelection, Events, JobRequest, Jobs, KvUsage, MessagePage, MessageRequest,
        MessageSelection, MessageSettlement, Outbox, RetentionLimits, Routes, Routing, Settlement,
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

    fn event(number: u64) -> Event {
        Event {
            id: EventId::from_uuid(Uuid::from_u64_pair(number, 1)),
            source: "acme/orders"
                .split_once('/')
                .map(|(tenant, source)| hookyard_model::SourceRef {
                    tenant: tenant.parse().expect("a name"),
                    name: source.parse().expect("a name"),
                })
                .expect("a source"),
            provider: "topi".into(),
            event_type: None,
            key: number.to_string(),
            key_until: Timestamp::from_unix_secs(0),
            received_at: Timestamp::from_unix_secs(0),
            headers: Vec::new(),
            body: Bytes::from_static(b"x"),
            payload: Payload::Body,
            ordering_key: None,
        }
    }

    async fn handled(inbox: &MemoryStore, count: u64) {
        let plugin = hookyard_model::PluginRef {
            tenant: "acme".parse().expect("a name"),
            name: "a".parse().expect("a name"),
        };
        inbox
            .route(Routes(
                [(event(0).source, [plugin.name.clone()].into())].into(),
            ))
            .await
            .expect("a route");
        for number in 0..count {
            inbox.append(event(number)).await.expect("an append");
        }
        let wanted = [JobRequest {
            plugin,
            limit: 9999,
        }];
        for job in inbox
            .claim(&wanted, Still.now(), Duration::from_secs(9))
            .await
            .expect("a claim")
        {
            let attempt = Attempt {
                number: 1,
                revision: Revision::from_sha256([0; 32]),
                started_at: Still.now(),
                duration: Duration::ZERO,
                outcome: Outcome::Done,
                log: Vec::new(),
            };
            let message = Message {
                id: MessageId::from_uuid(job.event.id.as_uuid()),
                destination: "shop".parse().expect("a name"),
                event_type: None,
                body: Bytes::from_static(b"y"),
                ordering_key: None,
            };
            let effects = Effects {
                messages: vec![message],
                ..Effects::default()
            };
            let quota = KvUsage { keys: 0, bytes: 0 };
            let settlement = Settlement {
                lease: job.lease,
                attempt,
                next: WorkState::Done,
                is_watched: false,
                is_spared: false,
                effects,
                quota,
                outbox: Default::default(),
            };
            inbox.settle(settlement).await.expect("a settlement");
        }
        all_sent(inbox).await;
    }

    async fn all_sent(inbox: &MemoryStore) {
        let destination = DestinationRef {
            tenant: "acme".parse().expect("a name"),
            name: "shop".parse().expect("a name"),
        };
        let wanted = [MessageRequest {
            destination,
            limit: 9999,
        }];
        let lease = Duration::from_secs(9);
        for message in inbox
            .claim_messages(&wanted, Still.now(), lease)
            .await
            .expect("a claim")
        {
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
                next: WorkState::Done,
                disable: None,
                is_spared: false,
            };
            inbox
                .settle_message(settlement)
                .await
                .expect("a settlement");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changed_retention_prunes_in_several_steps() {
        let inbox = Arc::new(MemoryStore::new());
        handled(&inbox, 250).await;
        let mut settings = Retention {
            limits: hookyard_store::Retention::default(),
            every: Duration::from_secs(86_400),
        };
        let (pruner, handle) = Pruner::new(
            Arc::clone(&inbox) as Arc<dyn Store>,
            Arc::new(Still),
            settings.clone(),
        );
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(pruner.run(async move { drop(ended.await) }));
        let count = || async {
            let page = EventPage::first(EventSelection::default(), 9999);
            let messages = MessagePage::first(MessageSelection::default(), 9999);
            let events = inbox.events(page).await.expect("a page").len();
            (
                events,
                inbox.messages(messages).await.expect("a page").len(),
            )
        };
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(
            count().await,
            (250, 250),
            "without limits, everything is kept"
        );
        settings.limits.fallback = RetentionLimits {
            age_max: Some(Duration::from_secs(0)),
            bytes_max: None,
            ..RetentionLimits::default()
        };
        handle.replace(settings);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(count().await, (0, 0));
        drop(end);
        running.await.expect("the pruner stops when it is asked to");
    }
}
