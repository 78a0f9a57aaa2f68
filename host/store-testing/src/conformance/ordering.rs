//! Order: events with the same ordering key are handled strictly in their order, and others do not
//! wait for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hookyard_model::{Event, Next, Outcome, Revision, WorkState};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, failed, is, jobs, keys, next_due,
    plugin, request, route, route_orders_to_ship, settle, states,
};
use super::waking::{drain, wakes};
use super::{Case, TestStore, table};
use hookyard_store::{ClaimedJob, EventSelection, Quarantine, Replay};

pub(super) const CASES: &[Case] = table![
    one_job_of_key_is_leased,
    failing_key_blocks_only_itself,
    dead_job_frees_successor,
    keys_are_separate_by_source_and_plugin,
    blocked_job_is_not_due,
    blocked_job_names_its_predecessor,
    settling_wakes_for_next_of_key,
    job_given_back_keeps_its_position,
    expired_lease_keeps_its_position,
    order_survives_route_changes,
    order_survives_quarantine,
    backlog_keeps_key_order,
    held_jobs_precede_backlog,
    replay_keeps_key_order,
    replayed_earlier_event_comes_first,
    replayed_event_waits_for_running_attempt,
    concurrent_claims_keep_key_order,
];

/// Returns event `number` of `acme/orders`, with an ordering key.
fn ordered(number: u64, ordering_key: &str) -> Event {
    Event {
        ordering_key: Some(ordering_key.into()),
        ..event(number)
    }
}

async fn done(store: &TestStore, job: &ClaimedJob) {
    settle(store, &job.lease, Outcome::Done, Next::Done).await;
}

/// Stores three events of key `a` and settles some of them as done.
async fn three_of_a(store: &TestStore, handled: usize) {
    route_orders_to_ship(store).await;
    append(store, (1..=3).map(|number| ordered(number, "a"))).await;
    for _ in 0..handled {
        done(store, &claim_one(store, 10).await).await;
    }
}

async fn replay(store: &TestStore, numbers: &[u64]) {
    let ids = numbers.iter().map(|number| event(*number).id).collect();
    let selection = EventSelection {
        ids,
        ..EventSelection::default()
    };

    let order = Replay {
        selection,
        revision: None,
        rate: None,
        now: at(50),
        dry_run: false,
    };
    assert_eq!(
        store.replay(order).await.expect("a replay").replayed,
        numbers.len() as u64
    );
}

async fn blocked_job_names_its_predecessor(store: TestStore) {
    let behind = async |number| {
        jobs(&store, number).await[0]
            .behind
            .map(|ahead| (ahead.id, ahead.state))
    };

    three_of_a(&store, 0).await;
    append(&store, [ordered(4, "b"), event(5)]).await;

    let first = (event(1).id, WorkState::Pending);
    assert_eq!(
        (behind(1).await, behind(2).await, behind(3).await),
        (None, Some(first), Some(first))
    );
    assert_eq!((behind(4).await, behind(5).await), (None, None));

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), store.until(100)).await;
    assert_eq!(
        behind(3).await,
        Some((event(1).id, WorkState::Waiting { until: at(100) }))
    );

    let record = store
        .read(event(3).id)
        .await
        .expect("a read")
        .expect("it is stored");
    assert_eq!(
        record.jobs[0].behind.map(|ahead| ahead.id),
        Some(event(1).id)
    );

    let claimed = claim(&store, 9, 100).await;
    done(
        &store,
        claimed
            .iter()
            .find(|job| job.event.id == event(1).id)
            .expect("it is due"),
    )
    .await;
    assert_eq!(
        (behind(2).await, behind(3).await),
        (None, Some((event(2).id, WorkState::Pending)))
    );
}

/// Handles all due jobs one after the other and returns their keys.
async fn handle_all(store: &TestStore, now: i64) -> Vec<String> {
    let mut handled = Vec::new();
    while let [job, ..] = &claim(store, 1, now).await[..] {
        handled.push(job.event.key.clone());
        done(store, job).await;
    }
    handled
}

async fn one_job_of_key_is_leased(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(
        &store,
        [
            ordered(1, "a"),
            ordered(2, "a"),
            ordered(3, "b"),
            event(4),
            event(5),
            ordered(6, "a"),
        ],
    )
    .await;

    let first = claim(&store, 9, 10).await;
    assert_eq!(keys(&first), ["key-1", "key-3", "key-4", "key-5"]);
    assert_eq!(*first[0].event, ordered(1, "a"));
    assert_eq!(claim(&store, 9, 10).await.len(), 0);

    done(&store, &first[0]).await;

    let second = claim(&store, 9, 10).await;
    assert_eq!(keys(&second), ["key-2"]);

    done(&store, &second[0]).await;
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-6"]);
}

