//! Counts by state stop at their maximum, and charts and refusals are added up.

use std::net::IpAddr;
use std::time::Duration;

use hookyard_model::{Next, Outcome, Timestamp};

use super::support::{
    append, at, claim_of, event, event_of, failed, message, request, route, settle, settlement,
    source,
};
use super::{Case, TestStore, table};
use hookyard_store::{
    Chart, Count, Figure, FigureValue, JobCounts, MessageCounts, OTHER_SERIES,
    REFUSALS_OF_SOURCE_MAX, RefusalCount, RefusalSample, RefusalSelection, Resolution,
    SERIES_OF_TENANT_MAX, Series, SeriesKind, Tenants,
};

pub(super) const CASES: &[Case] = table![
    jobs_are_counted_by_state,
    totals_are_by_tenant,
    figures_add_up_in_both_resolutions,
    old_figures_are_gone,
    too_many_series_fold_into_others,
    refusals_add_up_by_reason,
    refusals_of_a_source_are_bounded,
];

fn acme() -> Tenants {
    Tenants::from(source("acme/orders").tenant)
}

async fn jobs_are_counted_by_state(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&store, (1..=9).map(event)).await;
    append(
        &store,
        [
            event_of("umbrella/orders", 10),
            event_of("acme/letters", 11),
        ],
    )
    .await;
    for (number, job) in claim_of(&store, &[request("acme/ship", 6)], 20)
        .await
        .iter()
        .enumerate()
    {
        let (outcome, next) = match number {
            0 | 1 => (failed(), Next::Dead),
            2 => (failed(), store.until(1000)),
            3 => (Outcome::Done, Next::Done),
            _ => continue,
        };
        settle(&store, &job.lease, outcome, next).await;
    }

    let exact = |value| Count {
        value,
        has_more: false,
    };
    let counts = JobCounts {
        pending: exact(3),
        leased: exact(2),
        waiting: exact(1),
        held: exact(0),
        dead: exact(2),
        unrouted: exact(1),
    };
    let of_acme = store.job_counts(&acme(), 100).await.expect("the counts");
    assert_eq!(of_acme, counts);
    let all = store
        .job_counts(&Tenants::All, 100)
        .await
        .expect("the counts");
    assert_eq!(
        all,
        JobCounts {
            pending: exact(4),
            ..counts
        }
    );
    let capped = store.job_counts(&acme(), 2).await.expect("the counts");
    assert_eq!(
        capped.pending,
        Count {
            value: 2,
            has_more: true
        }
    );
    assert_eq!(capped.dead, exact(2));

    let job = claim_of(&store, &[request("acme/ship", 1)], 20)
        .await
        .remove(0);
    let mut end = settlement(&job.lease, Outcome::Done, Next::Done);
    end.effects.messages = vec![message(1), message(2)];
    store.settle(end).await.expect("a settlement");
    let messages = store.message_counts(&acme(), 1).await.expect("the counts");
    let pending = Count {
        value: 1,
        has_more: true,
    };
    assert_eq!(
        messages,
        MessageCounts {
            pending,
            ..MessageCounts::default()
        }
    );
}

async fn totals_are_by_tenant(store: TestStore) {
    append(&store, [event(1), event(2), event_of("umbrella/orders", 3)]).await;

    let all = store.totals(&Tenants::All).await.expect("the totals");
    let events: Vec<_> = all
        .iter()
        .map(|of| (of.tenant.as_str(), of.events))
        .collect();
    assert_eq!(events, [("acme", 2), ("umbrella", 1)]);
    let body = event(1).body.len() as u64;
    assert!(all[0].bytes > 2 * body && all[1].bytes > body, "{all:?}");
    assert_eq!(store.totals(&acme()).await.expect("the totals"), all[..1]);
}

fn series(of: &str, name: &str) -> Series {
    Series {
        tenant: of.parse().expect("a name"),
        kind: SeriesKind::Attempt,
        name: name.into(),
        code: "done".into(),
    }
}

