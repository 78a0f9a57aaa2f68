//! What is over is kept for as long as the limits say; what isn't over is kept whatever they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Event, Outcome, WorkState};

use super::support::{
    append, at, claim_of, claim_one, event, event_of, failed, plugin, route, route_orders_to_ship,
    settle, summaries, want,
};
use super::{Case, table};
use hookyard_store::{AppendResult, PruneSummary, Retention, RetentionLimits, Store};

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

async fn prune(inbox: &Arc<dyn Store>, limits: &Retention, now: i64) -> PruneSummary {
    let mut all = PruneSummary::default();
    loop {
        let step = inbox
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

/// An event of exactly 100 bytes.
fn sized(from: &str, number: u64) -> Event {
    Event {
        headers: Vec::new(),
        body: Bytes::from(vec![b'x'; 100]),
        ..event_of(from, number)
    }
}

async fn handle_all(inbox: &Arc<dyn Store>) {
    let wanted = [want("acme/ship", 999), want("umbrella/ship", 999)];
    for job in claim_of(inbox, &wanted, 900).await {
        settle(inbox, &job.lease, Outcome::Done, WorkState::Done).await;
    }
}

async fn kept(inbox: &Arc<dyn Store>) -> Vec<String> {
    summaries(inbox)
        .await
        .into_iter()
        .map(|event| event.key)
        .collect()
}

async fn no_limits_keep_everything(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=3).map(event)).await;
    handle_all(&inbox).await;
    assert_eq!(
        prune(&inbox, &Retention::default(), 1_000_000_000).await,
        PruneSummary::default()
    );
    assert_eq!(kept(&inbox).await.len(), 3);
}

async fn old_event_goes_with_its_history(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=4).map(|number| sized("acme/orders", number))).await;
    handle_all(&inbox).await;
    assert_eq!(
        prune(&inbox, &all(age(100)), 100).await.count,
        0,
        "a limit that is not passed"
    );

    let pruned = prune(&inbox, &all(age(100)), 102).await;
    assert_eq!((pruned.count, pruned.bytes), (2, 200));
    assert_eq!(kept(&inbox).await, ["key-3", "key-4"]);
    assert_eq!(inbox.read(event(1).id).await.expect("a read"), None);
    assert!(inbox.read(event(3).id).await.expect("a read").is_some());
}

async fn unfinished_event_is_kept(inbox: Arc<dyn Store>) {
    append(&inbox, [event_of("acme/unrouted", 1)]).await;
    route(&inbox, &[("acme/orders", &["audit", "ship"])]).await;
    append(&inbox, (2..=6).map(event)).await;

    for job in claim_of(&inbox, &[want("acme/audit", 9)], 100).await {
        settle(&inbox, &job.lease, Outcome::Done, WorkState::Done).await;
    }

    let claimed = claim_of(&inbox, &[want("acme/ship", 4)], 100).await;
    settle(&inbox, &claimed[0].lease, Outcome::Done, WorkState::Done).await;
    settle(&inbox, &claimed[1].lease, failed(), WorkState::Dead).await;
    settle(
        &inbox,
        &claimed[2].lease,
        failed(),
        WorkState::Waiting { until: at(500) },
    )
    .await;

    let strict = RetentionLimits {
        age_max: Some(Duration::from_secs(1)),
        bytes_max: Some(1),
        ..RetentionLimits::default()
    };
    assert_eq!(prune(&inbox, &all(strict), 1000).await.count, 2);
    assert_eq!(
        kept(&inbox).await,
        ["key-1", "key-4", "key-5", "key-6"],
        "no plugin yet, waiting, leased, pending"
    );

    route(&inbox, &[]).await;
    assert_eq!(
        prune(&inbox, &all(strict), 1000).await.count,
        0,
        "nor what is held"
    );

    settle(&inbox, &claimed[3].lease, Outcome::Done, WorkState::Done).await;
    assert_eq!(prune(&inbox, &all(strict), 1000).await.count, 1);
}

async fn byte_limit_removes_oldest_first(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=6).map(|number| sized("acme/orders", number))).await;
    handle_all(&inbox).await;
    assert_eq!(prune(&inbox, &all(bytes(600)), 1000).await.count, 0);
    assert_eq!(prune(&inbox, &all(bytes(350)), 1000).await.count, 3);
    assert_eq!(kept(&inbox).await, ["key-4", "key-5", "key-6"]);

    append(&inbox, [sized("acme/orders", 7)]).await;
    assert_eq!(
        prune(&inbox, &all(bytes(350)), 1000).await.count,
        1,
        "what was freed is no longer counted"
    );
    assert_eq!(kept(&inbox).await, ["key-5", "key-6", "key-7"]);
}

async fn each_tenant_has_its_limits(inbox: Arc<dyn Store>) {
    route(
        &inbox,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&inbox, (1..=3).map(|number| sized("acme/orders", number))).await;
    append(
        &inbox,
        (4..=6).map(|number| sized("umbrella/orders", number)),
    )
    .await;
    handle_all(&inbox).await;

    let acme = plugin("acme/ship").tenant;
    let limits = Retention {
        fallback: bytes(250),
        by_tenant: [(acme.clone(), RetentionLimits::default())].into(),
    };

    prune(&inbox, &limits, 1000).await;
    assert_eq!(
        kept(&inbox).await,
        ["key-1", "key-2", "key-3", "key-5", "key-6"]
    );

    let limits = Retention {
        fallback: RetentionLimits::default(),
        by_tenant: [(acme, age(100))].into(),
    };

    prune(&inbox, &limits, 1000).await;
    assert_eq!(kept(&inbox).await, ["key-5", "key-6"]);
}