async fn failing_key_blocks_only_itself(store: TestStore) {
    three_of_a(&store, 0).await;
    append(&store, [ordered(4, "b"), event(5)]).await;

    let failing = claim_one(&store, 10).await;
    settle(&store, &failing.lease, failed(), store.until(500)).await;
    assert_eq!(handle_all(&store, 499).await, ["key-4", "key-5"]);
    assert_eq!(next_due(&store, &["acme/ship"]).await, Some(1));
    assert_eq!(handle_all(&store, 500).await, ["key-1", "key-2", "key-3"]);
}

async fn dead_job_frees_successor(store: TestStore) {
    three_of_a(&store, 0).await;
    settle(
        &store,
        &claim_one(&store, 10).await.lease,
        failed(),
        Next::Dead,
    )
    .await;

    assert_eq!(handle_all(&store, 10).await, ["key-2", "key-3"]);
}

async fn keys_are_separate_by_source_and_plugin(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("acme/payments", &["ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;
    for (number, from) in (1..).zip(["acme/orders", "acme/payments", "umbrella/orders"].repeat(2)) {
        append(
            &store,
            [Event {
                ordering_key: Some("a".into()),
                ..event_of(from, number)
            }],
        )
        .await;
    }

    append(&store, [ordered(7, "A"), ordered(8, ""), ordered(9, "a ")]).await;

    let requests = ["acme/audit", "acme/ship", "umbrella/ship"].map(|name| request(name, 9));
    let claimed = claim_of(&store, &requests, 10).await;
    let of = |name: &str| {
        claimed
            .iter()
            .filter(|job| job.lease.plugin == plugin(name))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&of("acme/audit")),
        ["key-1", "key-7", "key-8", "key-9"]
    );
    assert_eq!(
        keys(&of("acme/ship")),
        ["key-1", "key-2", "key-7", "key-8", "key-9"]
    );
    assert_eq!(keys(&of("umbrella/ship")), ["key-3"]);

    done(&store, &of("acme/audit")[0]).await;
    assert_eq!(
        keys(&claim_of(&store, &requests, 10).await),
        ["key-4"],
        "one plugin's end lets another's next go"
    );

    done(&store, &of("acme/ship")[1]).await;
    assert_eq!(keys(&claim_of(&store, &requests, 10).await), ["key-5"]);
}

async fn blocked_job_is_not_due(store: TestStore) {
    three_of_a(&store, 0).await;

    let first = claim_one(&store, 10).await;
    assert_eq!(
        next_due(&store, &["acme/ship"]).await,
        Some(60),
        "when the lease runs out"
    );

    done(&store, &first).await;
    assert_eq!(next_due(&store, &["acme/ship"]).await, Some(0));

    done(&store, &claim_one(&store, 10).await).await;
    done(&store, &claim_one(&store, 10).await).await;
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);
}

async fn settling_wakes_for_next_of_key(store: TestStore) {
    three_of_a(&store, 0).await;
    let job = claim_one(&store, 10).await;
    drain(&store).await;
    done(&store, &job).await;
    wakes(&store).await;
}

async fn job_given_back_keeps_its_position(store: TestStore) {
    three_of_a(&store, 0).await;
    let job = claim_one(&store, 10).await;
    store.give_back(&[job.lease]).await.expect("a release");
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1"]);
}

async fn expired_lease_keeps_its_position(store: TestStore) {
    three_of_a(&store, 0).await;
    claim_one(&store, 10).await;
    let again = claim(&store, 9, 1000).await;
    assert_eq!(keys(&again), ["key-1"]);
    done(&store, &again[0]).await;
    assert_eq!(handle_all(&store, 1000).await, ["key-2", "key-3"]);
}

async fn order_survives_route_changes(store: TestStore) {
    three_of_a(&store, 1).await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), store.until(500)).await;
    route(&store, &[]).await;
    assert_eq!(states(&store, 2).await, [is("ship", "held")]);
    assert_eq!(states(&store, 3).await, [is("ship", "held")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);

    route_orders_to_ship(&store).await;
    append(&store, [ordered(4, "a")]).await;
    assert_eq!(keys(&claim(&store, 9, 20).await), ["key-2"]);

    route(&store, &[]).await;
    route_orders_to_ship(&store).await;
    assert_eq!(
        claim(&store, 9, 20).await.len(),
        0,
        "an attempt is under way"
    );
    assert_eq!(handle_all(&store, 1000).await, ["key-2", "key-3", "key-4"]);
}

