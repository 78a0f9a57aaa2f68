//! Replays: finished and dead jobs run again, and the records of earlier attempts are kept.

use hookyard_model::{Event, Next, Outcome, Revision, WorkState};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, failed, is, jobs, keys, plugin,
    request, route, route_orders_to_ship, secs, settle, settlement, side_by_side, states,
};
use super::{Case, TestStore, table};
use hookyard_store::{
    Backlog, BacklogPolicy, Error, EventPage, EventSelection, Replay, ReplaySummary, Routes,
};

pub(super) const CASES: &[Case] = table![
    replay_counts_attempts_from_one,
    replay_resets_age_and_spared,
    replay_keeps_earlier_attempts,
    dry_run_replays_nothing,
    replay_leaves_leased_jobs,
    lease_before_replay_settles_nothing,
    rate_spreads_replay,
    replay_revision_is_not_inherited,
    replay_follows_selection,
    replay_without_route_is_held,
    replayed_waiting_job_is_due,
    large_replay_covers_each_job_once,
    replay_wakes_waiting_task,
    replay_creates_jobs_for_new_plugin,
    replay_creates_no_unrouted_job,
    created_job_keeps_key_order,
    replay_of_unrouted_skips_other_events,
];

fn replay_of(selection: EventSelection) -> Replay {
    Replay {
        selection,
        revision: None,
        rate: None,
        now: at(1000),
        dry_run: false,
    }
}

fn dead() -> EventSelection {
    EventSelection {
        states: vec!["dead".into()],
        ..EventSelection::default()
    }
}

async fn replay(store: &TestStore, replay: Replay) -> (u64, u64) {
    let ReplaySummary {
        replayed: jobs,
        leased,
        ..
    } = store.replay(replay).await.expect("a replay");
    (jobs, leased)
}

/// Appends these events of `acme/orders` and settles the job of `ship` for each with the given
/// outcome.
async fn settled(store: &TestStore, numbers: &[u64], outcome: Outcome, next: Next) {
    let events: Vec<_> = numbers.iter().map(|number| event(*number)).collect();
    append(store, events).await;
    for job in claim(store, numbers.len(), 100).await {
        settle(store, &job.lease, outcome.clone(), next).await;
    }
}

async fn replay_counts_attempts_from_one(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Dead).await;
    settled(&store, &[2], Outcome::Done, Next::Done).await;
    assert_eq!(
        replay(&store, replay_of(EventSelection::default())).await,
        (2, 0)
    );

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!((listed.state, listed.attempts), (WorkState::Pending, 0));

    let claimed = claim(&store, 9, 1000).await;
    assert_eq!(keys(&claimed), ["key-1", "key-2"]);
    assert_eq!((claimed[0].lease.replays, claimed[0].lease.attempt), (1, 1));

    settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
}

async fn replay_resets_age_and_spared(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    for job in claim(&store, 9, 100).await {
        assert_eq!(job.since, job.event.received_at);
        settle(&store, &job.lease, failed(), Next::Dead).await;
    }

    replay(
        &store,
        Replay {
            rate: Some(0.1),
            ..replay_of(dead())
        },
    )
    .await;

    let claimed = claim(&store, 9, 2000).await;
    assert_eq!(
        claimed.iter().map(|job| job.since).collect::<Vec<_>>(),
        [at(1000), at(1010)]
    );
}

async fn replay_keeps_earlier_attempts(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Waiting { delay: secs(0) }).await;

    let second = claim_one(&store, 100).await;
    settle(&store, &second.lease, failed(), Next::Dead).await;
    assert_eq!(replay(&store, replay_of(dead())).await, (1, 0));

    let again = claim_one(&store, 1000).await;
    let third = settlement(&again.lease, Outcome::Done, Next::Done);
    let expected = third.attempt.clone();
    store.settle(third).await.expect("a settlement");

    let record = store
        .read(event(1).id)
        .await
        .expect("a read")
        .expect("the event is stored");
    assert_eq!(record.event, event(1));

    let [job] = <[_; 1]>::try_from(record.jobs).expect("one job");
    assert_eq!(
        (job.plugin.as_str(), job.state, job.replays),
        ("ship", WorkState::Done, 1)
    );

    let numbers: Vec<_> = job
        .attempts
        .iter()
        .map(|(replays, attempt)| (*replays, attempt.number))
        .collect();
    assert_eq!(numbers, [(0, 1), (0, 2), (1, 1)]);
    assert_eq!(job.attempts[0].1.outcome, failed());
    assert_eq!(
        job.attempts[2].1, expected,
        "all of it: revision, times, outcome, log lines"
    );

    let [listed] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!(
        listed.last_outcome,
        Some(Outcome::Done.to_string()),
        "the last attempt's, of the last replay"
    );
    assert_eq!(store.read(event(2).id).await.expect("a read"), None);
}

