//! What a guest sees of its own effects, and what is left to commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookyard_store_testing::MemoryStore;

use proptest::prelude::*;

use super::*;
use crate::NoHttp;
use crate::tests::{commit, plugin};

fn parts(inbox: &Arc<MemoryStore>) -> Parts {
    let next = AtomicU64::new(1);
    let id = move || {
        MessageId::from_uuid(uuid::Uuid::from_u64_pair(
            0,
            next.fetch_add(1, Ordering::Relaxed),
        ))
    };
    Parts {
        values: inbox.clone(),
        message_ids: Arc::new(id),
        http: Arc::new(NoHttp),
        stage: None,
    }
}

fn buffer_with(inbox: &Arc<MemoryStore>, limits: &Limits) -> Buffer {
    Buffer::new(parts(inbox), plugin(), limits)
}

fn buffer(inbox: &Arc<MemoryStore>) -> Buffer {
    buffer_with(inbox, &Limits::default())
}

fn key(key: &str) -> Key {
    Key {
        bucket: "b".into(),
        key: key.into(),
    }
}

fn text(value: Option<Bytes>) -> Option<String> {
    value.map(|value| String::from_utf8(value.to_vec()).expect("text"))
}

fn some(value: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(value.as_bytes()))
}

/// An inbox where these values are committed in bucket `b`.
async fn inbox_with(values: &[(&str, &str)]) -> Arc<MemoryStore> {
    let inbox = Arc::new(MemoryStore::new());
    let writes = values
        .iter()
        .map(|(name, value)| Write {
            key: key(name),
            value: some(value),
        })
        .collect();
    commit(
        &*inbox,
        Effects {
            writes,
            ..Effects::default()
        },
    )
    .await
    .expect("a commit");
    inbox
}

#[track_caller]
fn denied<T>(result: Result<T, Denied>) -> String {
    match result {
        Err(Denied::Guest(reason)) => reason,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was granted"),
    }
}

#[tokio::test]
async fn an_attempt_reads_its_own_writes_and_keeps_what_it_has_read() {
    let inbox = inbox_with(&[("a", "old"), ("gone", "soon")]).await;
    let mut effects = buffer(&inbox);
    assert_eq!(
        text(effects.get(&key("a")).await.expect("read")).as_deref(),
        Some("old")
    );
    // Another attempt commits meanwhile.
    let other = Write {
        key: key("a"),
        value: some("other"),
    };
    commit(
        &*inbox,
        Effects {
            writes: vec![other],
            ..Effects::default()
        },
    )
    .await
    .expect("a commit");
    assert_eq!(
        text(effects.get(&key("a")).await.expect("read")).as_deref(),
        Some("old")
    );
    effects.put(key("a"), some("mine")).expect("put");
    assert_eq!(
        text(effects.get(&key("a")).await.expect("read")).as_deref(),
        Some("mine")
    );
    effects.put(key("gone"), None).expect("put");
    assert_eq!(effects.get(&key("gone")).await.expect("read"), None);

    let effects = effects.into_effects();
    let seen: Vec<_> = effects
        .reads
        .iter()
        .map(|seen| (&*seen.key.key, seen.version.is_some()))
        .collect();
    assert_eq!(seen, [("a", true)], "`gone` was written without a look");
    let writes = [
        Write {
            key: key("a"),
            value: some("mine"),
        },
        Write {
            key: key("gone"),
            value: None,
        },
    ];
    assert_eq!(effects.writes, writes);
    let lost = commit(&*inbox, effects)
        .await
        .expect_err("it read what is no longer there");
    assert!(matches!(lost, hookyard_store::Error::Conflict(lost) if lost == key("a")));
    assert_eq!(
        text(buffer(&inbox).get(&key("gone")).await.expect("read")).as_deref(),
        Some("soon")
    );
}

