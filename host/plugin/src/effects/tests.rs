//! A guest reads its own effects, and an attempt commits its effects.

mod limits;
mod list;
mod response;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hookyard_model::{DestinationName, Effects, Key, Message, MessageId, ReadVersion, Write};
use hookyard_store_testing::MemoryStore;
use uuid::Uuid;

use super::{Buffer, EffectSource, Refusal};
use crate::Limits;
use crate::call::budget::Budget;
use crate::support::commit;
use crate::terms::Terms;

fn buffer_with(store: &Arc<MemoryStore>, limits: &Limits) -> Buffer {
    let next = AtomicU64::new(1);
    let new_id = move || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        MessageId::from_uuid(Uuid::from_u64_pair(0, number))
    };
    let source = EffectSource {
        values: store.clone(),
        message_ids: Arc::new(new_id),
    };
    let terms = Terms::limited(limits.clone());
    Buffer::new(source, &terms, &Budget::new(limits))
}

fn buffer(store: &Arc<MemoryStore>) -> Buffer {
    buffer_with(store, &Limits::default())
}

fn key(key: &str) -> Key {
    Key {
        bucket: "b".into(),
        key: key.into(),
    }
}

fn value(value: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(value.as_bytes()))
}

fn write(name: &str, text: &str) -> Write {
    Write {
        key: key(name),
        value: value(text),
    }
}

fn message(effects: &Buffer, body: Bytes) -> Message {
    let destination: DestinationName = "shop".parse().expect("a name");
    Message {
        id: effects.new_message_id(),
        destination,
        event_type: None,
        body,
        ordering_key: None,
    }
}

async fn commit_writes(store: &MemoryStore, writes: Vec<Write>) {
    let effects = Effects {
        writes,
        ..Effects::default()
    };
    commit(store, effects).await.expect("a commit");
}

/// Returns a store in which these values are committed in the bucket `b`.
async fn store_with(values: &[(&str, &str)]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let writes = values.iter().map(|(name, text)| write(name, text));
    commit_writes(&store, writes.collect()).await;
    store
}

