//! Routes: events reach the plugins of their source, and wait for plugins that are missing.

use hookyard_model::{Event, Next, Outcome, WorkState};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, failed, is, jobs, keys, next_due,
    plugin, request, route, route_orders_to_ship, settle, states,
};
use super::{Case, TestStore, table};
use hookyard_store::{Backlog, BacklogPolicy, Routes};

pub(super) const CASES: &[Case] = table![
    each_routed_plugin_has_job,
    routes_keep_tenants_apart,
    unrouted_event_gets_jobs_later,
    routed_event_skips_later_plugin,
    unrouted_plugin_jobs_are_held,
    removed_route_holds_only_its_source,
    finished_jobs_ignore_route_changes,
    lease_outlasts_its_route,
    waiting_job_without_route_is_held,
    given_back_job_without_route_is_held,
    expired_lease_without_route_is_held,
    held_jobs_do_not_fill_claim,
    unhandled_jobs_are_counted_by_tenant,
    backlog_follows_its_rate,
    plugin_may_skip_backlog,
    slow_backlog_keeps_key_order,
];

async fn each_routed_plugin_has_job(store: TestStore) {
    route(
        &store,
        &[
            ("acme/orders", &["ship", "audit"]),
            ("acme/payments", &["book"]),
        ],
    )
    .await;
    append(&store, [event(1), event_of("acme/payments", 2)]).await;
    assert_eq!(
        states(&store, 1).await,
        [is("audit", "pending"), is("ship", "pending")]
    );
    assert_eq!(states(&store, 2).await, [is("book", "pending")]);

    let claimed = claim_of(
        &store,
        &[
            request("acme/audit", 9),
            request("acme/book", 9),
            request("acme/ship", 9),
        ],
        10,
    )
    .await;
    let leases: Vec<_> = claimed
        .iter()
        .map(|job| (job.lease.plugin.to_string(), job.event.key.clone()))
        .collect();
    let expected = [
        ("acme/audit", "key-1"),
        ("acme/book", "key-2"),
        ("acme/ship", "key-1"),
    ];
    assert_eq!(
        leases,
        expected.map(|(plugin, key)| (plugin.to_owned(), key.to_owned()))
    );
}

async fn routes_keep_tenants_apart(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("umbrella/orders", 2)]).await;
    assert_eq!(
        keys(&claim_of(&store, &[request("umbrella/ship", 9)], 10).await),
        ["key-2"]
    );
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1"]);

    route(&store, &[("umbrella/orders", &["ship"])]).await;

    let routes = store.routes().await.expect("routes").0;
    let routed: Vec<_> = routes
        .iter()
        .filter(|(_, plugins)| !plugins.is_empty())
        .map(|(at, _)| at.to_string())
        .collect();
    assert_eq!(routed, ["umbrella/orders"]);

    append(&store, [event_of("umbrella/orders", 3), event(4)]).await;
    assert_eq!(states(&store, 3).await, [is("ship", "pending")]);
    assert_eq!(states(&store, 4).await, []);
}

async fn unrouted_event_gets_jobs_later(store: TestStore) {
    append(&store, [event(1), event(2), event_of("acme/payments", 3)]).await;
    assert_eq!(states(&store, 1).await, []);
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);

    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    assert_eq!(
        states(&store, 1).await,
        [is("audit", "pending"), is("ship", "pending")]
    );
    assert_eq!(states(&store, 3).await, []);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1", "key-2"]);

    route_orders_to_ship(&store).await;
    assert_eq!(
        claim(&store, 9, 10).await.len(),
        0,
        "routing again makes no second job"
    );
}

async fn routed_event_skips_later_plugin(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [event(2)]).await;

    assert_eq!(states(&store, 1).await, [is("ship", "pending")]);
    assert_eq!(
        states(&store, 2).await,
        [is("audit", "pending"), is("ship", "pending")]
    );
}