fn value(times: &[u64]) -> FigureValue {
    let mut value = FigureValue::default();
    times
        .iter()
        .for_each(|ms| value.observe(Duration::from_millis(*ms)));
    value
}

fn chart(resolution: Resolution) -> Chart {
    Chart {
        tenant: None,
        kind: None,
        name: None,
        from: at(-10_000_000),
        until: at(10_000_000),
        resolution,
    }
}

async fn add(
    store: &TestStore,
    figures: impl IntoIterator<Item = (Series, Timestamp, FigureValue)>,
) {
    let figures = figures.into_iter();
    let figures = figures.map(|(series, at, value)| Figure { series, at, value });
    store.add_figures(figures.collect()).await.expect("added");
}

async fn figures(
    store: &TestStore,
    chart: Chart,
    tenants: &Tenants,
) -> Vec<(String, i64, FigureValue)> {
    let found = store.figures(chart, tenants).await.expect("the figures");
    let second = |time: Timestamp| time.unix_millis() / 1000 - 1_700_000_000;
    found
        .into_iter()
        .map(|figure| (figure.series.name, second(figure.at), figure.value))
        .collect()
}

async fn figures_add_up_in_both_resolutions(store: TestStore) {
    // Second 100 begins a minute and a quarter of an hour.
    store.set(2000);
    let (ship, books) = (series("acme", "ship"), series("umbrella", "books"));
    add(
        &store,
        [
            (ship.clone(), at(110), value(&[5])),
            (ship.clone(), at(150), value(&[40])),
        ],
    )
    .await;
    add(
        &store,
        [
            (ship.clone(), at(170), value(&[7, 900])),
            (books, at(110), value(&[1])),
        ],
    )
    .await;

    let ship_is = |second, times: &[u64]| ("ship".to_owned(), second, value(times));
    let books_is = |second| ("books".to_owned(), second, value(&[1]));
    let minutes = figures(&store, chart(Resolution::Minute), &Tenants::All).await;
    assert_eq!(
        minutes,
        [
            ship_is(100, &[5, 40]),
            ship_is(160, &[7, 900]),
            books_is(100)
        ]
    );
    let quarters = figures(&store, chart(Resolution::Quarter), &Tenants::All).await;
    assert_eq!(quarters, [ship_is(100, &[5, 40, 7, 900]), books_is(100)]);

    let own = figures(&store, chart(Resolution::Quarter), &acme()).await;
    assert_eq!(own, quarters[..1]);
    let later = Chart {
        from: at(165),
        ..chart(Resolution::Minute)
    };
    assert_eq!(figures(&store, later, &acme()).await, minutes[1..2]);
    let other = Chart {
        kind: Some(SeriesKind::Queue),
        ..chart(Resolution::Minute)
    };
    assert_eq!(figures(&store, other, &acme()).await, []);
    let named = Chart {
        name: Some("books".into()),
        ..chart(Resolution::Minute)
    };
    assert_eq!(figures(&store, named, &Tenants::All).await, minutes[2..]);
}

async fn old_figures_are_gone(store: TestStore) {
    let day = 24 * 3600;
    store.set(100);
    add(&store, [(series("acme", "ship"), at(100), value(&[1]))]).await;
    let count = async |resolution| figures(&store, chart(resolution), &acme()).await.len();
    assert_eq!(count(Resolution::Minute).await, 1);

    store.set(3 * day);
    assert_eq!(count(Resolution::Minute).await, 0);
    assert_eq!(count(Resolution::Quarter).await, 1);
    store.set(36 * day);
    add(
        &store,
        [(series("acme", "books"), at(36 * day), value(&[1]))],
    )
    .await;
    assert_eq!(count(Resolution::Quarter).await, 1);
}

