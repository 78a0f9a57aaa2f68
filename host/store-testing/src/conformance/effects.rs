//! Effects: the effects of an attempt commit with its outcome, all of them or none, and only once.

use bytes::Bytes;
use hookyard_model::{
    Effects, Key, Limit, Next, Outcome, PluginRef, ReadVersion, Versioned, WorkState, Write,
};

use super::support::{
    append, claim, claim_of, claim_one, event, event_of, failed, jobs, message, messages, plugin,
    request, route, route_orders_to_ship, settlement,
};
use super::{Case, TestStore, table};
use hookyard_store::{ClaimedJob, Error, JobLease, KvUsage, Settlement};

pub(super) const CASES: &[Case] = table![
    effects_commit_with_outcome,
    effects_of_failed_attempt_are_dropped,
    effects_of_lost_lease_are_dropped,
    effects_commit_once,
    each_write_has_new_version,
    keys_are_separate_by_bucket_and_plugin,
    keys_and_values_keep_their_bytes,
    changed_key_is_conflict,
    added_or_removed_key_is_conflict,
    unchanged_key_is_not_conflict,
    concurrent_increments_lose_nothing,
    keys_are_listed_in_byte_order,
    usage_counts_names_and_values,
    writes_over_quota_change_nothing,
    store_over_quota_may_shrink,
];

fn key(bucket: &str, key: &str) -> Key {
    Key {
        bucket: bucket.into(),
        key: key.into(),
    }
}

fn put(name: &str, value: &str) -> Write {
    Write {
        key: key("b", name),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    }
}

fn delete(name: &str) -> Write {
    Write {
        key: key("b", name),
        value: None,
    }
}

fn writes(writes: impl IntoIterator<Item = Write>) -> Effects {
    Effects {
        writes: writes.into_iter().collect(),
        ..Effects::default()
    }
}

fn seen(name: &str, version: Option<u64>) -> ReadVersion {
    ReadVersion {
        key: key("b", name),
        version,
    }
}

fn done(lease: &JobLease, effects: Effects) -> Settlement {
    Settlement {
        effects,
        ..settlement(lease, Outcome::Done, Next::Done)
    }
}

/// Handles another event of `acme/orders` with these effects.
async fn handle(store: &TestStore, number: u64, effects: Effects) -> Result<(), Error> {
    append(store, [event(number)]).await;
    let job = claim_one(store, 10_000).await;
    store.settle(done(&job.lease, effects)).await
}

async fn value(store: &TestStore, name: &str) -> Option<Versioned> {
    store
        .value(&plugin("acme/ship"), &key("b", name))
        .await
        .expect("a read")
}

async fn text(store: &TestStore, name: &str) -> Option<String> {
    value(store, name)
        .await
        .map(|found| String::from_utf8(found.value.to_vec()).expect("a text"))
}

async fn version(store: &TestStore, name: &str) -> u64 {
    value(store, name).await.expect("a value").version
}

async fn usage(store: &TestStore) -> (u64, u64) {
    let KvUsage { keys, bytes } = store.usage(&plugin("acme/ship")).await.expect("a usage");
    (keys, bytes)
}

/// Checks that the settlement stored nothing and that the job is still leased.
async fn assert_untouched(store: &TestStore, number: u64) {
    let [job] = <[_; 1]>::try_from(jobs(store, number).await).expect("one job");
    assert!(matches!(job.state, WorkState::Leased { .. }), "{job:?}");
    assert_eq!(job.last_outcome, None);
    assert_eq!(messages(store).await, []);
}

async fn effects_commit_with_outcome(store: TestStore) {
    route_orders_to_ship(&store).await;
    assert_eq!(value(&store, "a").await, None);
    assert_eq!(usage(&store).await, (0, 0));

    let effects = Effects {
        messages: vec![message(1)],
        ..writes([put("a", "1"), put("b", "2")])
    };

    handle(&store, 1, effects).await.expect("a settlement");
    assert_eq!(
        (text(&store, "a").await, text(&store, "b").await),
        (Some("1".into()), Some("2".into()))
    );
    assert_eq!(messages(&store).await.len(), 1);
    assert_eq!(jobs(&store, 1).await[0].state, WorkState::Done);

    handle(&store, 2, writes([delete("a"), delete("never-there")]))
        .await
        .expect("a settlement");
    assert_eq!(
        (text(&store, "a").await, text(&store, "b").await),
        (None, Some("2".into()))
    );
}

