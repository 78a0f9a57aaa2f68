//! The effects of a call: a successful attempt returns its effects, a failed attempt returns none,
//! and nothing changes before the commit.

use crate::guests::{Guest, KEEPER};
use crate::support::*;
use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::AttemptResult;
use hookyard_dispatch::RunError;
use hookyard_dispatch::Runner as _;
use hookyard_model::{Effects, Limit, MessageId, Outcome, TimeLimit};
use hookyard_model::{Key, Message, PluginRef, ReadVersion, Versioned, Write};
use hookyard_plugin::{Catalog, Limits};
use hookyard_store::{ClaimedJob, Error, KvUsage, Values};
use hookyard_store_testing::FaultyStore;
use hookyard_store_testing::MemoryStore;
use hookyard_store_testing::faulty::{Call, Fault, When};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DONE: &str = "(local $b i32) (local.set $b (call $open))
    (call $add (local.get $b) (i64.const 2)) (call $add (local.get $b) (i64.const 40)) (call $send (i32.const 3))";

fn paid() -> ClaimedJob {
    job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#)
}

fn seen_key() -> Key {
    Key {
        bucket: "seen".into(),
        key: "seen".into(),
    }
}

async fn attempt_over(inbox: Arc<dyn Values>, handle: &str, limits: Limits) -> AttemptResult {
    run_over(inbox, handle, limits).await.expect("an attempt")
}

async fn run_over(
    inbox: Arc<dyn Values>,
    handle: &str,
    limits: Limits,
) -> Result<AttemptResult, RunError> {
    let loaded = load_with(&engine(), &Guest { handle, ..KEEPER }.build(), limits);
    let catalog = Catalog::new(services_over(inbox));
    catalog.activate(Arc::new(loaded.unwrap_or_else(|error| panic!("{error}"))));
    catalog.run(&paid()).await
}

async fn attempt(handle: &str) -> AttemptResult {
    attempt_over(Arc::new(MemoryStore::default()), handle, Limits::default()).await
}

#[tokio::test]
async fn successful_attempt_returns_its_effects() {
    let limits = Limits {
        kv_keys_max: 7,
        kv_bytes_max: 8_000,
        ..Limits::default()
    };
    let ran = attempt_over(Arc::new(MemoryStore::default()), DONE, limits).await;
    assert_eq!(ran.outcome, Outcome::Done);
    let message = Message {
        id: MessageId::from_uuid(uuid::Uuid::from_u128(7)),
        destination: "seen".parse().expect("a name"),
        event_type: None,
        body: Bytes::from_static(b"\0\0\0"),
        ordering_key: None,
    };
    let expected = Effects {
        reads: vec![ReadVersion {
            key: seen_key(),
            version: None,
        }],
        writes: vec![Write {
            key: seen_key(),
            value: Some(Bytes::from_static(b"42")),
        }],
        messages: vec![message],
        response: None,
        answers: Vec::new(),
        trace: None,
    };
    assert_eq!(ran.effects, expected);
    assert_eq!(
        ran.quota,
        KvUsage {
            keys: 7,
            bytes: 8_000
        }
    );
}

#[tokio::test]
async fn failed_attempt_returns_no_effects() {
    let work = DONE.replace(
        "(call $send (i32.const 3))",
        "(drop (call $send (i32.const 3)))",
    );
    for (end, expected) in [
        ("(call $found (local.get $b))", rejected("42")),
        (
            "(call $retry (i32.const 16) (i32.const 4) (i64.const 5))",
            Outcome::Retry {
                reason: "seen".into(),
                after: Some(Duration::from_millis(5)),
            },
        ),
        (
            "unreachable",
            Outcome::Trapped {
                message: "wasm `unreachable` instruction executed, in handle".into(),
            },
        ),
    ] {
        let ran = attempt(&format!("{work} {end}")).await;
        assert_eq!((ran.outcome, ran.effects), (expected, Effects::default()));
    }
}

/// Stored values. A test commits the writes of an attempt to them.
#[derive(Default)]
struct CommittedValues(Mutex<BTreeMap<Key, Versioned>>);

