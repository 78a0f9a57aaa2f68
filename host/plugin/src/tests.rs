//! The crate from its outside: components in, events in, outcomes out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_dispatch::{Ran, Runner as _};
use hookyard_inbox::{Claimed, JobRef};
use hookyard_model::{Clock, Event, EventId, Header, Outcome, Payload, PluginName, PluginRef, Timestamp};

use crate::{Catalog, Config, Contract, Contracts, Engine, Limits, LoadError, Loaded};

mod call;
pub(crate) mod guest;
mod load;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_000)
    }
}

fn engine() -> Arc<Engine> {
    Engine::new(Config { instances_max: 2, ..Config::new(Arc::new(FixedClock)) }).expect("an engine")
}

fn plugin() -> PluginRef {
    PluginRef { tenant: "acme".parse().expect("a name"), plugin: PluginName::new("orders").expect("a name") }
}

fn contracts() -> Contracts {
    let cases = [("order:paid", "paid"), ("order:failed", "failed"), ("order:shipped", "shipped")];
    let contract = |provider: &str, content: &str| Contract {
        provider: provider.into(),
        package: format!("{provider}:webhooks"),
        content: content.into(),
        cases: cases.map(|(event_type, case)| (event_type.into(), case.into())).into(),
    };
    Contracts::new([contract("topper", ""), contract("tipser", "/data/object")])
}

fn load_with(engine: &Arc<Engine>, component: &[u8], limits: Limits) -> Result<Loaded, LoadError> {
    engine.load(plugin(), component, &contracts(), limits)
}

fn job(event_type: Option<&str>, body: impl Into<Bytes>) -> Claimed {
    let event = Event {
        id: "0198c0de-0000-7000-8000-000000000001".parse::<EventId>().expect("an id"),
        source: hookyard_model::SourceRef {
            tenant: "acme".parse().expect("a name"),
            source: "payments".parse().expect("a name"),
        },
        provider: "topper".into(),
        event_type: event_type.map(str::to_owned),
        key: "key-1".into(),
        received_at: Timestamp::from_unix_millis(1_780_000_000_123),
        headers: vec![Header { name: "x-kind".into(), value: Bytes::from_static(b"\xffbytes") }],
        body: body.into(),
        payload: Payload::Body,
    };
    Claimed {
        lease: JobRef { event: event.id, plugin: plugin(), attempt: 3 },
        until: Timestamp::from_unix_millis(i64::MAX),
        event: Arc::new(event),
    }
}

/// Loads a component, activates it and runs one job on it.
async fn ran_with(component: &[u8], limits: Limits, job: &Claimed) -> Ran {
    let catalog = Catalog::new();
    let loaded = load_with(&engine(), component, limits).unwrap_or_else(|error| panic!("{error}"));
    catalog.activate(Arc::new(loaded));
    catalog.run(job).await.expect("the plugin is there")
}

async fn outcome(component: &[u8], job: &Claimed) -> Outcome {
    ran_with(component, Limits::default(), job).await.outcome
}

fn rejected(reason: &str) -> Outcome {
    Outcome::Rejected { reason: reason.into() }
}

fn undecodable(path: &str, message: &str) -> Outcome {
    Outcome::Undecodable { path: path.into(), message: message.into() }
}