async fn dry_run_replays_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1, 2], failed(), Next::Dead).await;
    append(&store, [event(3)]).await;
    claim_one(&store, 100).await;

    let before = store.read(event(1).id).await.expect("a read");
    let dry = Replay {
        dry_run: true,
        ..replay_of(EventSelection::default())
    };
    assert_eq!(replay(&store, dry).await, (2, 1));
    assert_eq!(store.read(event(1).id).await.expect("a read"), before);
    assert_eq!(claim(&store, 9, 110).await.len(), 0);
}

async fn replay_leaves_leased_jobs(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    assert_eq!(
        replay(&store, replay_of(EventSelection::default())).await,
        (0, 1)
    );

    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
}

async fn lease_before_replay_settles_nothing(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let lost = claim_one(&store, 10).await;
    let second = claim_one(&store, 100).await;
    settle(&store, &second.lease, failed(), Next::Dead).await;
    assert_eq!(
        replay(&store, replay_of(EventSelection::default())).await,
        (1, 0)
    );

    let again = claim_one(&store, 1000).await;
    assert_eq!(
        again.lease.attempt, lost.lease.attempt,
        "both leases have the same attempt number"
    );

    let answer = store
        .settle(settlement(&lost.lease, Outcome::Done, Next::Done))
        .await;
    assert!(matches!(answer, Err(Error::LeaseLost(_))), "{answer:?}");

    store
        .give_back(&[lost.lease])
        .await
        .expect("a release of nothing");
    assert_eq!(states(&store, 1).await, [is("ship", "leased")]);
}

async fn rate_spreads_replay(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1, 2, 3, 4, 5], failed(), Next::Dead).await;

    assert_eq!(
        replay(
            &store,
            Replay {
                rate: Some(0.5),
                ..replay_of(dead())
            }
        )
        .await,
        (5, 0)
    );
    assert_eq!(keys(&claim(&store, 9, 1000).await), ["key-1"]);
    assert_eq!(keys(&claim(&store, 9, 1001).await), [""; 0]);
    assert_eq!(keys(&claim(&store, 9, 1004).await), ["key-2", "key-3"]);
    assert_eq!(keys(&claim(&store, 9, 1008).await), ["key-4", "key-5"]);
}

async fn replay_revision_is_not_inherited(store: TestStore) {
    let named = Some(Revision::from_sha256([9; 32]));
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Dead).await;
    replay(
        &store,
        Replay {
            revision: named,
            ..replay_of(dead())
        },
    )
    .await;

    let first = claim_one(&store, 1000).await;
    assert_eq!(first.revision, named);

    settle(&store, &first.lease, failed(), store.until(1000)).await;

    let second = claim_one(&store, 1000).await;
    assert_eq!(second.revision, named, "a retry of it is its kind");

    settle(&store, &second.lease, failed(), Next::Dead).await;
    replay(&store, replay_of(dead())).await;
    assert_eq!(claim_one(&store, 1000).await.revision, None);
}

