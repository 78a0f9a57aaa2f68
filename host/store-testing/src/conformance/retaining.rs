//! Retention: finished events are kept as long as the limits allow, and unfinished events are
//! always kept.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Event, Next, Outcome};

use super::support::{
    append, at, claim_of, claim_one, event, event_of, failed, plugin, request, route,
    route_orders_to_ship, secs, settle, summaries,
};
use super::{Case, TestStore, table};
use hookyard_store::{AppendResult, PruneSummary, Retention, RetentionLimits};

pub(super) const CASES: &[Case] = table![
    no_limits_keep_everything,
    old_event_goes_with_its_history,
    unfinished_event_is_kept,
    byte_limit_removes_oldest_first,
    each_tenant_has_its_limits,
    prune_step_respects_limit,
    pruned_expired_key_is_free,
    event_finished_later_goes_later,
    pruning_leaves_kept_events_unchanged,
    unrouted_events_have_own_age_limit,
];

fn age(secs: u64) -> RetentionLimits {
    RetentionLimits {
        age_max: Some(Duration::from_secs(secs)),
        bytes_max: None,
        ..RetentionLimits::default()
    }
}

fn bytes(count: u64) -> RetentionLimits {
    RetentionLimits {
        age_max: None,
        bytes_max: Some(count),
        ..RetentionLimits::default()
    }
}

fn all(keep: RetentionLimits) -> Retention {
    Retention {
        fallback: keep,
        by_tenant: BTreeMap::new(),
    }
}

async fn prune(store: &TestStore, limits: &Retention, now: i64) -> PruneSummary {
    let mut all = PruneSummary::default();
    loop {
        let step = store
            .prune(limits, at(now), 100)
            .await
            .expect("a step of pruning");
        all.count += step.count;
        all.bytes += step.bytes;
        if !step.more {
            return all;
        }
    }
}

/// Returns an event of exactly 100 bytes.
fn sized(from: &str, number: u64) -> Event {
    Event {
        headers: Vec::new(),
        body: Bytes::from(vec![b'x'; 100]),
        ..event_of(from, number)
    }
}

async fn handle_all(store: &TestStore) {
    let requests = [request("acme/ship", 999), request("umbrella/ship", 999)];
    for job in claim_of(store, &requests, 900).await {
        settle(store, &job.lease, Outcome::Done, Next::Done).await;
    }
}

async fn kept(store: &TestStore) -> Vec<String> {
    summaries(store)
        .await
        .into_iter()
        .map(|event| event.key)
        .collect()
}

async fn no_limits_keep_everything(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;
    handle_all(&store).await;
    assert_eq!(
        prune(&store, &Retention::default(), 1_000_000_000).await,
        PruneSummary::default()
    );
    assert_eq!(kept(&store).await.len(), 3);
}

async fn old_event_goes_with_its_history(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=4).map(|number| sized("acme/orders", number))).await;
    handle_all(&store).await;
    assert_eq!(
        prune(&store, &all(age(100)), 100).await.count,
        0,
        "a limit that is not passed"
    );

    let pruned = prune(&store, &all(age(100)), 102).await;
    assert_eq!((pruned.count, pruned.bytes), (2, 200));
    assert_eq!(kept(&store).await, ["key-3", "key-4"]);
    assert_eq!(store.read(event(1).id).await.expect("a read"), None);
    assert!(store.read(event(3).id).await.expect("a read").is_some());
}

async fn unfinished_event_is_kept(store: TestStore) {
    append(&store, [event_of("acme/unrouted", 1)]).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, (2..=6).map(event)).await;

    for job in claim_of(&store, &[request("acme/audit", 9)], 100).await {
        settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    }

    let claimed = claim_of(&store, &[request("acme/ship", 4)], 100).await;
    settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    settle(&store, &claimed[2].lease, failed(), store.until(500)).await;

    let strict = RetentionLimits {
        age_max: Some(Duration::from_secs(1)),
        bytes_max: Some(1),
        ..RetentionLimits::default()
    };
    assert_eq!(prune(&store, &all(strict), 1000).await.count, 2);
    assert_eq!(
        kept(&store).await,
        ["key-1", "key-4", "key-5", "key-6"],
        "no plugin yet, waiting, leased, pending"
    );

    route(&store, &[]).await;
    assert_eq!(
        prune(&store, &all(strict), 1000).await.count,
        0,
        "nor what is held"
    );

    settle(&store, &claimed[3].lease, Outcome::Done, Next::Done).await;
    assert_eq!(prune(&store, &all(strict), 1000).await.count, 1);
}

async fn byte_limit_removes_oldest_first(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=6).map(|number| sized("acme/orders", number))).await;
    handle_all(&store).await;
    assert_eq!(prune(&store, &all(bytes(600)), 1000).await.count, 0);
    assert_eq!(prune(&store, &all(bytes(350)), 1000).await.count, 3);
    assert_eq!(kept(&store).await, ["key-4", "key-5", "key-6"]);

    append(&store, [sized("acme/orders", 7)]).await;
    assert_eq!(
        prune(&store, &all(bytes(350)), 1000).await.count,
        1,
        "what was freed is no longer counted"
    );
    assert_eq!(kept(&store).await, ["key-5", "key-6", "key-7"]);
}

