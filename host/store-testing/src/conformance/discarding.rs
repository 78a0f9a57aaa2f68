//! Discards: operators end jobs and unrouted events, and the reason is recorded.

use hookyard_model::{Event, Next, Outcome};

use super::support::{
    append, at, claim, claim_one, event, event_of, failed, is, keys, next_due, plugin, route,
    route_orders_to_ship, settle, side_by_side, source, states, summaries,
};
use super::{Case, TestStore, table};
use hookyard_store::{
    Discard, DiscardRecord, DiscardSummary, EventPage, EventSelection, Replay, Retention,
    RetentionLimits, Tally,
};

pub(super) const CASES: &[Case] = table![
    discard_ends_unfinished_jobs,
    discard_leaves_leased_job,
    dry_run_discards_nothing,
    discard_ends_unrouted_event,
    discard_follows_selection,
    discarded_job_frees_successor,
    discarded_job_can_be_replayed,
    discarded_event_is_not_routed,
    retention_removes_discarded_events,
    large_discard_ends_each_job_once,
    tallies_count_unrouted_and_held,
];

fn discard_of(selection: EventSelection) -> Discard {
    Discard {
        selection,
        reason: "wrong tenant".into(),
        now: at(1000),
        dry_run: false,
    }
}

fn in_state(state: &str) -> EventSelection {
    EventSelection {
        states: vec![state.into()],
        ..EventSelection::default()
    }
}

/// Discards and returns the numbers of jobs, events and leased jobs.
async fn discard(store: &TestStore, discard: Discard) -> (u64, u64, u64) {
    let DiscardSummary {
        jobs,
        events,
        leased,
    } = store.discard(discard).await.expect("a discard");
    (jobs, events, leased)
}

fn record() -> DiscardRecord {
    DiscardRecord {
        at: at(1000),
        reason: "wrong tenant".into(),
    }
}

async fn discard_ends_unfinished_jobs(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, (1..=4).map(event)).await;
    let claimed = claim(&store, 3, 100).await;
    settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    settle(&store, &claimed[2].lease, failed(), store.until(500)).await;

    assert_eq!(
        discard(&store, discard_of(EventSelection::default())).await,
        (3, 0, 0),
        "dead, waiting and pending"
    );
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
    for number in 2..=4 {
        assert_eq!(states(&store, number).await, [is("ship", "discarded")]);
    }
    assert_eq!(claim(&store, 9, 2000).await.len(), 0);
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);

    let read = store
        .read(event(2).id)
        .await
        .expect("a read")
        .expect("the event is stored");
    assert_eq!(read.jobs[0].discards, [(0, record())]);
    assert_eq!(
        read.jobs[0].attempts.len(),
        1,
        "its attempts stay on record"
    );
    assert_eq!(read.discarded, None);
    assert_eq!(
        discard(&store, discard_of(EventSelection::default())).await,
        (0, 0, 0),
        "nothing is ended twice"
    );
}

async fn discard_leaves_leased_job(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    let job = claim_one(&store, 10).await;
    assert_eq!(
        discard(&store, discard_of(EventSelection::default())).await,
        (1, 0, 1)
    );

    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
}

async fn dry_run_discards_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2), event_of("acme/payments", 3)]).await;
    claim_one(&store, 10).await;

    let before = summaries(&store).await;
    let dry = Discard {
        dry_run: true,
        ..discard_of(EventSelection::default())
    };
    assert_eq!(discard(&store, dry).await, (1, 1, 1));
    assert_eq!(summaries(&store).await, before);
}

async fn discard_ends_unrouted_event(store: TestStore) {
    append(&store, [event(1), event(2)]).await;
    let one = EventSelection {
        ids: vec![event(1).id],
        ..in_state("unrouted")
    };
    assert_eq!(discard(&store, discard_of(one)).await, (0, 1, 0));

    let listed = summaries(&store).await;
    assert!(listed[0].is_discarded && !listed[0].is_unrouted());
    assert!(!listed[1].is_discarded && listed[1].is_unrouted());
    let read = store
        .read(event(1).id)
        .await
        .expect("a read")
        .expect("the event is stored");
    assert_eq!(read.discarded, Some(record()));

    for (state, expected) in [("unrouted", "key-2"), ("discarded", "key-1")] {
        let page = EventPage::first(in_state(state), 9);
        let found = store.events(page).await.expect("a page");
        assert_eq!(
            found.into_iter().map(|event| event.key).collect::<Vec<_>>(),
            [expected],
            "{state}"
        );
    }
}

async fn discard_follows_selection(store: TestStore) {
    append(&store, [event_of("acme/payments", 1)]).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [event(2)]).await;
    let of_ship = EventSelection {
        plugin: Some(plugin("acme/ship").name),
        ..EventSelection::default()
    };
    assert_eq!(
        discard(&store, discard_of(of_ship)).await,
        (1, 0, 0),
        "no unrouted event is a plugin's"
    );
    assert_eq!(
        states(&store, 2).await,
        [is("audit", "pending"), is("ship", "discarded")]
    );
    assert_eq!(
        discard(&store, discard_of(in_state("held"))).await,
        (0, 0, 0)
    );

    route(&store, &[]).await;
    assert_eq!(
        discard(&store, discard_of(in_state("held"))).await,
        (1, 0, 0)
    );
    assert_eq!(
        states(&store, 2).await,
        [is("audit", "discarded"), is("ship", "discarded")]
    );
    assert_eq!(
        discard(&store, discard_of(in_state("unrouted"))).await,
        (0, 1, 0)
    );
}