async fn unrouted_plugin_jobs_are_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    let first = claim_one(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(500)).await;
    route(&store, &[]).await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(states(&store, 2).await, [is("ship", "held")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);
    assert_eq!(next_due(&store, &["acme/ship"]).await, None);

    route_orders_to_ship(&store).await;

    let claimed = claim(&store, 9, 20).await;
    assert_eq!(keys(&claimed), ["key-1", "key-2"]);
    assert_eq!(claimed[0].lease.attempt, 2, "attempts go on counting");
}

async fn removed_route_holds_only_its_source(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("acme/payments", 2)]).await;
    route(&store, &[("acme/payments", &["ship"])]).await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-2"]);

    route_orders_to_ship(&store).await;
    assert_eq!(keys(&claim(&store, 9, 10).await), ["key-1"]);
}

async fn finished_jobs_ignore_route_changes(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1), event(2)]).await;

    let claimed = claim(&store, 2, 10).await;
    settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    settle(&store, &claimed[1].lease, failed(), Next::Dead).await;
    route(&store, &[]).await;
    route_orders_to_ship(&store).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
    assert_eq!(states(&store, 2).await, [is("ship", "dead")]);
    assert_eq!(claim(&store, 9, 1000).await.len(), 0);
}

async fn lease_outlasts_its_route(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    route(&store, &[]).await;
    assert_eq!(states(&store, 1).await, [is("ship", "leased")]);
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    assert_eq!(states(&store, 1).await, [is("ship", "done")]);
}

async fn waiting_job_without_route_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let job = claim_one(&store, 10).await;
    route(&store, &[]).await;
    settle(&store, &job.lease, failed(), store.until(20)).await;
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);

    route_orders_to_ship(&store).await;
    assert_eq!(claim_one(&store, 20).await.lease.attempt, 2);
}

async fn given_back_job_without_route_is_held(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    route(&store, &[]).await;
    store.give_back(&[job.lease]).await.expect("a release");
    let [after] = <[_; 1]>::try_from(jobs(&store, 1).await).expect("one job");
    assert_eq!((after.state, after.attempts), (WorkState::Held, 0));
}

async fn expired_lease_without_route_is_held(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("acme/payments", 2)]).await;
    assert_eq!(claim(&store, 1, 10).await.len(), 1);

    route(&store, &[("acme/payments", &["ship"])]).await;
    assert_eq!(
        keys(&claim(&store, 9, 1000).await),
        ["key-2"],
        "the plugin no longer takes the other source's events"
    );
    assert_eq!(states(&store, 1).await, [is("ship", "held")]);

    let due = next_due(&store, &["acme/ship"]).await;
    assert_eq!(due, Some(60), "the job that is held wakes nobody");
}

async fn held_jobs_do_not_fill_claim(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["ship"])],
    )
    .await;
    append(&store, [event(1), event(2)]).await;
    assert_eq!(claim(&store, 2, 10).await.len(), 2);

    route(&store, &[("acme/payments", &["ship"])]).await;
    append(
        &store,
        [event_of("acme/payments", 80), event_of("acme/payments", 81)],
    )
    .await;
    assert_eq!(
        keys(&claim(&store, 2, 100).await),
        ["key-80", "key-81"],
        "though the others were due before"
    );
    assert_eq!(states(&store, 2).await, [is("ship", "held")]);
}

/// Routes `acme/orders` to these plugins, each with its policy for the backlog.
async fn route_backlog(store: &TestStore, plugins: &[(&str, BacklogPolicy)]) {
    let named = plugins.iter().map(|(name, policy)| (plugin(name), *policy));
    let backlog = Backlog {
        now: at(1000),
        by_plugin: named.collect(),
    };
    let names = plugins.iter().map(|(name, _)| plugin(name).name).collect();
    let routes = Routes([(event(1).source, names)].into());
    store.route_with(routes, &backlog).await.expect("a route");
}