async fn get(effects: &mut Buffer, name: &str) -> Option<String> {
    let value = effects.get(&key(name)).await.expect("a value");
    value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

#[track_caller]
fn refused<T>(result: Result<T, Refusal>) -> String {
    match result {
        Err(Refusal::Guest(reason)) => reason,
        Err(Refusal::End(error)) => panic!("the attempt ended: {error}"),
        Ok(_) => panic!("nothing was refused"),
    }
}

#[tokio::test]
async fn attempt_reads_its_own_writes() {
    let store = store_with(&[("a", "old"), ("gone", "soon")]).await;
    let mut effects = buffer(&store);
    assert_eq!(get(&mut effects, "a").await.as_deref(), Some("old"));

    // Another attempt commits meanwhile, which this attempt does not see.
    commit_writes(&store, vec![write("a", "other")]).await;
    assert_eq!(get(&mut effects, "a").await.as_deref(), Some("old"));

    effects.put(key("a"), value("mine")).expect("a write");
    assert_eq!(get(&mut effects, "a").await.as_deref(), Some("mine"));
    effects.put(key("gone"), None).expect("a deletion");
    assert_eq!(get(&mut effects, "gone").await, None);
}

#[tokio::test]
async fn commit_fails_if_read_value_changed() {
    let store = store_with(&[("a", "old"), ("gone", "soon")]).await;
    let mut effects = buffer(&store);
    get(&mut effects, "a").await;
    effects.put(key("a"), value("mine")).expect("a write");
    effects.put(key("gone"), None).expect("a deletion");
    commit_writes(&store, vec![write("a", "other")]).await;

    let effects = effects.take_effects();
    let seen: Vec<_> = effects
        .reads
        .iter()
        .map(|seen| (&*seen.key.key, seen.version.is_some()))
        .collect();
    assert_eq!(seen, [("a", true)], "`gone` was written but never read");
    let deletion = Write {
        key: key("gone"),
        value: None,
    };
    assert_eq!(effects.writes, [write("a", "mine"), deletion]);

    let conflict = commit(&*store, effects).await.expect_err("a conflict");
    assert!(matches!(conflict, hookyard_store::Error::Conflict(of) if of == key("a")));
    let after = get(&mut buffer(&store), "gone").await;
    assert_eq!(after.as_deref(), Some("soon"), "nothing was committed");
}

#[tokio::test]
async fn commit_fails_if_missing_value_was_created() {
    let store = Arc::new(MemoryStore::default());
    let mut effects = [buffer(&store), buffer(&store)];
    for effects in &mut effects {
        let sum = effects.increment(key("n"), 1u64).await.expect("a number");
        assert_eq!(sum, 1);
    }

    let [first, second] = effects.map(|mut effects| effects.take_effects());
    let missing = ReadVersion {
        key: key("n"),
        version: None,
    };
    assert_eq!(first.reads, [missing]);
    commit(&*store, first).await.expect("the first commit");
    commit(&*store, second).await.expect_err("a conflict");

    let mut retry = buffer(&store);
    let sum = retry.increment(key("n"), 1u64).await.expect("a number");
    assert_eq!(sum, 2);
    commit(&*store, retry.take_effects())
        .await
        .expect("the retry commits");
}

#[tokio::test]
async fn attempt_without_changes_commits_nothing() {
    let store = store_with(&[("a", "old")]).await;
    let mut effects = buffer(&store);
    get(&mut effects, "a").await;
    assert_eq!(effects.take_effects(), Effects::default());

    let mut effects = buffer(&store);
    get(&mut effects, "a").await;
    let message = message(&effects, Bytes::new());
    effects.add_message(message).expect("a message");
    let seen = effects.take_effects().reads;
    assert_eq!(seen.len(), 1, "the message may depend on what was read");
}

#[tokio::test]
async fn increment_keeps_numbers_as_decimal_text() {
    let store = store_with(&[
        ("n", "41"),
        ("minus", "-3"),
        ("word", "many"),
        ("max", "18446744073709551615"),
    ])
    .await;
    let mut effects = buffer(&store);

    let sum = effects.increment(key("n"), 1u64).await.expect("a number");
    assert_eq!(sum, 42);
    let sum = effects.increment(key("n"), -50i64).await.expect("a number");
    assert_eq!(sum, -8);
    assert_eq!(get(&mut effects, "n").await.as_deref(), Some("-8"));
    let sum = effects.increment(key("minus"), 0i64).await;
    assert_eq!(sum.expect("a number"), -3);

    assert_eq!(
        refused(effects.increment(key("minus"), 2u64).await),
        "`minus` would be -1, out of range"
    );
    assert_eq!(
        refused(effects.increment(key("max"), 1u64).await),
        "`max` would be 18446744073709551616, out of range"
    );
    assert_eq!(
        refused(effects.increment(key("word"), 1u64).await),
        "the value of `word` is not a number in decimal text"
    );
    let max = get(&mut effects, "max").await;
    assert_eq!(max.as_deref(), Some("18446744073709551615"));
}

#[tokio::test]
async fn swap_needs_current_snapshot() {
    let store = store_with(&[("a", "old")]).await;
    let mut effects = buffer(&store);
    let newer = || Bytes::from_static(b"newer");

    let snapshot = effects.snapshot(key("a")).await.expect("a snapshot");
    assert_eq!(snapshot.value, value("old"));
    let new = Bytes::from_static(b"new");
    assert!(effects.swap(&snapshot, new).expect("no limit is met"));
    let swapped = effects.swap(&snapshot, newer()).expect("no limit is met");
    assert!(!swapped, "the snapshot is older than the first swap");

    let snapshot = effects.snapshot(key("a")).await.expect("a snapshot");
    assert_eq!(snapshot.value, value("new"));
    effects.put(key("a"), value("new")).expect("a write");
    let swapped = effects.swap(&snapshot, newer()).expect("no limit is met");
    assert!(!swapped, "a write of the same value counts as a change");

    let effects = effects.take_effects();
    assert_eq!(effects.reads.len(), 1);
    assert_eq!(effects.writes, [write("a", "new")]);
}

#[tokio::test]
async fn messages_keep_their_order() {
    let mut effects = buffer(&Arc::new(MemoryStore::default()));
    for (body, ordering_key) in [("one", None), ("two", Some("order-1"))] {
        let message = Message {
            ordering_key: ordering_key.map(str::to_owned),
            ..message(&effects, body.into())
        };
        effects.add_message(message).expect("a message");
    }

    let messages = effects.take_effects().messages;
    let sent: Vec<_> = messages
        .iter()
        .map(|message| (&message.body[..], message.ordering_key.as_deref()))
        .collect();
    assert_eq!(sent, [(&b"one"[..], None), (b"two", Some("order-1"))]);
    assert_ne!(messages[0].id, messages[1].id);
}