async fn order_survives_quarantine(store: TestStore) {
    three_of_a(&store, 0).await;

    let job = claim_one(&store, 10).await;
    let (of, revision) = (plugin("acme/ship"), Revision::from_sha256([3; 32]));
    let quarantine = Quarantine {
        plugin: of.clone(),
        revision,
        reason: "it traps".into(),
        since: at(20),
    };

    store.quarantine(quarantine).await.expect("a quarantine");
    append(&store, [ordered(4, "a"), ordered(5, "b"), ordered(6, "b")]).await;
    settle(&store, &job.lease, failed(), store.until(30)).await;
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);

    store.lift(&of).await.expect("a lift");
    assert_eq!(keys(&claim(&store, 9, 20).await), ["key-1", "key-5"]);
    assert_eq!(
        handle_all(&store, 1000).await,
        ["key-1", "key-2", "key-3", "key-4", "key-5", "key-6"]
    );
}

async fn backlog_keeps_key_order(store: TestStore) {
    append(
        &store,
        [ordered(1, "a"), ordered(2, "b"), ordered(3, "a"), event(4)],
    )
    .await;
    route_orders_to_ship(&store).await;
    append(&store, [ordered(5, "a"), ordered(6, "c")]).await;

    assert_eq!(
        keys(&claim(&store, 9, 10).await),
        ["key-1", "key-2", "key-4", "key-6"]
    );
    assert_eq!(
        handle_all(&store, 1000).await,
        ["key-1", "key-3", "key-5", "key-2", "key-4", "key-6"]
    );
}

async fn held_jobs_precede_backlog(store: TestStore) {
    three_of_a(&store, 0).await;
    route(&store, &[]).await;
    append(&store, [ordered(4, "a"), ordered(5, "b")]).await;
    route_orders_to_ship(&store).await;
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1", "key-5"]);
}

async fn replay_keeps_key_order(store: TestStore) {
    three_of_a(&store, 3).await;
    replay(&store, &[1, 2, 3]).await;
    let first = claim(&store, 9, 100).await;
    assert_eq!(keys(&first), ["key-1"]);
    done(&store, &first[0]).await;
    replay(&store, &[1]).await;
    assert_eq!(handle_all(&store, 100).await, ["key-1", "key-2", "key-3"]);
}

async fn replayed_earlier_event_comes_first(store: TestStore) {
    three_of_a(&store, 1).await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), store.until(500)).await;
    replay(&store, &[1]).await;
    assert_eq!(next_due(&store, &["acme/ship"]).await, Some(0));

    let first = claim(&store, 9, 600).await;
    assert_eq!(keys(&first), ["key-1"]);
    assert_eq!(
        next_due(&store, &["acme/ship"]).await,
        Some(60),
        "the later one is blocked"
    );

    done(&store, &first[0]).await;
    assert_eq!(
        claim(&store, 9, 499).await.len(),
        0,
        "what waits goes on waiting"
    );
    assert_eq!(handle_all(&store, 500).await, ["key-2", "key-3"]);
}

async fn replayed_event_waits_for_running_attempt(store: TestStore) {
    three_of_a(&store, 1).await;

    let second = claim_one(&store, 10).await;
    replay(&store, &[1]).await;
    assert_eq!(claim(&store, 9, 20).await.len(), 0);

    // The lease is given back, so the job no longer precedes the earlier one.
    store.give_back(&[second.lease]).await.expect("a release");

    let first = claim(&store, 9, 20).await;
    assert_eq!(keys(&first), ["key-1"]);
    assert_eq!(states(&store, 2).await, [is("ship", "pending")]);

    done(&store, &first[0]).await;
    assert_eq!(handle_all(&store, 20).await, ["key-2", "key-3"]);
}

async fn concurrent_claims_keep_key_order(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(
        &store,
        (0..60).map(|number| ordered(number, ["a", "b", "c"][number as usize % 3])),
    )
    .await;

    let handled: Arc<Mutex<BTreeMap<String, Vec<u128>>>> = Arc::default();
    let workers = (0..4).map(|_| {
        let (store, handled) = (store.clone(), Arc::clone(&handled));
        tokio::spawn(async move { work(&store, &handled).await })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("the task ends well");
    }

    let handled = handled.lock().expect("no worker panics");
    assert_eq!(handled.values().map(Vec::len).collect::<Vec<_>>(), [20; 3]);
    assert!(
        handled.values().all(|order| order.is_sorted()),
        "{handled:?}"
    );
}

/// Claims and settles until everything is done. Each job fails once first.
async fn work(store: &TestStore, handled: &Mutex<BTreeMap<String, Vec<u128>>>) {
    loop {
        let claimed = claim(store, 2, 100).await;
        if claimed.is_empty() && next_due(store, &["acme/ship"]).await.is_none() {
            return;
        }
        for job in claimed {
            tokio::task::yield_now().await;
            if job.lease.attempt == 1 {
                settle(store, &job.lease, failed(), store.until(100)).await;
                continue;
            }
            let key = job.event.ordering_key.clone().expect("a key");
            handled
                .lock()
                .expect("no worker panics")
                .entry(key)
                .or_default()
                .push(job.event.id.as_uuid().as_u128());
            done(store, &job).await;
        }
        tokio::task::yield_now().await;
    }
}