impl CommittedValues {
    fn commit(&self, writes: Vec<Write>) {
        let mut values = self.0.lock().expect("no panic");
        for Write { key, value } in writes {
            let version = values.get(&key).map_or(1, |found| found.version + 1);
            let value = value.expect("the guest deletes nothing");
            values.insert(key, Versioned { version, value });
        }
    }
}

#[async_trait]
impl Values for CommittedValues {
    async fn value(&self, _: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        Ok(self.0.lock().expect("no panic").get(key).cloned())
    }

    async fn keys(
        &self,
        _: &PluginRef,
        _: &str,
        _: Option<&str>,
        _: usize,
    ) -> Result<Vec<String>, Error> {
        panic!("the guest lists no keys")
    }

    async fn usage(&self, _: &PluginRef) -> Result<KvUsage, Error> {
        panic!("the guest does not ask for its usage")
    }
}

#[tokio::test]
async fn next_attempt_reads_committed_values() {
    let values = Arc::new(CommittedValues::default());
    for expected in ["42", "84"] {
        let ran = attempt_over(values.clone(), DONE, Limits::default()).await;
        let written = ran.effects.writes[0].value.as_deref();
        assert_eq!(written, Some(expected.as_bytes()));

        let again = attempt_over(values.clone(), DONE, Limits::default()).await;
        assert_eq!(
            again.effects, ran.effects,
            "an attempt alone changes nothing"
        );
        values.commit(ran.effects.writes);
    }
}

#[tokio::test]
async fn guest_receives_limit_errors() {
    let send = "(drop (call $send (i32.const 1))) (call $send (i32.const 1))";
    let limits = Limits {
        outbox_messages_max: 1,
        ..Limits::default()
    };
    let ran = attempt_over(Arc::new(MemoryStore::default()), send, limits.clone()).await;
    assert_eq!(ran.outcome, rejected("one run may send 1 messages"));
    // A guest that traps after the error exceeded the limit.
    let fails = "(drop (call $send (i32.const 1))) (drop (call $send (i32.const 1))) unreachable";
    let ran = attempt_over(Arc::new(MemoryStore::default()), fails, limits).await;
    assert_eq!(
        ran.outcome,
        Outcome::Exceeded {
            limit: Limit::OutboxMessages,
            max: 1
        }
    );
}

#[tokio::test]
async fn guest_handles_are_limited() {
    let endless = "(loop $again (drop (call $open)) (br $again)) unreachable";
    let ran = attempt(endless).await;
    let max = Limits::default().handles_max as u64;
    assert_eq!(
        ran.outcome,
        Outcome::Exceeded {
            limit: Limit::Handles,
            max
        }
    );
}

#[tokio::test]
async fn unreadable_inbox_is_a_host_fault() {
    let inbox = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    inbox.on(Call::Value, 1, When::Before, Fault::Fail);
    let unrun = run_over(inbox.clone(), DONE, Limits::default())
        .await
        .expect_err("no attempt");
    assert!(
        matches!(&unrun, RunError::HostFault(why) if why.starts_with("the plugin's stored values cannot be read: ")),
        "{unrun:?}"
    );
    let ran = attempt_over(inbox, DONE, Limits::default()).await;
    assert_eq!((ran.outcome, ran.effects.writes.len()), (Outcome::Done, 1));
}

#[tokio::test]
async fn slow_inbox_counts_towards_the_wall_deadline() {
    let inbox = Arc::new(FaultyStore::new(Arc::new(MemoryStore::default())));
    inbox.on(
        Call::Value,
        1,
        When::Before,
        Fault::Delay(Arc::new(tokio::sync::Semaphore::new(0))),
    );
    let limits = Limits {
        wall_max: Duration::from_millis(100),
        cpu_max: Duration::from_secs(60),
        ..Limits::default()
    };
    let ran = attempt_over(inbox, DONE, limits.clone()).await;
    assert_eq!(
        (ran.outcome, ran.effects),
        (
            Outcome::TimedOut {
                limit: TimeLimit::Wall,
                max: limits.wall_max
            },
            Effects::default()
        )
    );
}
