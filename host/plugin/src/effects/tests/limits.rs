//! The limits of effects.

use std::sync::Arc;

use bytes::Bytes;
use hookyard_model::{Limit, Message, Outcome};
use hookyard_store_testing::MemoryStore;

use super::{buffer, buffer_with, key, message, refused, store_with, value};
use crate::Limits;
use crate::effects::Buffer;

fn zeros(count: usize) -> Option<Bytes> {
    Some(vec![0; count].into())
}

#[tokio::test]
async fn length_of_key_is_bounded() {
    let mut effects = buffer(&Arc::new(MemoryStore::default()));
    assert_eq!(
        refused(effects.put(key(""), None)),
        "a key may have 1 to 1024 bytes, not 0"
    );
    assert_eq!(
        refused(effects.get(&key(&"k".repeat(1025))).await),
        "a key may have 1 to 1024 bytes, not 1025"
    );
}

#[tokio::test]
async fn value_over_quota_is_refused() {
    let limits = Limits {
        kv_bytes_max: 1000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);
    effects.put(key("k"), zeros(998)).expect("1000 bytes fit");
    assert_eq!(
        refused(effects.put(key("k"), zeros(999))),
        "1001 bytes cannot be stored: the plugin may store 100000 keys and 1000 bytes"
    );
}

#[tokio::test]
async fn effects_share_one_memory_limit() {
    let limits = Limits {
        memory_max: 4096,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);
    let too_much = "what one run reads, writes and sends may take 4096 bytes in all";

    // A second write to the same key takes no more memory, and a refused write takes none.
    for _ in 0..20 {
        effects.put(key("k"), zeros(998)).expect("a write");
        let large = message(&effects, vec![0; 4000].into());
        assert_eq!(refused(effects.add_message(large)), too_much);
    }

    effects.put(key("l"), zeros(998)).expect("a write");
    effects.put(key("m"), zeros(998)).expect("a write");
    assert_eq!(refused(effects.put(key("n"), zeros(900))), too_much);
    effects.put(key("m"), None).expect("a deletion");
    effects
        .put(key("n"), zeros(500))
        .expect("the deletion freed memory");
}

#[tokio::test]
async fn snapshots_count_against_memory_limit() {
    let limits = Limits {
        memory_max: 10_000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);
    let change = |effects: &mut Buffer, n: u8| {
        let value = Some(vec![n; 2_000].into());
        effects.put(key("k"), value).expect("a write");
    };

    let mut snapshots = Vec::new();
    for n in 0..3 {
        change(&mut effects, n);
        snapshots.push(effects.snapshot(key("k")).await.expect("a snapshot"));
    }
    assert_eq!(
        refused(effects.snapshot(key("k")).await),
        "what one run reads, writes and sends may take 10000 bytes in all",
        "each snapshot holds another value"
    );

    for snapshot in snapshots {
        effects.drop_snapshot(snapshot);
    }
    for n in 0..20 {
        let snapshot = effects.snapshot(key("k")).await.expect("memory was freed");
        change(&mut effects, n);
        effects.drop_snapshot(snapshot);
    }
}

#[tokio::test]
async fn size_of_one_answer_is_bounded() {
    let limits = Limits {
        memory_max: 10_000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);
    effects.put(key("k"), zeros(2_000)).expect("a write");

    let same = vec![key("k"); 4];
    assert_eq!(effects.get_many(&same).await.expect("an answer").len(), 4);
    let too_many = effects.get_many(&vec![key("k"); 5]).await;
    assert_eq!(
        refused(too_many),
        "one answer may take 10000 bytes",
        "the guest gets a copy for each key"
    );
}

#[tokio::test]
async fn number_of_reads_is_bounded() {
    let mut effects = buffer(&store_with(&[("a", "old")]).await);
    for _ in 0..Limits::default().kv_reads_max {
        effects.keys("b", None).await.expect("a page");
    }
    assert_eq!(
        refused(effects.get(&key("a")).await),
        "one run may read 10000 times"
    );
}

#[tokio::test]
async fn number_and_size_of_writes_are_bounded() {
    let limits = Limits {
        kv_writes_max: 2,
        kv_write_bytes_max: 20,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);
    let denial = |limit, max| Some(Outcome::Exceeded { limit, max });

    effects.put(key("a"), value("1234")).expect("a write");
    effects.put(key("b"), None).expect("a deletion");
    assert_eq!(
        refused(effects.put(key("c"), value("1"))),
        "one run may write 2 keys"
    );
    assert_eq!(effects.denial(), denial(Limit::KvWrites, 2));

    // The bucket, the key and the value count: 2 bytes for `b`, which leaves 18 bytes for `a`.
    effects
        .put(key("a"), value("1234567890123456"))
        .expect("18 bytes fit");
    assert_eq!(
        refused(effects.put(key("a"), value("12345678901234567"))),
        "one run may write 20 bytes in all"
    );
    assert_eq!(effects.denial(), denial(Limit::KvWriteBytes, 20));

    effects
        .put(key("a"), value("1"))
        .expect("the previous write of the key no longer counts");
    effects.put(key("b"), value("12345678")).expect("a write");
    assert_eq!(effects.take_effects().writes.len(), 2);
}

#[tokio::test]
async fn messages_are_bounded() {
    let limits = Limits {
        outbox_messages_max: 1,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::default()), &limits);

    let long_key = Message {
        ordering_key: Some("k".repeat(257)),
        ..message(&effects, Bytes::new())
    };
    assert_eq!(
        refused(effects.add_message(long_key)),
        "an ordering key may have 256 bytes"
    );

    let first = message(&effects, Bytes::new());
    effects.add_message(first).expect("a message");
    let second = message(&effects, Bytes::new());
    assert_eq!(
        refused(effects.add_message(second)),
        "one run may send 1 messages"
    );
}