async fn each_tenant_has_its_limits(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&store, (1..=3).map(|number| sized("acme/orders", number))).await;
    append(
        &store,
        (4..=6).map(|number| sized("umbrella/orders", number)),
    )
    .await;
    handle_all(&store).await;

    let acme = plugin("acme/ship").tenant;
    let limits = Retention {
        fallback: bytes(250),
        by_tenant: [(acme.clone(), RetentionLimits::default())].into(),
    };

    prune(&store, &limits, 1000).await;
    assert_eq!(
        kept(&store).await,
        ["key-1", "key-2", "key-3", "key-5", "key-6"]
    );

    let limits = Retention {
        fallback: RetentionLimits::default(),
        by_tenant: [(acme, age(100))].into(),
    };

    prune(&store, &limits, 1000).await;
    assert_eq!(kept(&store).await, ["key-5", "key-6"]);
}

async fn prune_step_respects_limit(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=5).map(|number| sized("acme/orders", number))).await;
    handle_all(&store).await;

    let limits = all(age(1));
    let first = store.prune(&limits, at(1000), 2).await.expect("a step");
    assert_eq!(
        first,
        PruneSummary {
            count: 2,
            bytes: 200,
            more: true
        }
    );
    assert_eq!(
        kept(&store).await,
        ["key-3", "key-4", "key-5"],
        "the oldest first"
    );
    assert!(
        store
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .more
    );
    assert_eq!(
        store
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .count,
        1
    );
    assert_eq!(
        store.prune(&limits, at(1000), 2).await.expect("a step"),
        PruneSummary::default()
    );
}

async fn pruned_expired_key_is_free(store: TestStore) {
    route_orders_to_ship(&store).await;

    let until = Event {
        key_window: secs(50),
        ..event(1)
    };

    append(&store, [until]).await;
    handle_all(&store).await;
    assert_eq!(prune(&store, &all(age(1)), 1000).await.count, 1);

    let again = Event {
        key: event(1).key,
        ..event(99)
    };
    store.set(1000);
    assert_eq!(
        store.append(again).await.expect("an append"),
        AppendResult::New
    );
    assert_eq!(claim_one(&store, 1000).await.event.id, event(99).id);
}

async fn event_finished_later_goes_later(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=9).map(|number| sized("acme/orders", number))).await;

    let claimed = claim_of(&store, &[request("acme/ship", 9)], 100).await;
    let end = async |at: usize| settle(&store, &claimed[at].lease, Outcome::Done, Next::Done).await;
    for at in [3, 4, 5, 6, 7, 8] {
        end(at).await;
    }

    let limits = all(age(1));
    assert_eq!(
        store
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .count,
        2
    );

    // An event that is older than the events that were just removed.
    end(0).await;
    assert_eq!(
        prune(&store, &limits, 1000).await.count + prune(&store, &limits, 1000).await.count,
        5
    );
    assert_eq!(kept(&store).await, ["key-2", "key-3"]);
}

async fn pruning_leaves_kept_events_unchanged(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=4).map(event)).await;

    let claimed = claim_of(&store, &[request("acme/ship", 2)], 100).await;
    settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;

    let before = summaries(&store).await;
    assert_eq!(prune(&store, &all(age(1)), 1000).await.count, 1);
    assert_eq!(summaries(&store).await, before[1..]);

    settle(&store, &claimed[1].lease, Outcome::Done, Next::Done).await;
    assert_eq!(
        claim_of(&store, &[request("acme/ship", 9)], 110)
            .await
            .len(),
        2
    );

    let late = Event {
        received_at: at(2000),
        ..event(5)
    };

    append(&store, [late]).await;
    assert_eq!(kept(&store).await, ["key-2", "key-3", "key-4", "key-5"]);
}

async fn unrouted_events_have_own_age_limit(store: TestStore) {
    append(&store, (1..=3).map(|number| sized("acme/payments", number))).await;
    append(&store, [sized("umbrella/payments", 1_000)]).await;
    route_orders_to_ship(&store).await;
    append(&store, [sized("acme/orders", 4), sized("acme/orders", 5)]).await;
    let keep = |secs| RetentionLimits {
        unrouted_max_age: Some(Duration::from_secs(secs)),
        ..RetentionLimits::default()
    };
    assert_eq!(prune(&store, &all(keep(500)), 400).await.count, 0);

    let first = store
        .prune(&all(keep(100)), at(102), 1)
        .await
        .expect("a step");
    assert_eq!(
        (first.count, first.bytes, first.more),
        (1, 100, true),
        "no more than the limit of a step"
    );
    assert_eq!(
        kept(&store).await,
        ["key-2", "key-3", "key-1000", "key-4", "key-5"]
    );
    assert_eq!(prune(&store, &all(keep(100)), 102).await.count, 1);
    assert_eq!(kept(&store).await, ["key-3", "key-1000", "key-4", "key-5"]);
    assert_eq!(store.unrouted().await.expect("tallies")[0].count, 1);

    let of_umbrella = Retention {
        fallback: RetentionLimits::default(),
        by_tenant: [(plugin("umbrella/ship").tenant, keep(1))].into(),
    };
    assert_eq!(prune(&store, &of_umbrella, 2_000).await.count, 1);
    assert_eq!(kept(&store).await, ["key-3", "key-4", "key-5"]);
    assert_eq!(
        prune(&store, &all(age(1)), 2_000).await.count,
        0,
        "the other limits do not apply to unrouted events"
    );
}