#[tokio::test]
async fn what_was_missing_when_it_was_read_must_still_be_missing() {
    let inbox = Arc::new(MemoryStore::new());
    let mut effects = [buffer(&inbox), buffer(&inbox)];
    for effects in &mut effects {
        assert_eq!(
            effects.increment(key("n"), 1u64).await.expect("a number"),
            1
        );
    }
    let [first, second] = effects.map(Buffer::into_effects);
    assert_eq!(
        first.reads,
        [ReadVersion {
            key: key("n"),
            version: None
        }]
    );
    commit(&*inbox, first).await.expect("the first one");
    commit(&*inbox, second).await.expect_err("the second one");
    let mut again = buffer(&inbox);
    assert_eq!(again.increment(key("n"), 1u64).await.expect("a number"), 2);
    commit(&*inbox, again.into_effects())
        .await
        .expect("the second one, run again");
}

#[tokio::test]
async fn one_that_changes_nothing_goes_by_nothing() {
    let inbox = inbox_with(&[("a", "old")]).await;
    let mut effects = buffer(&inbox);
    effects.get(&key("a")).await.expect("read");
    assert_eq!(effects.into_effects(), Effects::default());
    let mut effects = buffer(&inbox);
    effects.get(&key("a")).await.expect("read");
    effects
        .send("shop".into(), Bytes::new(), None)
        .expect("sent");
    assert_eq!(
        effects.into_effects().reads.len(),
        1,
        "what is sent may follow from what was read"
    );
}

#[tokio::test]
async fn numbers_are_decimal_text() {
    let inbox = inbox_with(&[
        ("n", "41"),
        ("minus", "-3"),
        ("word", "many"),
        ("max", "18446744073709551615"),
    ])
    .await;
    let mut effects = buffer(&inbox);
    assert_eq!(
        effects.increment(key("n"), 1u64).await.expect("a number"),
        42
    );
    assert_eq!(
        effects.increment(key("n"), -50i64).await.expect("a number"),
        -8
    );
    assert_eq!(
        text(effects.get(&key("n")).await.expect("read")).as_deref(),
        Some("-8")
    );
    assert_eq!(
        effects
            .increment(key("minus"), 0i64)
            .await
            .expect("a number"),
        -3
    );
    assert_eq!(
        denied(effects.increment(key("minus"), 2u64).await),
        "`minus` would be -1, out of range"
    );
    assert_eq!(
        denied(effects.increment(key("max"), 1u64).await),
        "`max` would be 18446744073709551616, out of range"
    );
    assert_eq!(
        denied(effects.increment(key("word"), 1u64).await),
        "what stands at `word` is no number in decimal text"
    );
    assert_eq!(
        text(effects.get(&key("max")).await.expect("read")).as_deref(),
        Some("18446744073709551615")
    );
}

#[tokio::test]
async fn a_swap_is_made_where_nothing_changed_since() {
    let inbox = inbox_with(&[("a", "old")]).await;
    let mut effects = buffer(&inbox);
    let seen = effects.glimpse(key("a")).await.expect("read");
    assert_eq!(text(seen.value.clone()).as_deref(), Some("old"));
    assert!(
        effects
            .swap(&seen, Bytes::from_static(b"new"))
            .expect("no limit")
    );
    assert!(
        !effects
            .swap(&seen, Bytes::from_static(b"newer"))
            .expect("no limit"),
        "it is used up"
    );
    let seen = effects.glimpse(key("a")).await.expect("read");
    assert_eq!(text(seen.value.clone()).as_deref(), Some("new"));
    effects.put(key("a"), some("new")).expect("put");
    assert!(
        !effects
            .swap(&seen, Bytes::from_static(b"newer"))
            .expect("no limit"),
        "written since, if to the same"
    );
    let effects = effects.into_effects();
    assert_eq!(
        (effects.reads.len(), &effects.writes[0].value),
        (1, &some("new"))
    );
}