async fn effects_of_failed_attempt_are_dropped(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let rejected = Outcome::Rejected {
        reason: "no".into(),
    };

    for outcome in [failed(), rejected, Outcome::OutOfMemory { max: 1 }] {
        let job = claim_one(&store, 10).await;
        let stale = Effects {
            reads: vec![seen("a", Some(77))],
            messages: vec![message(1)],
            ..writes([put("a", "1")])
        };
        let next = store.until(10);
        let ended = Settlement {
            effects: stale,
            quota: KvUsage::default(),
            ..settlement(&job.lease, outcome, next)
        };
        store
            .settle(ended)
            .await
            .expect("what is dropped is not checked");
    }

    assert_eq!(jobs(&store, 1).await[0].attempts, 3);
    assert_eq!(value(&store, "a").await, None);
    assert_eq!(usage(&store).await, (0, 0));
    assert_eq!(messages(&store).await, []);
}

async fn effects_of_lost_lease_are_dropped(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let lost = claim_one(&store, 10).await;
    let job = claim_one(&store, 1000).await;
    let effects = Effects {
        messages: vec![message(1)],
        ..writes([put("a", "lost")])
    };
    let answer = store.settle(done(&lost.lease, effects)).await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");
    assert_eq!(value(&store, "a").await, None);
    assert_untouched(&store, 1).await;

    store
        .settle(done(&job.lease, writes([put("a", "kept")])))
        .await
        .expect("a settlement");
    assert_eq!(text(&store, "a").await.as_deref(), Some("kept"));
}

async fn effects_commit_once(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    let effects = Effects {
        messages: vec![message(1)],
        ..writes([put("a", "1")])
    };

    store
        .settle(done(&job.lease, effects.clone()))
        .await
        .expect("a settlement");

    let before = version(&store, "a").await;
    let again = store.settle(done(&job.lease, effects)).await;
    again.expect("it is settled already");
    assert_eq!(version(&store, "a").await, before);
    assert_eq!(messages(&store).await.len(), 1);
}

async fn each_write_has_new_version(store: TestStore) {
    route_orders_to_ship(&store).await;

    let mut versions = Vec::new();
    for number in 1..=3 {
        // The value is the same each time and is deleted in between. Even then no version is used
        // twice.
        handle(&store, number, writes([put("a", "same")]))
            .await
            .expect("a settlement");
        versions.push(version(&store, "a").await);
        handle(&store, number + 10, writes([delete("a")]))
            .await
            .expect("a settlement");
    }

    versions.dedup();
    assert_eq!(versions.len(), 3, "{versions:?}");
    assert!(versions.is_sorted(), "{versions:?}");
}

async fn keys_are_separate_by_bucket_and_plugin(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;
    append(&store, [event(1), event_of("umbrella/orders", 2)]).await;

    let requests = [
        request("acme/audit", 1),
        request("acme/ship", 1),
        request("umbrella/ship", 1),
    ];
    for job in claim_of(&store, &requests, 10).await {
        let value = |bucket: &str| Some(Bytes::from(format!("{} {bucket}", job.lease.plugin)));
        let to = |bucket: &str| Write {
            key: key(bucket, "a"),
            value: value(bucket),
        };
        store
            .settle(done(&job.lease, writes([to("b"), to("B"), to("")])))
            .await
            .expect("a settlement");
    }

    for owner in ["acme/audit", "acme/ship", "umbrella/ship"] {
        for bucket in ["b", "B", ""] {
            let found = store
                .value(&plugin(owner), &key(bucket, "a"))
                .await
                .expect("a read")
                .expect("a value");
            assert_eq!(found.value, format!("{owner} {bucket}"));
            assert_eq!(keys(&store, &plugin(owner), bucket, None, 9).await, ["a"]);
        }
        assert_eq!(store.usage(&plugin(owner)).await.expect("a usage").keys, 3);
    }

    assert_eq!(
        store
            .value(&plugin("umbrella/audit"), &key("b", "a"))
            .await
            .expect("a read"),
        None
    );
}