async fn prune_step_respects_limit(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=5).map(|number| sized("acme/orders", number))).await;
    handle_all(&inbox).await;

    let limits = all(age(1));
    let first = inbox.prune(&limits, at(1000), 2).await.expect("a step");
    assert_eq!(
        first,
        PruneSummary {
            count: 2,
            bytes: 200,
            more: true
        }
    );
    assert_eq!(
        kept(&inbox).await,
        ["key-3", "key-4", "key-5"],
        "the oldest first"
    );
    assert!(
        inbox
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .more
    );
    assert_eq!(
        inbox
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .count,
        1
    );
    assert_eq!(
        inbox.prune(&limits, at(1000), 2).await.expect("a step"),
        PruneSummary::default()
    );
}

async fn pruned_expired_key_is_free(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;

    let until = Event {
        key_until: at(50),
        ..event(1)
    };

    append(&inbox, [until]).await;
    handle_all(&inbox).await;
    assert_eq!(prune(&inbox, &all(age(1)), 1000).await.count, 1);

    let again = Event {
        key: event(1).key,
        ..event(99)
    };
    assert_eq!(
        inbox.append(again).await.expect("an append"),
        AppendResult::New
    );
    assert_eq!(claim_one(&inbox, 1000).await.event.id, event(99).id);
}

async fn event_finished_later_goes_later(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=9).map(|number| sized("acme/orders", number))).await;

    let claimed = claim_of(&inbox, &[want("acme/ship", 9)], 100).await;
    let end =
        async |at: usize| settle(&inbox, &claimed[at].lease, Outcome::Done, WorkState::Done).await;
    for at in [3, 4, 5, 6, 7, 8] {
        end(at).await;
    }

    let limits = all(age(1));
    assert_eq!(
        inbox
            .prune(&limits, at(1000), 2)
            .await
            .expect("a step")
            .count,
        2
    );

    // One that is older than those that were just taken out, in the middle of things.
    end(0).await;
    assert_eq!(
        prune(&inbox, &limits, 1000).await.count + prune(&inbox, &limits, 1000).await.count,
        5
    );
    assert_eq!(kept(&inbox).await, ["key-2", "key-3"]);
}

async fn pruning_leaves_kept_events_unchanged(inbox: Arc<dyn Store>) {
    route_orders_to_ship(&inbox).await;
    append(&inbox, (1..=4).map(event)).await;

    let claimed = claim_of(&inbox, &[want("acme/ship", 2)], 100).await;
    settle(&inbox, &claimed[0].lease, Outcome::Done, WorkState::Done).await;

    let before = summaries(&inbox).await;
    assert_eq!(prune(&inbox, &all(age(1)), 1000).await.count, 1);
    assert_eq!(summaries(&inbox).await, before[1..]);

    settle(&inbox, &claimed[1].lease, Outcome::Done, WorkState::Done).await;
    assert_eq!(
        claim_of(&inbox, &[want("acme/ship", 9)], 110).await.len(),
        2
    );

    let late = Event {
        received_at: at(2000),
        ..event(5)
    };

    append(&inbox, [late]).await;
    assert_eq!(kept(&inbox).await, ["key-2", "key-3", "key-4", "key-5"]);
}

async fn unrouted_events_have_own_age_limit(inbox: Arc<dyn Store>) {
    append(&inbox, (1..=3).map(|number| sized("acme/payments", number))).await;
    append(&inbox, [sized("umbrella/payments", 1_000)]).await;
    route_orders_to_ship(&inbox).await;
    append(&inbox, [sized("acme/orders", 4), sized("acme/orders", 5)]).await;
    let keep = |secs| RetentionLimits {
        unrouted_max_age: Some(Duration::from_secs(secs)),
        ..RetentionLimits::default()
    };
    assert_eq!(prune(&inbox, &all(keep(500)), 400).await.count, 0);

    let first = inbox
        .prune(&all(keep(100)), at(102), 1)
        .await
        .expect("a step");
    assert_eq!(
        (first.count, first.bytes, first.more),
        (1, 100, true),
        "no more than the limit of a step"
    );
    assert_eq!(
        kept(&inbox).await,
        ["key-2", "key-3", "key-1000", "key-4", "key-5"]
    );
    assert_eq!(prune(&inbox, &all(keep(100)), 102).await.count, 1);
    assert_eq!(kept(&inbox).await, ["key-3", "key-1000", "key-4", "key-5"]);
    assert_eq!(inbox.unrouted().await.expect("tallies")[0].count, 1);

    let of_umbrella = Retention {
        fallback: RetentionLimits::default(),
        by_tenant: [(plugin("umbrella/ship").tenant, keep(1))].into(),
    };
    assert_eq!(prune(&inbox, &of_umbrella, 2_000).await.count, 1);
    assert_eq!(kept(&inbox).await, ["key-3", "key-4", "key-5"]);
    assert_eq!(
        prune(&inbox, &all(age(1)), 2_000).await.count,
        0,
        "the other limits don't concern what is unrouted"
    );
}
