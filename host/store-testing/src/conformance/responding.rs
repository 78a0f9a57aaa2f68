//! Responses of plugins to the requests that brought their events.

use hookyard_model::{Effects, Event, Next, Outcome, Response};
use hookyard_store::{PruneSummary, Retention, RetentionLimits, Settlement};

use super::support::{append, at, claim_of, event, failed, request, route, settlement};
use super::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    first_response_of_done_attempt_is_kept,
    response_counts_as_bytes,
];

async fn first_response_of_done_attempt_is_kept(store: TestStore) {
    prepare(&store).await;
    assert_eq!(found(&store).await, None);

    attempt(&store, "acme/audit", failed(), 500).await;
    assert_eq!(found(&store).await, None, "a failed attempt has no effect");

    attempt(&store, "acme/bill", Outcome::Done, 201).await;
    attempt(&store, "acme/ship", Outcome::Done, 202).await;
    let kept = found(&store).await;
    assert_eq!(kept, Some(("bill".to_owned(), response(201))));
}

async fn response_counts_as_bytes(store: TestStore) {
    prepare(&store).await;
    for plugin in ["acme/audit", "acme/bill", "acme/ship"] {
        attempt(&store, plugin, Outcome::Done, 200).await;
    }

    let bytes = (event(1).body.len() + response(200).body.len()) as u64;
    assert_eq!(prune(&store, bytes).await.count, 0);
    let pruned = prune(&store, bytes - 1).await;
    assert_eq!((pruned.count, pruned.bytes), (1, bytes));
    assert_eq!(found(&store).await, None);
}

async fn prepare(store: &TestStore) {
    route(store, &[("acme/orders", &["audit", "bill", "ship"])]).await;
    // Without headers, because backends may count the bytes of headers differently.
    let event = Event {
        headers: Vec::new(),
        ..event(1)
    };
    append(store, [event]).await;
}

fn response(status: u16) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: vec![0xff; 100].into(),
    }
}

/// Attempts the job of a plugin, which responds with `status`.
async fn attempt(store: &TestStore, plugin: &str, outcome: Outcome, status: u16) {
    let claimed = claim_of(store, &[request(plugin, 1)], 10).await;
    let next = match outcome {
        Outcome::Done => Next::Done,
        _ => Next::Dead,
    };
    let effects = Effects {
        response: Some(response(status)),
        ..Effects::default()
    };

    let settlement = Settlement {
        effects,
        ..settlement(&claimed[0].lease, outcome, next)
    };
    store.settle(settlement).await.expect("a settlement");
}

/// Returns the plugin and the response of the event.
async fn found(store: &TestStore) -> Option<(String, Response)> {
    let found = store.response(event(1).id).await.expect("a read");
    found.map(|given| (given.plugin.to_string(), given.response))
}

async fn prune(store: &TestStore, bytes_max: u64) -> PruneSummary {
    let fallback = RetentionLimits {
        bytes_max: Some(bytes_max),
        ..RetentionLimits::default()
    };
    let retention = Retention {
        fallback,
        ..Retention::default()
    };
    store
        .prune(&retention, at(50), 100)
        .await
        .expect("a step of pruning")
}