async fn keys_and_values_keep_their_bytes(store: TestStore) {
    route_orders_to_ship(&store).await;
    let all = Bytes::from((0..=255).collect::<Vec<u8>>().repeat(100));
    for (number, name) in (1..).zip(["", " ", "a\0b", "a", "A", "é", "e\u{301}", "\u{1f980}"]) {
        let write = Write {
            key: key("", name),
            value: Some(all.clone()),
        };
        handle(&store, number, writes([write]))
            .await
            .expect("a settlement");
        let found = store
            .value(&plugin("acme/ship"), &key("", name))
            .await
            .expect("a read");
        assert!(found.is_some_and(|found| found.value == all), "{name:?}");
    }
    assert_eq!(usage(&store).await.0, 8, "none of them is another");
    handle(&store, 9, writes([put("empty", "")]))
        .await
        .expect("a settlement");
    assert_eq!(
        text(&store, "empty").await.as_deref(),
        Some(""),
        "an empty value is a value"
    );
}

/// Checks that an attempt with these reads commits nothing.
async fn assert_conflict(store: &TestStore, number: u64, went_by: Vec<ReadVersion>, name: &str) {
    let before = (
        value(store, "a").await,
        value(store, "new").await,
        usage(store).await,
    );
    let effects = Effects {
        reads: went_by,
        messages: vec![message(1)],
        ..writes([put("a", "x"), put("new", "x")])
    };
    let answer = handle(store, number, effects).await;

    assert!(
        matches!(&answer, Err(Error::Conflict(at)) if *at == key("b", name)),
        "{answer:?}"
    );
    assert_eq!(
        (
            value(store, "a").await,
            value(store, "new").await,
            usage(store).await
        ),
        before
    );
    assert_untouched(store, number).await;
}

async fn changed_key_is_conflict(store: TestStore) {
    route_orders_to_ship(&store).await;
    handle(&store, 1, writes([put("a", "1"), put("c", "1")]))
        .await
        .expect("a settlement");

    let (a, c) = (version(&store, "a").await, version(&store, "c").await);
    handle(&store, 2, writes([put("a", "1")]))
        .await
        .expect("a settlement");
    assert_conflict(&store, 3, vec![seen("c", Some(c)), seen("a", Some(a))], "a").await;
}

async fn added_or_removed_key_is_conflict(store: TestStore) {
    route_orders_to_ship(&store).await;
    handle(&store, 1, writes([put("a", "1"), put("c", "1")]))
        .await
        .expect("a settlement");

    let c = version(&store, "c").await;
    handle(&store, 2, writes([delete("c")]))
        .await
        .expect("a settlement");
    assert_conflict(&store, 3, vec![seen("a", None)], "a").await;
    assert_conflict(&store, 4, vec![seen("c", Some(c))], "c").await;
}

async fn unchanged_key_is_not_conflict(store: TestStore) {
    route_orders_to_ship(&store).await;
    handle(&store, 1, writes([put("a", "1")]))
        .await
        .expect("a settlement");

    let went_by = vec![seen("a", Some(version(&store, "a").await)), seen("b", None)];
    handle(&store, 2, writes([put("c", "1")]))
        .await
        .expect("a settlement");

    let effects = Effects {
        reads: went_by,
        ..writes([put("a", "2"), put("b", "1")])
    };

    handle(&store, 3, effects).await.expect("a settlement");
    assert_eq!(text(&store, "a").await.as_deref(), Some("2"));
}

async fn concurrent_increments_lose_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (0..16).map(event)).await;

    let attempts = claim(&store, 16, 100).await.into_iter().map(|job| {
        let store = store.clone();
        tokio::spawn(async move { increment(&store, &job).await })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.expect("the task ends well");
    }

    assert_eq!(text(&store, "count").await.as_deref(), Some("16"));
}

