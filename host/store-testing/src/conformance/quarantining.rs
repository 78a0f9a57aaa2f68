//! Quarantines: a quarantined plugin gets no jobs and loses none.

use hookyard_model::{Next, Revision};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, failed, is, keys, next_due, plugin,
    request, route, route_orders_to_ship, settle, side_by_side, states,
};
use super::{Case, TestStore, table};
use hookyard_store::{EventPage, EventSelection, Quarantine, Replay};

pub(super) const CASES: &[Case] = table![
    quarantine_holds_jobs_until_lifted,
    event_during_quarantine_is_held,
    attempt_ended_in_quarantine_is_held,
    claim_holds_all_expired_leases,
    new_routes_keep_quarantine,
    quarantine_is_limited_to_plugin,
    replay_during_quarantine_is_held,
    lift_frees_only_routed_jobs,
    quarantine_covers_large_backlog,
    quarantine_is_stored_unchanged,
    lift_wakes_waiting_task,
];

fn quarantine_of(text: &str) -> Quarantine {
    Quarantine {
        plugin: plugin(text),
        revision: Revision::from_sha256([3; 32]),
        reason: "9 of 10 attempts trapped".into(),
        since: at(50),
    }
}

async fn quarantine(store: &TestStore, text: &str) {
    store
        .quarantine(quarantine_of(text))
        .await
        .expect("a quarantine");
}

async fn lift(store: &TestStore, text: &str) {
    store.lift(&plugin(text)).await.expect("a lift");
}

async fn quarantine_holds_jobs_until_lifted(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    let first = claim_one(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(40)).await;
    quarantine(&store, "acme/ship").await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(states(&store, 2).await, [is("ship", "held")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);

    lift(&store, "acme/ship").await;

    let claimed = claim(&store, 9, 1000).await;
    assert_eq!(keys(&claimed), ["key-1", "key-2"]);
    assert_eq!(claimed[0].lease.attempt, 2, "attempts go on counting");
}

async fn event_during_quarantine_is_held(store: TestStore) {
    append(&store, [event(1)]).await;
    quarantine(&store, "acme/ship").await;
    route_orders_to_ship(&store).await;
    append(&store, [event(2)]).await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(states(&store, 2).await, [is("ship", "held")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);

    lift(&store, "acme/ship").await;
    assert_eq!(keys(&claim(&store, 9, 1000).await), ["key-1", "key-2"]);
}

async fn attempt_ended_in_quarantine_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=3).map(event)).await;

    let claimed = claim(&store, 3, 10).await;
    quarantine(&store, "acme/ship").await;
    assert_eq!(
        states(&store, 1).await,
        [is("ship", "leased")],
        "the holder of the lease may still settle the job"
    );

    settle(&store, &claimed[0].lease, failed(), store.until(20)).await;
    store
        .give_back(&[claimed[1].lease.clone()])
        .await
        .expect("a release");
    assert_eq!(
        claim(&store, 9, 1000).await.len(),
        0,
        "nor is one whose lease ran out"
    );

    for number in 1..=3 {
        assert_eq!(
            states(&store, number).await,
            [is("ship", "held")],
            "of event {number}"
        );
    }
}

async fn claim_holds_all_expired_leases(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=20).map(event)).await;
    assert_eq!(claim(&store, 20, 10).await.len(), 20);

    quarantine(&store, "acme/ship").await;
    assert_eq!(claim(&store, 1, 1000).await.len(), 0);

    for number in 1..=20 {
        assert_eq!(
            states(&store, number).await,
            [is("ship", "held")],
            "of event {number}"
        );
    }
}

async fn new_routes_keep_quarantine(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    quarantine(&store, "acme/ship").await;
    route(&store, &[]).await;
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);
}

async fn quarantine_is_limited_to_plugin(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;
    append(&store, [event(1), event_of("umbrella/orders", 2)]).await;
    quarantine(&store, "acme/ship").await;
    append(&store, [event(3), event_of("umbrella/orders", 4)]).await;

    let requests = [
        request("acme/audit", 9),
        request("acme/ship", 9),
        request("umbrella/ship", 9),
    ];
    let claimed = claim_of(&store, &requests, 10).await;
    let leases: Vec<_> = claimed
        .iter()
        .map(|job| job.lease.plugin.to_string())
        .collect();
    assert_eq!(
        leases,
        ["acme/audit", "acme/audit", "umbrella/ship", "umbrella/ship"]
    );
}

async fn replay_during_quarantine_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), Next::Dead).await;
    quarantine(&store, "acme/ship").await;

    let replay = Replay {
        selection: EventSelection::default(),
        revision: None,
        rate: Some(0.01),
        now: at(100),
        dry_run: false,
    };

    store.replay(replay).await.expect("a replay");
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);

    lift(&store, "acme/ship").await;
    assert_eq!(claim_one(&store, 1000).await.lease.attempt, 1);
}

async fn lift_frees_only_routed_jobs(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("acme/payments", 2)]).await;
    quarantine(&store, "acme/ship").await;
    route(&store, &[("acme/payments", &["ship"])]).await;
    lift(&store, "acme/ship").await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(states(&store, 2).await, [is("ship", "pending")]);
    lift(&store, "acme/ship").await;
    lift(&store, "acme/never").await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
}

async fn quarantine_covers_large_backlog(store: TestStore) {
    const EVENTS: u64 = 803;
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["ship"])],
    )
    .await;

    let append_one = |number| {
        let store = store.clone();
        async move {
            append(
                &store,
                [event_of(
                    ["acme/orders", "acme/payments"][number as usize % 2],
                    number,
                )],
            )
            .await
        }
    };

    side_by_side((0..EVENTS).map(append_one)).await;

    let waiting = claim(&store, 20, 10).await;
    for job in waiting {
        settle(&store, &job.lease, failed(), store.until(5)).await;
    }

    let count = |state: &str| {
        let selection = EventSelection {
            states: vec![state.into()],
            ..EventSelection::default()
        };
        let store = store.clone();
        async move {
            store
                .events(EventPage::first(selection, 9999))
                .await
                .expect("a page")
                .len() as u64
        }
    };

    quarantine(&store, "acme/ship").await;
    assert_eq!(count("held").await, EVENTS);
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);

    lift(&store, "acme/ship").await;
    assert_eq!(count("pending").await, EVENTS);
    assert_eq!(claim(&store, 9999, 2000).await.len() as u64, EVENTS);
}

async fn quarantine_is_stored_unchanged(store: TestStore) {
    assert_eq!(store.quarantined().await.expect("the quarantined"), []);

    quarantine(&store, "acme/ship").await;
    quarantine(&store, "acme/audit").await;

    let later = Quarantine {
        reason: "again, \"worse\"".into(),
        since: at(90),
        ..quarantine_of("acme/ship")
    };

    store.quarantine(later.clone()).await.expect("a quarantine");

    let stored = store.quarantined().await.expect("the quarantined");
    assert_eq!(
        stored,
        [quarantine_of("acme/audit"), later],
        "one for each plugin, the latest"
    );

    lift(&store, "acme/audit").await;
    assert_eq!(store.quarantined().await.expect("the quarantined").len(), 1);
}

async fn lift_wakes_waiting_task(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    quarantine(&store, "acme/ship").await;
    super::waking::drain(&store).await;
    lift(&store, "acme/ship").await;
    super::waking::wakes(&store).await;
}