#[tokio::test]
async fn messages_are_kept_in_their_order() {
    let inbox = Arc::new(MemoryStore::new());
    let mut effects = buffer_with(
        &inbox,
        &Limits {
            outbox_messages_max: 2,
            ..Limits::default()
        },
    );
    for (body, ordering_key) in [("one", None), ("two", Some("order-1"))] {
        let id = effects
            .send("shop".into(), body.into(), ordering_key.map(str::to_owned))
            .expect("sent");
        assert!(id.is_some());
    }
    assert_eq!(
        denied(effects.send("shop".into(), "three".into(), None)),
        "one run may send 2 messages"
    );
    for nowhere in ["", &"x".repeat(65)] {
        assert_eq!(
            effects
                .send(nowhere.into(), Bytes::new(), None)
                .expect("an answer"),
            None
        );
    }
    let messages = effects.into_effects().messages;
    let told: Vec<_> = messages
        .iter()
        .map(|it| {
            (
                it.destination.as_str(),
                &it.body[..],
                it.ordering_key.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("shop", &b"one"[..], None),
            ("shop", b"two", Some("order-1"))
        ]
    );
    assert_ne!(messages[0].id, messages[1].id);
}

#[tokio::test]
async fn every_amount_has_its_limit() {
    let inbox = inbox_with(&[("a", "old")]).await;
    let limits = Limits {
        memory_max: 4096,
        kv_bytes_max: 1000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&inbox, &limits);
    assert_eq!(
        denied(effects.put(key(""), None)),
        "a key may have 1 to 1024 bytes, not 0"
    );
    assert_eq!(
        denied(effects.get(&key(&"k".repeat(1025))).await),
        "a key may have 1 to 1024 bytes, not 1025"
    );
    let never = denied(effects.put(key("k"), Some(vec![0; 999].into())));
    assert_eq!(
        never,
        "1001 bytes can't be kept: the plugin's store may hold 100000 keys and 1000 bytes"
    );
    let in_all = "what one run reads, writes and sends may take 4096 bytes in all";
    // Writing the same again takes no more room, and what is denied takes none.
    for _ in 0..20 {
        effects
            .put(key("k"), Some(vec![0; 998].into()))
            .expect("put");
        assert_eq!(
            denied(effects.send("shop".into(), vec![0; 4000].into(), None)),
            in_all
        );
    }
    effects
        .put(key("l"), Some(vec![0; 998].into()))
        .expect("put");
    effects
        .put(key("m"), Some(vec![0; 998].into()))
        .expect("put");
    assert_eq!(
        denied(effects.put(key("n"), Some(vec![0; 900].into()))),
        in_all
    );
    effects.put(key("m"), None).expect("put");
    effects
        .put(key("n"), Some(vec![0; 500].into()))
        .expect("there is room again");
    let mut effects = buffer(&inbox);
    for _ in 0..Limits::default().kv_reads_max {
        effects.keys("b", None).await.expect("keys");
    }
    assert_eq!(
        denied(effects.get(&key("a")).await),
        "one run may read 10000 times"
    );
}

#[tokio::test]
async fn what_handles_and_answers_hold_is_bounded_as_well() {
    let limits = Limits {
        memory_max: 10_000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&Arc::new(MemoryStore::new()), &limits);
    let in_all = "what one run reads, writes and sends may take 10000 bytes in all";
    let change = |effects: &mut Buffer, n: u8| {
        effects
            .put(key("k"), Some(vec![n; 2_000].into()))
            .expect("put")
    };
    let mut handles = Vec::new();
    for n in 0..3 {
        change(&mut effects, n);
        handles.push(effects.glimpse(key("k")).await.expect("room"));
    }
    assert_eq!(
        denied(effects.glimpse(key("k")).await),
        in_all,
        "each handle keeps another value"
    );
    handles
        .drain(..)
        .for_each(|seen| drop(effects.forget(seen)));
    for n in 0..20 {
        let seen = effects.glimpse(key("k")).await.expect("room again");
        change(&mut effects, n);
        effects.forget(seen);
    }
    let same = vec![key("k"); 4];
    assert_eq!(effects.get_many(&same).await.expect("an answer").len(), 4);
    let too_many = effects.get_many(&vec![key("k"); 5]).await;
    assert_eq!(
        denied(too_many),
        "one answer may take 10000 bytes",
        "it would be copied each time"
    );
}

async fn all_keys(effects: &mut Buffer) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = effects.keys("b", after.as_deref()).await.expect("keys");
        assert!(page.keys.len() <= PAGE_KEYS);
        all.extend(page.keys);
        match page.end {
            Some(end) => after = Some(end),
            None => return all,
        }
    }
}