async fn discarded_job_frees_successor(store: TestStore) {
    route_orders_to_ship(&store).await;
    let ordered = |number| Event {
        ordering_key: Some("k".into()),
        ..event(number)
    };
    append(&store, (1..=3).map(ordered)).await;
    let first = claim_one(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(5000)).await;
    assert_eq!(
        claim(&store, 9, 100).await.len(),
        0,
        "the first holds up the others"
    );

    // A discard in the middle of the lane does not change its head.
    let second = EventSelection {
        ids: vec![event(2).id],
        ..EventSelection::default()
    };
    assert_eq!(discard(&store, discard_of(second)).await, (1, 0, 0));
    assert_eq!(claim(&store, 9, 100).await.len(), 0);

    super::waking::drain(&store).await;
    let first = EventSelection {
        ids: vec![event(1).id],
        ..EventSelection::default()
    };
    assert_eq!(discard(&store, discard_of(first)).await, (1, 0, 0));
    super::waking::wakes(&store).await;
    assert_eq!(keys(&claim(&store, 9, 100).await), ["key-3"]);
}

async fn discarded_job_can_be_replayed(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    discard(&store, discard_of(EventSelection::default())).await;
    let selection = in_state("discarded");
    let replay = Replay {
        selection,
        revision: None,
        rate: None,
        now: at(2000),
        dry_run: false,
    };
    assert_eq!(store.replay(replay).await.expect("a replay").replayed, 1);
    let job = claim_one(&store, 2000).await;
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);

    let read = store
        .read(event(1).id)
        .await
        .expect("a read")
        .expect("the event is stored");
    assert_eq!(read.jobs[0].discards, [(0, record())], "the record stays");
}

async fn discarded_event_is_not_routed(store: TestStore) {
    append(&store, [event(1), event(2)]).await;

    let one = EventSelection {
        ids: vec![event(1).id],
        ..EventSelection::default()
    };

    discard(&store, discard_of(one)).await;
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store, 1).await, []);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-2"]);
}

async fn retention_removes_discarded_events(store: TestStore) {
    append(&store, [event_of("acme/payments", 1)]).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [event(2), event(3)]).await;
    discard(&store, discard_of(in_state("unrouted"))).await;
    let of_both = EventSelection {
        ids: vec![event(2).id],
        ..EventSelection::default()
    };
    discard(&store, discard_of(of_both)).await;
    let of_one = EventSelection {
        plugin: Some(plugin("acme/ship").name),
        ..EventSelection::default()
    };
    discard(&store, discard_of(of_one)).await;

    let keep = RetentionLimits {
        age_max: Some(super::support::LEASE),
        ..RetentionLimits::default()
    };
    let limits = Retention {
        fallback: keep,
        ..Retention::default()
    };
    assert_eq!(
        store
            .prune(&limits, at(2000), 100)
            .await
            .expect("a step")
            .count,
        2
    );
    assert_eq!(
        states(&store, 3).await,
        [is("audit", "pending"), is("ship", "discarded")]
    );
}

async fn large_discard_ends_each_job_once(store: TestStore) {
    const COUNT: u64 = 1_200;

    let shared = store.clone();
    side_by_side((1..=COUNT).map(move |number| {
        let store = shared.clone();
        let from = if number % 2 == 0 {
            "acme/orders"
        } else {
            "acme/payments"
        };
        async move { append(&store, [event_of(from, number)]).await }
    }))
    .await;
    route_orders_to_ship(&store).await;
    assert_eq!(
        discard(&store, discard_of(EventSelection::default())).await,
        (COUNT / 2, COUNT / 2, 0)
    );
    assert_eq!(store.unrouted().await.expect("tallies"), []);
    assert_eq!(claim(&store, 9, 2000).await.len(), 0);
}

async fn tallies_count_unrouted_and_held(store: TestStore) {
    assert_eq!(store.unrouted().await.expect("tallies"), []);
    append(
        &store,
        [
            event(5),
            event(2),
            event_of("acme/payments", 3),
            event_of("umbrella/orders", 4),
        ],
    )
    .await;
    let tally = |from: &str, count, secs| Tally {
        of: source(from),
        count,
        oldest: at(secs),
    };
    let expected = [
        tally("acme/orders", 2, 2),
        tally("acme/payments", 1, 3),
        tally("umbrella/orders", 1, 4),
    ];
    assert_eq!(store.unrouted().await.expect("tallies"), expected);

    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    assert_eq!(store.unrouted().await.expect("tallies"), expected[1..]);
    assert_eq!(store.held().await.expect("tallies"), []);
    route(&store, &[("acme/orders", &["ship"])]).await;
    let [held] = <[_; 1]>::try_from(store.held().await.expect("tallies")).expect("one plugin");
    assert_eq!((held.of, held.count), (plugin("acme/audit"), 2));
}
