//! Fairness: a tenant with many events, many plugins or slow plugins does not delay other tenants.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::{Clock as _, Event, SourceRef};
use hookyard_store::{Events, Routes, Routing};
use tokio::time::sleep;

use crate::support::{HOUR, Harness, Plan, SECOND, done_in, event, plugin};

const GREEDY: [(&str, usize); 3] = [("acme/a", 8), ("acme/b", 8), ("acme/c", 8)];

fn orders_of(tenant: &str) -> SourceRef {
    SourceRef {
        tenant: tenant.parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

/// Routes the source of each tenant to all of its plugins.
async fn route(harness: &Harness, plugins: &[(&str, usize)]) {
    let mut routes = Routes::default();

    for (name, _) in plugins {
        let plugin = plugin(name);
        routes
            .0
            .entry(orders_of(plugin.tenant.as_str()))
            .or_default()
            .insert(plugin.name);
    }

    harness.inbox.route(routes).await.expect("routes");
}

async fn append(harness: &Harness, tenant: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let event = Event {
            source: orders_of(tenant),
            ..event(number, harness.clock.now())
        };
        harness.inbox.append(event).await.expect("an append");
    }
}

fn plan(plugins: &[(&'static str, usize)], tenant_concurrency_max: usize) -> Plan {
    Plan {
        active: plugins.to_vec(),
        concurrency_max: 8,
        tenant_concurrency_max,
        ..Plan::default()
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_tenant_never_waits_for_busy_tenant() {
    let plugins = [GREEDY.as_slice(), &[("blue/ship", 8)]].concat();
    let harness = Harness::start(plan(&plugins, 6), |job| {
        done_in(if job.lease.plugin.tenant.as_str() == "acme" {
            HOUR
        } else {
            SECOND
        })
    });
    route(&harness, &plugins).await;
    append(&harness, "acme", 0..2_000).await;
    sleep(SECOND).await;

    for number in 5_000..5_020 {
        let came = harness.clock.now();
        append(&harness, "blue", number..number + 1).await;
        sleep(1_500 * SECOND / 1_000).await;
        let [attempt] =
            <[_; 1]>::try_from(harness.attempts(number, "ship")).expect("one ended attempt");
        assert_eq!(attempt.started_at, came, "event {number} begins at once");
    }

    assert_eq!(harness.runner.running_most.load(Ordering::Relaxed), 7);

    harness.task.abort();
}

#[tokio::test(start_paused = true)]
async fn busy_tenants_share_slots_by_tenant() {
    let plugins = [GREEDY.as_slice(), &[("blue/ship", 8)]].concat();
    let harness = Harness::start(plan(&plugins, 8), |job| {
        // Different durations, so that the slots become free at different times.
        done_in(Duration::from_millis(
            700 + 37 * (job.event.id.as_uuid().as_u128() % 16) as u64,
        ))
    });
    route(&harness, &plugins).await;
    append(&harness, "acme", 0..1_000).await;
    append(&harness, "blue", 5_000..6_000).await;
    sleep(60 * SECOND).await;
    let jobs = harness.jobs().await;
    let done = |names: &[&str]| {
        jobs.iter()
            .filter(|job| job.state.name() == "done" && names.contains(&job.plugin.as_str()))
            .count()
    };
    let (acme, blue) = (done(&["a", "b", "c"]), done(&["ship"]));

    assert!(
        acme > 200 && acme.abs_diff(blue) * 10 < acme,
        "{acme} jobs of acme, {blue} jobs of blue"
    );

    let of_each = ["a", "b", "c"].map(|name| done(&[name]));

    assert!(
        of_each
            .iter()
            .all(|count| count.abs_diff(acme / 3) * 5 < acme),
        "shares within acme: {of_each:?}"
    );

    harness.task.abort();
}

#[tokio::test(start_paused = true)]
async fn single_tenant_uses_all_slots() {
    let harness = Harness::start(plan(&GREEDY, 6), |_| done_in(SECOND));
    route(&harness, &GREEDY).await;
    append(&harness, "acme", 0..30).await;
    harness.wait_until_over().await;
    assert_eq!(harness.runner.running_most.load(Ordering::Relaxed), 8);
    harness.stop().await;
}