async fn unhandled_jobs_are_counted_by_tenant(store: TestStore) {
    let counts = async || {
        let counts = store.unhandled().await.expect("counts");
        let text = |(tenant, count)| format!("{tenant} {count}");
        counts.into_iter().map(text).collect::<Vec<_>>()
    };
    route(
        &store,
        &[
            ("acme/orders", &["ship", "audit"]),
            ("beta/orders", &["ship"]),
        ],
    )
    .await;
    assert!(counts().await.is_empty());

    append(
        &store,
        [
            event(1),
            event_of("beta/orders", 2),
            event_of("acme/other", 3),
        ],
    )
    .await;
    assert_eq!(counts().await, ["acme 2", "beta 1"]);

    let claimed = claim(&store, 9, 10).await;
    assert_eq!(counts().await, ["acme 2", "beta 1"], "a lease is unhandled");
    settle(&store, &claimed[0].lease, failed(), store.until(500)).await;
    assert_eq!(counts().await, ["acme 2", "beta 1"], "a retry is unhandled");

    route(&store, &[("beta/orders", &["ship"])]).await;
    assert_eq!(counts().await, ["beta 1"], "held jobs do not count");
    let of_beta = claim_of(&store, &[request("beta/ship", 9)], 20).await;
    settle(&store, &of_beta[0].lease, Outcome::Done, Next::Done).await;
    assert!(counts().await.is_empty());
}

async fn backlog_follows_its_rate(store: TestStore) {
    append(&store, (1..=3).map(event)).await;
    let all = |rate| BacklogPolicy::All { rate };
    route_backlog(
        &store,
        &[("acme/audit", all(None)), ("acme/ship", all(Some(0.5)))],
    )
    .await;
    append(&store, [event(4)]).await;
    assert_eq!(store.unrouted().await.expect("tallies"), []);
    assert_eq!(
        claim_of(&store, &[request("acme/audit", 9)], 1000)
            .await
            .len(),
        4,
        "each has a rate of its own"
    );

    let first = claim(&store, 9, 1000).await;
    let mut found = keys(&first);
    found.sort_unstable();
    assert_eq!(found, ["key-1", "key-4"], "later events do not wait");
    let replayed_at = first
        .iter()
        .find(|job| job.event.key == "key-1")
        .map(|job| job.since);
    assert_eq!(
        replayed_at,
        Some(at(1000)),
        "its retries count from its turn"
    );
    assert_eq!(keys(&claim(&store, 9, 1001).await), [""; 0]);
    assert_eq!(keys(&claim(&store, 9, 1002).await), ["key-2"]);
    assert_eq!(keys(&claim(&store, 9, 1004).await), ["key-3"]);
}

async fn plugin_may_skip_backlog(store: TestStore) {
    append(&store, [event(1)]).await;
    route_backlog(&store, &[("acme/ship", BacklogPolicy::None)]).await;
    append(&store, [event(2)]).await;
    assert_eq!(states(&store, 1).await, []);
    assert_eq!(keys(&claim(&store, 9, 1000).await), ["key-2"]);
    assert_eq!(store.unrouted().await.expect("tallies")[0].count, 1);

    let all = BacklogPolicy::All { rate: None };
    route_backlog(
        &store,
        &[("acme/audit", all), ("acme/ship", BacklogPolicy::None)],
    )
    .await;
    assert_eq!(
        states(&store, 1).await,
        [is("audit", "pending")],
        "another one takes it"
    );
}

async fn slow_backlog_keeps_key_order(store: TestStore) {
    let ordered = |number| Event {
        ordering_key: Some("k".into()),
        ..event(number)
    };

    append(&store, [ordered(1), ordered(2)]).await;
    route_backlog(
        &store,
        &[("acme/ship", BacklogPolicy::All { rate: Some(0.5) })],
    )
    .await;
    append(&store, [ordered(3)]).await;

    for (now, expected) in [(1000, "key-1"), (1002, "key-2"), (1002, "key-3")] {
        let claimed = claim(&store, 9, now).await;
        assert_eq!(keys(&claimed), [expected]);
        settle(&store, &claimed[0].lease, Outcome::Done, Next::Done).await;
    }
}