#[tokio::test]
async fn cursors_that_are_numbers_stand_for_keys() {
    let mut effects = buffer(&Arc::new(MemoryStore::new()));
    assert_eq!(effects.number_page_end("a".into()).expect("room"), 1);
    assert_eq!(effects.number_page_end("b".into()).expect("room"), 2);
    assert_eq!(effects.page_end(1).expect("the first"), "a");
    assert_eq!(effects.page_end(2).expect("the second"), "b");
    for unknown in [0, 3, u64::MAX] {
        assert_eq!(
            denied(effects.page_end(unknown)),
            format!("{unknown} is no cursor that this run was given")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_what_is_committed_with_the_writes_over_it(
        committed in proptest::collection::btree_set(0..2_000u32, 0..700),
        added in proptest::collection::btree_set(0..2_000u32, 0..600),
        removed in proptest::collection::btree_set(0..2_000u32, 0..600),
    ) {
        let name = |number: &u32| format!("{number:04}");
        let names = |numbers: &BTreeSet<u32>| numbers.iter().map(name).collect::<BTreeSet<_>>();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let listed = runtime.block_on(async {
            let values: Vec<_> = names(&committed).into_iter().collect();
            let values: Vec<_> = values.iter().map(|name| (name.as_str(), "v")).collect();
            let inbox = inbox_with(&values).await;
            let limits = Limits { kv_writes_max: 10_000, ..Limits::default() };
            let mut effects = buffer_with(&inbox, &limits);
            added.iter().for_each(|number| effects.put(key(&name(number)), some("v")).expect("put"));
            removed.iter().for_each(|number| effects.put(key(&name(number)), None).expect("put"));
            effects.put(Key { bucket: "other".into(), key: "elsewhere".into() }, some("v")).expect("put");
            all_keys(&mut effects).await
        });
        let expected: Vec<_> = committed.union(&added).filter(|number| !removed.contains(number)).map(name).collect();
        prop_assert_eq!(listed, expected);
    }
}

#[tokio::test]
async fn writes_are_bounded_by_keys_and_by_bytes() {
    let limits = Limits {
        kv_writes_max: 2,
        kv_write_bytes_max: 20,
        ..Limits::default()
    };
    let mut effects = buffer_with(&inbox_with(&[]).await, &limits);
    effects.put(key("a"), some("1234")).expect("room");
    effects.put(key("b"), None).expect("room");
    assert_eq!(
        denied(effects.put(key("c"), some("1"))),
        "one run may write 2 keys"
    );
    assert_eq!(
        effects.denial(),
        Some(Outcome::Exceeded {
            limit: Limit::KvWrites,
            max: 2
        })
    );
    // Bucket, key and value: 2 bytes of `b`, 18 left for `a`.
    effects
        .put(key("a"), some("1234567890123456"))
        .expect("room for one byte less");
    assert_eq!(
        denied(effects.put(key("a"), some("12345678901234567"))),
        "one run may write 20 bytes in all"
    );
    assert_eq!(
        effects.denial(),
        Some(Outcome::Exceeded {
            limit: Limit::KvWriteBytes,
            max: 20
        })
    );
    effects
        .put(key("a"), some("1"))
        .expect("what it wrote before counts no more");
    effects.put(key("b"), some("12345678")).expect("room");
    assert_eq!(effects.into_effects().writes.len(), 2);
}
