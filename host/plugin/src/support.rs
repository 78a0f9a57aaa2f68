//! Helpers of this crate's unit tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    Attempt, Clock, Effects, Event, EventId, Next, Outcome, Payload, PluginName, PluginRef,
    Revision, SourceRef, Timestamp,
};
use hookyard_store::{
    ClaimedJob, Inbox, JobLease, JobRequest, KvUsage, LeaseToken, Routes, Settlement,
};
use uuid::Uuid;

use crate::{CompilerMode, Config, Engine};

/// A clock that always shows one second after 1970.
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

/// Returns an engine that compiles in this process and has no cache.
pub(crate) fn engine() -> Arc<Engine> {
    let config = Config::new(Arc::new(FixedClock), CompilerMode::InProcess);
    Engine::new(config).expect("an engine")
}

/// Returns the plugin of the tests.
pub(crate) fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: PluginName::new("orders").expect("a name"),
    }
}

/// Returns an event with a new id.
fn event() -> Event {
    let id = EventId::from_uuid(Uuid::now_v7());
    Event {
        id,
        source: SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "payments".parse().expect("a name"),
        },
        provider: "topper".into(),
        event_type: None,
        key: id.to_string(),
        received_at: Timestamp::from_unix_millis(1_780_000_000_123),
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
        payload: Payload::Body,
        ordering_key: None,
        key_window: Duration::MAX,
    }
}

/// Returns a job of the plugin for a new event.
pub(crate) fn job() -> ClaimedJob {
    let event = event();
    ClaimedJob {
        lease: JobLease {
            event: event.id,
            plugin: plugin(),
            replays: 0,
            attempt: 1,
            token: LeaseToken::from_u128(0),
        },
        since: event.received_at,
        due: event.received_at,
        event: Arc::new(event),
        revision: None,
        spared: 0,
    }
}

/// Commits these effects with an attempt of the plugin for a new event.
pub(crate) async fn commit(
    inbox: &dyn Inbox,
    effects: Effects,
) -> Result<(), hookyard_store::Error> {
    let (event, plugin) = (event(), plugin());
    let now = event.received_at;
    let route = (event.source.clone(), [plugin.name.clone()].into());
    inbox.route(Routes([route].into())).await?;
    inbox.append(event).await?;
    let claimed = inbox
        .claim(&[JobRequest { plugin, limit: 1 }], Duration::from_secs(1))
        .await?
        .remove(0);

    let attempt = Attempt {
        number: claimed.lease.attempt,
        revision: Revision::from_sha256([1; 32]),
        started_at: now,
        duration: Duration::ZERO,
        outcome: Outcome::Done,
        log: Vec::new(),
        used: None,
    };
    let settled = inbox.settle(Settlement {
        lease: claimed.lease.clone(),
        attempt,
        next: Next::Done,
        failed_on_probation: false,
        effects,
        quota: KvUsage {
            keys: u64::MAX,
            bytes: u64::MAX,
        },
        is_spared: false,
        outbox: Default::default(),
    });
    if let Err(error) = settled.await {
        inbox.give_back(&[claimed.lease]).await?;
        return Err(error);
    }
    Ok(())
}
