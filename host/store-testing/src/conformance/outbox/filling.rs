//! Quotas of the outbox: unsent messages are limited in number, in size and in age.

use std::time::Duration;

use hookyard_model::{Effects, Limit, Message, Next, Outcome, PluginRef, WorkState};

use super::support::{
    again, claim, claim_message, commit, failed, id, keyed, numbers, numbers_of, sent, settle,
    state,
};
use crate::conformance::support::{
    append, at, claim_of, claim_one, event, event_of, message, messages, plugin, request, route,
    route_orders_to_ship, settlement,
};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{
    Error, OutboxQuota, OutboxUsage, PruneSummary, Retention, RetentionLimits, Settlement,
};

pub(super) const CASES: &[Case] = table![
    messages_over_quota_change_nothing,
    finished_messages_free_quota,
    tenant_plugins_share_outbox_quota,
    empty_outbox_takes_any_attempt,
    spared_attempts_are_counted,
    unsent_messages_have_own_age_limit,
    pruned_message_frees_successor,
];

const fn unsent(messages: u64, bytes: u64) -> OutboxUsage {
    OutboxUsage { messages, bytes }
}

const ENDLESS: OutboxUsage = unsent(u64::MAX, u64::MAX);

/// Settles the next attempt of the plugin with these messages and returns the limit that prevents
/// it.
async fn ask(
    store: &TestStore,
    of: &str,
    quota: OutboxQuota,
    all: &[Message],
) -> Option<(Limit, u64)> {
    let job = claim_of(store, &[request(of, 1)], 10_000).await.remove(0);
    let effects = Effects {
        messages: all.to_vec(),
        ..Effects::default()
    };

    let asked = Settlement {
        effects,
        outbox: quota,
        ..settlement(&job.lease, Outcome::Done, Next::Done)
    };

    match store.settle(asked).await {
        Ok(()) => None,
        Err(Error::OverQuota { limit, max }) => {
            let full = settlement(&job.lease, Outcome::Exceeded { limit, max }, Next::Dead);
            store.settle(full).await.expect("the lease is held still");
            Some((limit, max))
        }
        Err(error) => panic!("{error}"),
    }
}

async fn usage(store: &TestStore) -> Vec<(PluginRef, OutboxUsage)> {
    store.unsent().await.expect("a count")
}

async fn messages_over_quota_change_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=4).map(event)).await;

    let quota = |messages, bytes| OutboxQuota {
        plugin: unsent(messages, bytes),
        tenant: ENDLESS,
    };
    assert_eq!(usage(&store).await, []);
    // Each message has three bytes.
    assert_eq!(
        ask(
            &store,
            "acme/ship",
            quota(3, 100),
            &[message(1), message(2)]
        )
        .await,
        None
    );

    let two = [message(3), message(4)];
    assert_eq!(
        ask(&store, "acme/ship", quota(3, 100), &two).await,
        Some((Limit::OutboxWaiting, 3))
    );
    assert_eq!(
        ask(&store, "acme/ship", quota(9, 11), &two).await,
        Some((Limit::OutboxWaitingBytes, 11))
    );
    assert_eq!(usage(&store).await, [(plugin("acme/ship"), unsent(2, 6))]);
    assert_eq!(numbers_of(&messages(&store).await), [1, 2]);
    assert_eq!(
        ask(&store, "acme/ship", quota(4, 12), &two).await,
        None,
        "just as much"
    );
}

async fn finished_messages_free_quota(store: TestStore) {
    commit(&store, 1, [message(1), message(2), message(3)]).await;

    let claimed = claim(&store, 2, 10).await;
    assert_eq!(
        usage(&store).await,
        [(plugin("acme/ship"), unsent(3, 9))],
        "what is being sent is not sent yet"
    );

    sent(&store, &claimed[0].lease).await;
    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    assert_eq!(usage(&store).await, [(plugin("acme/ship"), unsent(1, 3))]);

    again(&store, 2).await;
    assert_eq!(
        usage(&store).await,
        [(plugin("acme/ship"), unsent(2, 6))],
        "what is sent again counts again"
    );

    for claimed in claim(&store, 9, 1_000).await {
        settle(&store, &claimed.lease, failed(), store.until(2_000)).await;
    }

    assert_eq!(usage(&store).await, [(plugin("acme/ship"), unsent(2, 6))]);

    for claimed in claim(&store, 9, 2_000).await {
        sent(&store, &claimed.lease).await;
    }

    assert_eq!(usage(&store).await, []);
}