async fn replay_follows_selection(store: TestStore) {
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
        [event(1), event(2), event_of("umbrella/orders", 3), event(4)],
    )
    .await;

    for job in claim_of(
        &store,
        &[
            request("acme/audit", 9),
            request("acme/ship", 9),
            request("umbrella/ship", 9),
        ],
        10,
    )
    .await
    {
        let is_done = job.lease.plugin == plugin("acme/audit");
        let (outcome, next) = if is_done {
            (Outcome::Done, Next::Done)
        } else {
            (failed(), Next::Dead)
        };
        settle(&store, &job.lease, outcome, next).await;
    }

    let none = EventSelection::default;
    let name = |text: &str| Some(text.parse().expect("a plugin name of a test"));
    let cases = [
        (none(), 7),
        (dead(), 4),
        (
            EventSelection {
                plugin: name("audit"),
                ..none()
            },
            3,
        ),
        (
            EventSelection {
                plugin: name("audit"),
                ..dead()
            },
            0,
        ),
        (
            EventSelection {
                plugin: name("ship"),
                ..dead()
            },
            4,
        ),
        (
            EventSelection {
                tenant: Some(plugin("umbrella/ship").tenant),
                ..dead()
            },
            1,
        ),
        (
            EventSelection {
                since: Some(at(2)),
                until: Some(at(4)),
                ..dead()
            },
            2,
        ),
        (
            EventSelection {
                ids: vec![event(4).id, event(1).id, event(99).id],
                ..none()
            },
            4,
        ),
        (
            EventSelection {
                ids: vec![event(4).id],
                ..dead()
            },
            1,
        ),
        (
            EventSelection {
                event_type: Some("offer.none".into()),
                ..none()
            },
            0,
        ),
    ];
    for (selection, expected) in cases {
        let dry = Replay {
            dry_run: true,
            ..replay_of(selection.clone())
        };
        assert_eq!(replay(&store, dry).await, (expected, 0), "{selection:?}");
    }

    let of_ship = EventSelection {
        ids: vec![event(2).id],
        plugin: name("ship"),
        ..dead()
    };
    assert_eq!(replay(&store, replay_of(of_ship)).await, (1, 0));
    assert_eq!(
        states(&store, 2).await,
        [is("audit", "done"), is("ship", "pending")]
    );
    assert_eq!(
        states(&store, 1).await,
        [is("audit", "done"), is("ship", "dead")]
    );
}

async fn replay_without_route_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Dead).await;
    route(&store, &[]).await;
    assert_eq!(replay(&store, replay_of(dead())).await, (1, 0));
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    route_orders_to_ship(&store).await;
    assert_eq!(claim_one(&store, 1000).await.lease.attempt, 1);
}

async fn replayed_waiting_job_is_due(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Waiting { delay: secs(8900) }).await;

    assert_eq!(claim(&store, 9, 1000).await.len(), 0);
    assert_eq!(
        replay(&store, replay_of(EventSelection::default())).await,
        (1, 0)
    );
    assert_eq!(claim_one(&store, 1000).await.lease.attempt, 1);
}

async fn large_replay_covers_each_job_once(store: TestStore) {
    const EVENTS: u64 = 603;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;

    // The calls run concurrently, so that a store on a disk does not sync for each of them.
    let append_one = |number| {
        let store = store.clone();
        async move { append(&store, [event(number)]).await }
    };

    side_by_side((0..EVENTS).map(append_one)).await;

    let fail = |job: hookyard_store::ClaimedJob| {
        let store = store.clone();
        async move { settle(&store, &job.lease, failed(), Next::Dead).await }
    };

    let claimed = claim_of(
        &store,
        &[request("acme/audit", 9999), request("acme/ship", 300)],
        10,
    )
    .await;
    side_by_side(claimed.into_iter().map(fail)).await;

    let dry = Replay {
        dry_run: true,
        ..replay_of(dead())
    };
    assert_eq!(replay(&store, dry).await, (EVENTS + 300, 0));
    assert_eq!(replay(&store, replay_of(dead())).await, (EVENTS + 300, 0));
    assert_eq!(replay(&store, replay_of(dead())).await, (0, 0));
    assert_eq!(
        replay(
            &store,
            Replay {
                dry_run: true,
                ..replay_of(EventSelection::default())
            }
        )
        .await,
        (2 * EVENTS, 0)
    );

    let all = store
        .events(EventPage::first(EventSelection::default(), 9999))
        .await
        .expect("a page");
    let mut replays = 0;
    for listed in all {
        let record = store
            .read(listed.id)
            .await
            .expect("a read")
            .expect("the event is stored");
        assert!(record.jobs.iter().all(|job| job.replays <= 1), "{record:?}");
        replays += record
            .jobs
            .iter()
            .map(|job| u64::from(job.replays))
            .sum::<u64>();
    }

    assert_eq!(replays, EVENTS + 300);
}

async fn replay_wakes_waiting_task(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1], failed(), Next::Dead).await;
    super::waking::drain(&store).await;
    replay(&store, replay_of(dead())).await;
    super::waking::wakes(&store).await;
}

