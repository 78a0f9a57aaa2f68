//! Helpers of these tests: an engine, a plugin's terms, a job, and its outcome.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_dispatch::{AttemptResult, Runner as _};
use hookyard_model::{
    Clock, Event, EventId, Header, MessageId, Outcome, Payload, PluginName, PluginRef, SourceRef,
    Timestamp,
};
use hookyard_plugin::{
    Catalog, CompilerMode, Config, Contract, Contracts, Engine, Grants, HostServices,
    InstanceReuse, Limits, LoadError, LoadRequest, LoadedPlugin, NoHttpClient,
};
use hookyard_schemes::OutgoingEvents;
use hookyard_store::{ClaimedJob, JobLease, LeaseToken, Values};
use hookyard_store_testing::MemoryStore;
use uuid::Uuid;

use crate::sending;

/// A clock that always shows one second after 1970.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

pub(crate) fn engine() -> Arc<Engine> {
    Engine::new(Config {
        instances_max: 2,
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    })
    .expect("an engine")
}

pub(crate) fn plugin() -> PluginRef {
    PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: PluginName::new("orders").expect("a name"),
    }
}

pub(crate) fn contracts() -> Contracts {
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
        outgoing: OutgoingEvents::default(),
    };
    let topper = Contract {
        outgoing: sending::outgoing(),
        ..contract("topper", "")
    };
    Contracts::new([topper, contract("tipser", "/data/object")])
}

/// Returns services over an empty store.
pub(crate) fn services() -> HostServices {
    services_over(Arc::new(MemoryStore::default()))
}

pub(crate) fn services_over(values: Arc<dyn Values>) -> HostServices {
    HostServices {
        values,
        asks_response: Arc::new(|_, _| true),
        message_ids: Arc::new(|| MessageId::from_uuid(Uuid::from_u128(7))),
        http: Arc::new(NoHttpClient),
        stage: None,
    }
}

/// Returns the grants of a plugin unless a test says otherwise.
pub(crate) fn grants() -> Grants {
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

pub(crate) fn load_with(
    engine: &Arc<Engine>,
    component: &[u8],
    limits: Limits,
) -> Result<LoadedPlugin, LoadError> {
    engine.load(LoadRequest {
        plugin: plugin(),
        bytes: component,
        contracts: contracts(),
        limits,
        grants: Arc::new(grants()),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse: InstanceReuse::default(),
    })
}

pub(crate) fn job(event_type: Option<&str>, body: impl Into<Bytes>) -> ClaimedJob {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001"
            .parse::<EventId>()
            .expect("an id"),
        source: SourceRef {
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
        key_window: Duration::MAX,
    };
    ClaimedJob {
        lease: JobLease {
            event: event.id,
            plugin: plugin(),
            replays: 0,
            attempt: 3,
            token: LeaseToken::from_u128(0),
        },
        since: event.received_at,
        due: event.received_at,
        event: Arc::new(event),
        revision: None,
        spared: 0,
    }
}

/// Loads a component, activates it and runs one job.
pub(crate) async fn ran_with(component: &[u8], limits: Limits, job: &ClaimedJob) -> AttemptResult {
    let catalog = Catalog::new(services());
    let loaded = load_with(&engine(), component, limits).unwrap_or_else(|error| panic!("{error}"));
    catalog.activate(Arc::new(loaded));
    catalog.run(job).await.expect("the plugin is active")
}

pub(crate) async fn outcome(component: &[u8], job: &ClaimedJob) -> Outcome {
    ran_with(component, Limits::default(), job).await.outcome
}

pub(crate) fn rejected(reason: &str) -> Outcome {
    Outcome::Rejected {
        reason: reason.into(),
    }
}

pub(crate) fn undecodable(path: &str, message: &str) -> Outcome {
    Outcome::Undecodable {
        path: path.into(),
        message: message.into(),
    }
}