async fn tenant_plugins_share_outbox_quota(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;
    append(
        &store,
        [
            event(1),
            event(2),
            event_of("umbrella/orders", 3),
            event_of("umbrella/orders", 4),
        ],
    )
    .await;

    let quota = OutboxQuota {
        plugin: ENDLESS,
        tenant: unsent(2, 100),
    };
    assert_eq!(
        ask(&store, "acme/ship", quota, &[message(1), message(2)]).await,
        None
    );

    let full = Some((Limit::OutboxTenantWaiting, 2));
    assert_eq!(ask(&store, "acme/audit", quota, &[message(3)]).await, full);
    assert_eq!(
        ask(&store, "umbrella/ship", quota, &[message(4)]).await,
        None,
        "another tenant has its own"
    );

    let bytes = OutboxQuota {
        plugin: ENDLESS,
        tenant: unsent(9, 5),
    };
    let full = Some((Limit::OutboxTenantWaitingBytes, 5));
    assert_eq!(
        ask(&store, "umbrella/ship", bytes, &[message(5)]).await,
        full
    );
    assert_eq!(
        usage(&store).await,
        [
            (plugin("acme/ship"), unsent(2, 6)),
            (plugin("umbrella/ship"), unsent(1, 3))
        ]
    );
}

async fn empty_outbox_takes_any_attempt(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;

    let quota = OutboxQuota {
        plugin: unsent(1, 1),
        tenant: unsent(1, 1),
    };
    assert_eq!(
        ask(&store, "acme/ship", quota, &[message(1), message(2)]).await,
        None
    );
    assert_eq!(
        ask(&store, "acme/ship", quota, &[message(3)]).await,
        Some((Limit::OutboxWaiting, 1))
    );
    assert_eq!(
        ask(&store, "acme/ship", quota, &[]).await,
        None,
        "one that sends nothing needs no room"
    );
}

async fn spared_attempts_are_counted(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let mut spared = Vec::new();
    for (now, is_spared) in [(10, false), (20, true), (30, true), (40, false), (50, true)] {
        let job = claim_one(&store, now).await;
        spared.push((job.lease.attempt, job.spared));
        let next = store.until(now + 10);
        let ended = settlement(
            &job.lease,
            Outcome::Trapped {
                message: String::new(),
            },
            next,
        );
        store
            .settle(Settlement { is_spared, ..ended })
            .await
            .expect("a settlement");
    }

    assert_eq!(
        spared,
        [(1, 0), (2, 0), (3, 1), (4, 2), (5, 2)],
        "before each attempt"
    );
}

/// Prunes messages that were not sent within 100 s, at second `now`.
async fn prune(store: &TestStore, now: i64) -> PruneSummary {
    let keep = RetentionLimits {
        unsent_max_age: Some(Duration::from_secs(100)),
        ..RetentionLimits::default()
    };

    let limits = Retention {
        fallback: keep,
        ..Retention::default()
    };

    store
        .prune_messages(&limits, at(now), 100)
        .await
        .expect("a step")
}

async fn unsent_messages_have_own_age_limit(store: TestStore) {
    commit(&store, 1, (1..=5).map(message)).await;

    let claimed = claim(&store, 3, 10).await;
    sent(&store, &claimed[0].lease).await;
    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    settle(&store, &claimed[2].lease, failed(), store.until(9_000)).await;
    assert_eq!(prune(&store, 100).await.count, 0);

    let leased = claim_message(&store, 100).await;
    again(&store, 2).await;

    let pruned = prune(&store, 101).await;
    assert_eq!(
        (pruned.count, pruned.bytes),
        (2, 6),
        "one that waits, and one that nobody has claimed"
    );
    assert_eq!(
        numbers_of(&messages(&store).await),
        [1, 2, 4],
        "not what is sent, is to be sent again, or is being sent"
    );
    assert_eq!(usage(&store).await, [(plugin("acme/ship"), unsent(2, 6))]);

    settle(&store, &leased.lease, failed(), Next::Dead).await;
    assert_eq!(prune(&store, 102).await.count, 1);
    assert_eq!(
        prune(&store, 1_000).await.count,
        1,
        "a hundred seconds after it was to be sent again"
    );
    assert_eq!(numbers_of(&messages(&store).await), [1]);
}

async fn pruned_message_frees_successor(store: TestStore) {
    commit(&store, 1, [keyed(1, "a")]).await;
    commit(&store, 60, [keyed(2, "a")]).await;

    let first = claim_message(&store, 70).await;
    settle(&store, &first.lease, failed(), store.until(9_000)).await;
    assert_eq!(prune(&store, 120).await.count, 1);
    assert_eq!(numbers(&claim(&store, 9, 120).await), [2]);
    assert!(store.message(id(1)).await.expect("a read").is_none());
    assert!(matches!(state(&store, 2).await, WorkState::Leased { .. }));
}