async fn increment(store: &TestStore, job: &ClaimedJob) {
    loop {
        let found = value(store, "count").await;
        tokio::task::yield_now().await;
        let count = found.as_ref().map_or(0, |found| {
            str_of(&found.value).parse::<u32>().expect("a number")
        });
        let went_by = vec![seen("count", found.map(|found| found.version))];
        let effects = Effects {
            reads: went_by,
            ..writes([put("count", &(count + 1).to_string())])
        };
        match store.settle(done(&job.lease, effects)).await {
            Ok(()) => return,
            Err(Error::Conflict(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn str_of(value: &[u8]) -> &str {
    std::str::from_utf8(value).expect("a text")
}

async fn keys(
    store: &TestStore,
    plugin: &PluginRef,
    bucket: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    store
        .keys(plugin, bucket, after, limit)
        .await
        .expect("the keys")
}

async fn keys_are_listed_in_byte_order(store: TestStore) {
    route_orders_to_ship(&store).await;
    let other = Write {
        key: key("other", "zz"),
        value: Some(Bytes::new()),
    };
    let all = ["é", "b", "", "B", "a", "ab"].map(|name| put(name, "1"));
    handle(&store, 1, writes(all.into_iter().chain([other])))
        .await
        .expect("a settlement");
    let ship = plugin("acme/ship");
    let sorted = ["", "B", "a", "ab", "b", "é"];
    assert_eq!(keys(&store, &ship, "b", None, 9).await, sorted);
    assert_eq!(keys(&store, &ship, "b", None, 2).await, sorted[..2]);
    assert_eq!(keys(&store, &ship, "b", Some(""), 2).await, sorted[1..3]);
    assert_eq!(
        keys(&store, &ship, "b", Some("aa"), 9).await,
        sorted[3..],
        "a missing key still has a position"
    );
    assert_eq!(keys(&store, &ship, "b", Some("é"), 9).await, [""; 0]);
    assert_eq!(keys(&store, &ship, "c", None, 9).await, [""; 0]);
    assert_eq!(
        keys(&store, &plugin("acme/audit"), "b", None, 9).await,
        [""; 0]
    );
}

async fn usage_counts_names_and_values(store: TestStore) {
    route_orders_to_ship(&store).await;

    let steps = [
        (vec![put("key", "12345"), put("é", "")], (2, 12)),
        (vec![put("key", "1234567")], (2, 14)),
        (vec![put("key", "1"), put("k", "1")], (3, 11)),
        (vec![delete("key"), delete("gone")], (2, 6)),
        (vec![delete("é"), delete("k")], (0, 0)),
        (Vec::new(), (0, 0)),
    ];
    for (number, (step, expected)) in (1..).zip(steps) {
        handle(&store, number, writes(step))
            .await
            .expect("a settlement");
        assert_eq!(usage(&store).await, expected, "after step {number}");
    }
}

async fn settle_within(
    store: &TestStore,
    lease: &JobLease,
    quota: (u64, u64),
    all: Vec<Write>,
) -> Result<(), Error> {
    let quota = KvUsage {
        keys: quota.0,
        bytes: quota.1,
    };

    store
        .settle(Settlement {
            quota,
            ..done(lease, writes(all))
        })
        .await
}

async fn writes_over_quota_change_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    handle(&store, 1, writes([put("a", "12"), put("c", "12")]))
        .await
        .expect("a settlement");
    append(&store, [event(2)]).await;

    let job = claim_one(&store, 10).await;
    let cases = [
        ((2, 99), vec![put("d", "1")], (Limit::KvKeys, 2)),
        ((9, 10), vec![put("d", "1")], (Limit::KvBytes, 10)),
        ((9, 10), vec![put("a", "12345")], (Limit::KvBytes, 10)),
    ];
    for (quota, all, expected) in cases {
        let answer = settle_within(&store, &job.lease, quota, all).await;
        assert!(
            matches!(answer, Err(Error::OverQuota { limit, max }) if (limit, max) == expected),
            "{answer:?}"
        );
        assert_eq!(usage(&store).await, (2, 8));
        assert_eq!(text(&store, "a").await.as_deref(), Some("12"));
        assert_untouched(&store, 2).await;
    }

    let swap = vec![put("d", "1234"), delete("a")];
    settle_within(&store, &job.lease, (2, 10), swap)
        .await
        .expect("what goes makes room for what comes");
    assert_eq!(usage(&store).await, (2, 10));
}

async fn store_over_quota_may_shrink(store: TestStore) {
    route_orders_to_ship(&store).await;
    handle(&store, 1, writes([put("a", "12"), put("c", "12")]))
        .await
        .expect("a settlement");
    append(&store, [event(2), event(3)]).await;

    let claimed = claim(&store, 2, 10).await;
    settle_within(&store, &claimed[0].lease, (0, 0), Vec::new())
        .await
        .expect("nothing is written");
    settle_within(
        &store,
        &claimed[1].lease,
        (0, 0),
        vec![delete("a"), put("c", "1")],
    )
    .await
    .expect("it shrinks");
    assert_eq!(usage(&store).await, (1, 3));
}