fn of_audit() -> EventSelection {
    EventSelection {
        plugin: Some(plugin("acme/audit").name),
        ..EventSelection::default()
    }
}

async fn replay_creates_jobs_for_new_plugin(store: TestStore) {
    route_orders_to_ship(&store).await;
    settled(&store, &[1, 2, 3], Outcome::Done, Next::Done).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [event(4)]).await;
    let later = EventSelection {
        since: Some(at(2)),
        ..of_audit()
    };
    let dry = Replay {
        dry_run: true,
        ..replay_of(later.clone())
    };
    let expected = ReplaySummary {
        replayed: 3,
        created: 2,
        ..ReplaySummary::default()
    };
    assert_eq!(store.replay(dry).await.expect("a replay"), expected);
    assert_eq!(states(&store, 2).await, [is("ship", "done")]);

    let slow = Replay {
        rate: Some(0.5),
        ..replay_of(later)
    };
    assert_eq!(store.replay(slow).await.expect("a replay"), expected);
    assert_eq!(
        states(&store, 1).await,
        [is("ship", "done")],
        "it came before"
    );
    assert_eq!(
        states(&store, 3).await,
        [is("audit", "waiting"), is("ship", "done")]
    );
    let first = claim_of(&store, &[request("acme/audit", 9)], 1000).await;
    assert_eq!(keys(&first), ["key-2"]);
    assert_eq!(
        (
            first[0].since,
            first[0].lease.replays,
            first[0].lease.attempt
        ),
        (at(1000), 0, 1)
    );
    assert_eq!(
        keys(&claim_of(&store, &[request("acme/audit", 9)], 1004).await),
        ["key-3", "key-4"]
    );
}

async fn replay_creates_no_unrouted_job(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["audit"])],
    )
    .await;
    settled(&store, &[1, 2], Outcome::Done, Next::Done).await;

    let expected = ReplaySummary {
        not_routed: 2,
        ..ReplaySummary::default()
    };

    for dry_run in [true, false] {
        let replay = Replay {
            dry_run,
            ..replay_of(of_audit())
        };
        assert_eq!(store.replay(replay).await.expect("a replay"), expected);
    }

    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
}

async fn created_job_keeps_key_order(store: TestStore) {
    let ordered = |number| Event {
        ordering_key: Some("k".into()),
        ..event(number)
    };

    route_orders_to_ship(&store).await;
    append(&store, [ordered(1), ordered(2)]).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [ordered(3)]).await;
    assert_eq!(replay(&store, replay_of(of_audit())).await, (3, 0));

    for expected in ["key-1", "key-2", "key-3"] {
        let claimed = claim_of(&store, &[request("acme/audit", 9)], 2000).await;
        assert_eq!(keys(&claimed), [expected]);
        settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    }
}

async fn replay_of_unrouted_skips_other_events(store: TestStore) {
    append(&store, [event(1)]).await;
    let none = Backlog {
        by_plugin: [(plugin("acme/audit"), BacklogPolicy::None)].into(),
        ..Backlog::default()
    };
    let routes = Routes([(event(1).source, [plugin("acme/audit").name].into())].into());
    store.route_with(routes, &none).await.expect("a route");
    append(&store, [event(2)]).await;
    assert_eq!(states(&store, 1).await, [], "the plugin takes no backlog");
    let audited = claim_of(&store, &[request("acme/audit", 9)], 10).await;
    assert_eq!(keys(&audited), ["key-2"]);
    settle(&store, &audited[0].lease, Outcome::Done, Next::Done).await;

    let unrouted = EventSelection {
        states: vec!["unrouted".into()],
        ..of_audit()
    };
    let expected = ReplaySummary {
        replayed: 1,
        created: 1,
        ..ReplaySummary::default()
    };
    let dry = Replay {
        dry_run: true,
        ..replay_of(unrouted.clone())
    };
    assert_eq!(store.replay(dry).await.expect("a replay"), expected);
    assert_eq!(
        store.replay(replay_of(unrouted)).await.expect("a replay"),
        expected
    );
    assert_eq!(states(&store, 1).await, [is("audit", "pending")]);
    assert_eq!(states(&store, 2).await, [is("audit", "done")]);
    assert_eq!(store.unrouted().await.expect("tallies"), []);
}
