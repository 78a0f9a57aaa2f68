//! A tenant with very much to do, or with many plugins, or with slow ones, costs the others next to nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hookyard_model::{Clock as _, Event, SourceRef};
use hookyard_store::{Events, Routes, Routing};
use tokio::time::sleep;

use crate::kit::{HOUR, Plan, SECOND, Yard, done_in, event, plugin};

const GREEDY: [(&str, usize); 3] = [("acme/a", 8), ("acme/b", 8), ("acme/c", 8)];

fn orders_of(tenant: &str) -> SourceRef {
    SourceRef {
        tenant: tenant.parse().expect("a name"),
        name: "orders".parse().expect("a name"),
    }
}

/// Routes each tenant's orders to all of its plugins.
async fn route(yard: &Yard, plugins: &[(&str, usize)]) {
    let mut routes = Routes::default();
    for (name, _) in plugins {
        let plugin = plugin(name);
        routes
            .0
            .entry(orders_of(plugin.tenant.as_str()))
            .or_default()
            .insert(plugin.name);
    }
    yard.inbox.route(routes).await.expect("routes");
}

async fn append(yard: &Yard, tenant: &str, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let event = Event {
            source: orders_of(tenant),
            ..event(number, yard.clock.now())
        };
        yard.inbox.append(event).await.expect("an append");
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
async fn who_has_little_to_do_waits_for_nobody_who_has_much() {
    let plugins = [GREEDY.as_slice(), &[("blue/ship", 8)]].concat();
    let yard = Yard::start(plan(&plugins, 6), |job| {
        done_in(if job.lease.plugin.tenant.as_str() == "acme" {
            HOUR
        } else {
            SECOND
        })
    });
    route(&yard, &plugins).await;
    append(&yard, "acme", 0..2_000).await;
    sleep(SECOND).await;
    for number in 5_000..5_020 {
        let came = yard.clock.now();
        append(&yard, "blue", number..number + 1).await;
        sleep(1_500 * SECOND / 1_000).await;
        let [attempt] =
            <[_; 1]>::try_from(yard.attempts(number, "ship")).expect("one attempt, which is over");
        assert_eq!(attempt.started_at, came, "event {number} begins at once");
    }
    assert_eq!(yard.runner.running_most.load(Ordering::Relaxed), 7);
    yard.task.abort();
}

#[tokio::test(start_paused = true)]
async fn who_has_much_to_do_shares_by_tenant_and_not_by_plugin() {
    let plugins = [GREEDY.as_slice(), &[("blue/ship", 8)]].concat();
    let yard = Yard::start(plan(&plugins, 8), |job| {
        // So that places don't all become free together.
        done_in(Duration::from_millis(
            700 + 37 * (job.event.id.as_uuid().as_u128() % 16) as u64,
        ))
    });
    route(&yard, &plugins).await;
    append(&yard, "acme", 0..1_000).await;
    append(&yard, "blue", 5_000..6_000).await;
    sleep(60 * SECOND).await;
    let jobs = yard.jobs().await;
    let done = |names: &[&str]| {
        jobs.iter()
            .filter(|job| job.state.name() == "done" && names.contains(&job.plugin.as_str()))
            .count()
    };
    let (acme, blue) = (done(&["a", "b", "c"]), done(&["ship"]));
    assert!(
        acme > 200 && acme.abs_diff(blue) * 10 < acme,
        "{acme} for three plugins of one, {blue} for the other"
    );
    let of_each = ["a", "b", "c"].map(|name| done(&[name]));
    assert!(
        of_each
            .iter()
            .all(|count| count.abs_diff(acme / 3) * 5 < acme),
        "and evenly within: {of_each:?}"
    );
    yard.task.abort();
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_has_all() {
    let yard = Yard::start(plan(&GREEDY, 6), |_| done_in(SECOND));
    route(&yard, &GREEDY).await;
    append(&yard, "acme", 0..30).await;
    yard.all_over().await;
    assert_eq!(yard.runner.running_most.load(Ordering::Relaxed), 8);
    yard.stop().await;
}