async fn too_many_series_fold_into_others(store: TestStore) {
    store.set(100);
    let many = (0..SERIES_OF_TENANT_MAX + 50).map(|number| {
        (
            series("acme", &format!("p{number:04}")),
            at(100),
            value(&[1]),
        )
    });
    add(&store, many).await;
    add(&store, [(series("umbrella", "ship"), at(100), value(&[1]))]).await;

    let found = figures(&store, chart(Resolution::Minute), &acme()).await;
    assert!(found.len() <= SERIES_OF_TENANT_MAX);
    let total: u64 = found.iter().map(|(_, _, value)| value.count).sum();
    assert_eq!(total as usize, SERIES_OF_TENANT_MAX + 50);
    let others = found.iter().find(|(name, ..)| name == OTHER_SERIES);
    assert!(
        others.is_some_and(|(_, _, value)| value.count > 50),
        "{others:?}"
    );
    let all = figures(&store, chart(Resolution::Minute), &Tenants::All).await;
    assert_eq!(all.len(), found.len() + 1, "another tenant has room");
}

fn refusal(from: &str, reason: &str, peer: u8, second: i64) -> RefusalCount {
    RefusalCount {
        source: source(from),
        reason: reason.into(),
        peer: IpAddr::from([10, 0, 0, peer]),
        count: 2,
        first: at(second),
        last: at(second + 1),
        sample: RefusalSample {
            header_names: vec!["x-signature".into(), format!("at-{second}")],
            content_type: Some("application/json".into()),
            body_bytes: Some(861),
            clock_offset_ms: Some(-200),
        },
    }
}

async fn refusals_add_up_by_reason(store: TestStore) {
    store.set(1000);
    let counts = [
        refusal("acme/orders", "bad-signature", 1, 100),
        refusal("acme/orders", "missing-header", 1, 130),
        refusal("umbrella/orders", "bad-signature", 1, 100),
    ];
    store.add_refusals(counts.to_vec()).await.expect("added");
    let later =
        [1, 2, 3].map(|peer| refusal("acme/orders", "bad-signature", peer, 102 + i64::from(peer)));
    store.add_refusals(later.to_vec()).await.expect("added");

    let found = async |selection, tenants: &Tenants| {
        store.refusals(selection, tenants).await.expect("refusals")
    };
    let of_acme = found(RefusalSelection::default(), &acme()).await;
    let reasons: Vec<_> = of_acme
        .iter()
        .map(|of| (of.reason.as_str(), of.count))
        .collect();
    assert_eq!(reasons, [("missing-header", 2), ("bad-signature", 8)]);
    let bad = &of_acme[1];
    assert_eq!((bad.first, bad.last, bad.peers), (at(100), at(106), 3));
    assert_eq!(
        bad.last_peers,
        [3, 2, 1].map(|peer| IpAddr::from([10, 0, 0, peer]))
    );
    assert_eq!(bad.sample, later[2].sample);

    assert_eq!(
        found(RefusalSelection::default(), &Tenants::All)
            .await
            .len(),
        3
    );
    let since = RefusalSelection {
        since: Some(at(400)),
        ..RefusalSelection::default()
    };
    assert_eq!(found(since, &acme()).await, []);
    let other = RefusalSelection {
        source: Some(source("acme/letters").name),
        ..RefusalSelection::default()
    };
    assert_eq!(found(other, &acme()).await, []);
}

async fn refusals_of_a_source_are_bounded(store: TestStore) {
    store.set(100_000);
    let minutes = 0..REFUSALS_OF_SOURCE_MAX as i64 + 20;
    let many = minutes.map(|minute| refusal("acme/orders", "bad-signature", 1, minute * 60 + 1));
    store.add_refusals(many.collect()).await.expect("added");

    let found = store.refusals(RefusalSelection::default(), &acme()).await;
    let found = found.expect("refusals");
    assert_eq!(found[0].count as usize, 2 * REFUSALS_OF_SOURCE_MAX);
    assert_eq!(found[0].first, at(20 * 60 + 1), "the oldest are gone");

    store.set(100_000 + 40 * 24 * 3600);
    store.add_refusals(Vec::new()).await.expect("added");
    let found = store.refusals(RefusalSelection::default(), &acme()).await;
    assert_eq!(found.expect("refusals"), []);
}
