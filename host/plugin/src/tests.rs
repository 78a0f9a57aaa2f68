//! The crate from its outside: components in, events in, outcomes out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_dispatch::{Ran, Runner as _};
use hookyard_model::{
    Attempt, Clock, Effects, Event, EventId, Header, Limit, MessageId, Outcome, Payload,
    PluginName, PluginRef, Revision, TimeLimit, Timestamp, WorkState,
};
use hookyard_schemes::Outgoing;
use hookyard_store::{
    ClaimedJob, Inbox, JobLease, JobRequest, KvUsage, Routes, Settlement, Values,
};
use hookyard_store_testing::MemoryStore;

use crate::{
    Catalog, Config, Contract, Contracts, Engine, Grants, Limits, Load, LoadError, Loaded, NoHttp,
    Parts,
};

mod call;
mod capability;
mod effects;
mod grants;
pub(crate) mod guest;
mod hostile;
mod load;
mod sending;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

fn engine() -> Arc<Engine> {
    Engine::new(Config {
        instances_max: 2,
        ..Config::new(Arc::new(FixedClock), crate::Compiling::InProcess)
    })
    .expect("an engine")
}

pub(crate) fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: PluginName::new("orders").expect("a name"),
    }
}

fn contracts() -> Contracts {
    let cases = [
        ("order:paid", "paid"),
        ("order:failed", "failed"),
        ("order:shipped", "shipped"),
    ];
    let contract = |provider: &str, content: &str| Contract {
        provider: provider.into(),
        package: format!("{provider}:webhooks"),
        versions: Vec::new(),
        content: content.into(),
        cases: cases
            .map(|(event_type, case)| (event_type.into(), case.into()))
            .into(),
        outgoing: Outgoing::default(),
    };
    let topper = Contract {
        outgoing: sending::outgoing(),
        ..contract("topper", "")
    };
    Contracts::new([topper, contract("tipser", "/data/object")])
}

/// Effects over an empty inbox.
fn parts() -> Parts {
    parts_over(Arc::new(MemoryStore::new()))
}

fn parts_over(values: Arc<dyn Values>) -> Parts {
    Parts {
        values,
        message_ids: Arc::new(|| MessageId::from_uuid(uuid::Uuid::from_u128(7))),
        http: Arc::new(NoHttp),
        stage: None,
    }
}

/// Has an attempt of the plugin at some event commit these effects.
pub(crate) async fn commit(
    inbox: &dyn Inbox,
    effects: Effects,
) -> Result<(), hookyard_store::Error> {
    let claimed = job(None, "{}");
    let id = EventId::from_uuid(uuid::Uuid::now_v7());
    let event = Event {
        id,
        key: id.to_string(),
        ..Event::clone(&claimed.event)
    };
    let now = event.received_at;
    let plugin = claimed.lease.plugin;
    inbox
        .route(Routes(
            [(event.source.clone(), [plugin.name.clone()].into())].into(),
        ))
        .await?;
    inbox.append(event).await?;
    let claimed = inbox
        .claim(
            &[JobRequest { plugin, limit: 1 }],
            now,
            Duration::from_secs(1),
        )
        .await?
        .remove(0);
    let attempt = Attempt {
        number: claimed.lease.attempt,
        revision: Revision::from_sha256([1; 32]),
        started_at: now,
        duration: Duration::ZERO,
        outcome: Outcome::Done,
        log: Vec::new(),
    };
    let quota = KvUsage {
        keys: u64::MAX,
        bytes: u64::MAX,
    };
    let settled = inbox.settle(Settlement {
        lease: claimed.lease.clone(),
        attempt,
        next: WorkState::Done,
        is_watched: false,
        effects,
        quota,
        is_spared: false,
        outbox: Default::default(),
    });
    if let Err(error) = settled.await {
        inbox.give_back(&[claimed.lease]).await?;
        return Err(error);
    }
    Ok(())
}

/// What a plugin has unless the operator says otherwise.
fn grants() -> Grants {
    let destinations = [
        ("seen".parse().expect("a name"), None),
        ("s".parse().expect("a name"), None),
    ]
    .into();
    Grants {
        keyvalue: true,
        logging: true,
        config: true,
        destinations,
        ..Grants::default()
    }
}

fn load_with(engine: &Arc<Engine>, component: &[u8], limits: Limits) -> Result<Loaded, LoadError> {
    engine.load(Load {
        plugin: plugin(),
        bytes: component,
        contracts: contracts(),
        limits,
        grants: Arc::new(grants()),
        config: Arc::default(),
        record_bytes_max: 0,
    })
}

fn job(event_type: Option<&str>, body: impl Into<Bytes>) -> ClaimedJob {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001"
            .parse::<EventId>()
            .expect("an id"),
        source: hookyard_model::SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: "payments".parse().expect("a name"),
        },
        provider: "topper".into(),
        event_type: event_type.map(str::to_owned),
        key: "key-1".into(),
        received_at: Timestamp::from_unix_millis(1_780_000_000_123),
        headers: vec![Header {
            name: "x-kind".into(),
            value: Bytes::from_static(b"\xffbytes"),
        }],
        body: body.into(),
        payload: Payload::Body,
        ordering_key: None,
        key_until: Timestamp::from_unix_millis(i64::MAX),
    };
    ClaimedJob {
        lease: JobLease {
            event: event.id,
            plugin: plugin(),
            replays: 0,
            attempt: 3,
        },
        until: Timestamp::from_unix_millis(i64::MAX),
        since: event.received_at,
        due: event.received_at,
        event: Arc::new(event),
        revision: None,
        spared: 0,
    }
}

/// Loads a component, activates it and runs one job on it.
async fn ran_with(component: &[u8], limits: Limits, job: &ClaimedJob) -> Ran {
    let catalog = Catalog::new(parts());
    let loaded = load_with(&engine(), component, limits).unwrap_or_else(|error| panic!("{error}"));
    catalog.activate(Arc::new(loaded));
    catalog.run(job).await.expect("the plugin is there")
}

async fn outcome(component: &[u8], job: &ClaimedJob) -> Outcome {
    ran_with(component, Limits::default(), job).await.outcome
}

fn rejected(reason: &str) -> Outcome {
    Outcome::Rejected {
        reason: reason.into(),
    }
}

fn undecodable(path: &str, message: &str) -> Outcome {
    Outcome::Undecodable {
        path: path.into(),
        message: message.into(),
    }
}
