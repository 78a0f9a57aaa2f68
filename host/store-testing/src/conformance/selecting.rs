//! Selections of events: a list has what the selection matches and nothing else.

use hookyard_model::{Event, Next, Outcome};

use super::support::{
    append, at, claim_of, event, event_of, failed, plugin, request, route, settle, source,
};
use super::{Case, TestStore, table};
use hookyard_store::{EventPage, EventSelection};

pub(super) const CASES: &[Case] = table![
    each_filter_narrows_list,
    text_filter_compares_body_bytes,
    job_filters_apply_to_same_job,
    selected_pages_are_contiguous,
    clock_set_back_hides_no_event,
];

async fn keys(store: &TestStore, selection: EventSelection) -> Vec<String> {
    let page = EventPage::first(selection, 1000);
    store
        .events(page)
        .await
        .expect("a page")
        .into_iter()
        .map(|event| event.key)
        .collect()
}

/// Stores five events. Event 1 of `acme/orders` is done, 2 is dead for one plugin and done for the
/// other, 3 is pending for both, 4 is unrouted, and 5 is of another tenant and held.
async fn fill(store: &TestStore) {
    route(
        store,
        &[
            ("acme/orders", &["audit", "ship"]),
            ("umbrella/orders", &["ship"]),
        ],
    )
    .await;

    let offer = |number| Event {
        event_type: Some("offer.updated".into()),
        ..event(number)
    };

    append(store, [event(1), offer(2)]).await;

    for job in claim_of(
        store,
        &[request("acme/audit", 9), request("acme/ship", 9)],
        10,
    )
    .await
    {
        let is_dead = job.event.id == event(2).id && job.lease.plugin == plugin("acme/ship");
        let (outcome, next) = if is_dead {
            (failed(), Next::Dead)
        } else {
            (Outcome::Done, Next::Done)
        };
        settle(store, &job.lease, outcome, next).await;
    }

    append(
        store,
        [
            offer(3),
            event_of("acme/payments", 4),
            event_of("umbrella/orders", 5),
        ],
    )
    .await;
    route(store, &[("acme/orders", &["audit", "ship"])]).await;
}

async fn each_filter_narrows_list(store: TestStore) {
    fill(&store).await;

    let none = EventSelection::default;
    let state = |name: &str| EventSelection {
        states: vec![name.into()],
        ..none()
    };

    let cases: &[(EventSelection, &[u64])] = &[
        (none(), &[1, 2, 3, 4, 5]),
        (
            EventSelection {
                ids: vec![event(4).id, event(2).id, event(77).id],
                ..none()
            },
            &[2, 4],
        ),
        (
            EventSelection {
                tenant: Some(plugin("umbrella/ship").tenant),
                ..none()
            },
            &[5],
        ),
        (
            EventSelection {
                source: Some(source("acme/orders").name),
                ..none()
            },
            &[1, 2, 3, 5],
        ),
        (
            EventSelection {
                plugin: Some(plugin("acme/audit").name),
                ..none()
            },
            &[1, 2, 3],
        ),
        (
            EventSelection {
                event_type: Some("offer.updated".into()),
                ..none()
            },
            &[2, 3],
        ),
        (state("dead"), &[2]),
        (state("done"), &[1, 2]),
        (state("pending"), &[3]),
        (state("held"), &[5]),
        (state("leased"), &[]),
        (state("unrouted"), &[4]),
        (state("discarded"), &[]),
        (
            EventSelection {
                source: Some(source("acme/orders").name),
                ..state("unrouted")
            },
            &[],
        ),
        (
            EventSelection {
                plugin: Some(plugin("acme/ship").name),
                ..state("unrouted")
            },
            &[],
        ),
        (
            EventSelection {
                ids: vec![event(4).id, event(2).id],
                ..state("unrouted")
            },
            &[4],
        ),
        (state("nonsense"), &[]),
        (
            EventSelection {
                states: vec!["dead".into(), "held".into()],
                ..none()
            },
            &[2, 5],
        ),
        (
            EventSelection {
                states: vec!["held".into(), "unrouted".into()],
                ..none()
            },
            &[4, 5],
        ),
        (
            EventSelection {
                plugin: Some(plugin("acme/ship").name),
                states: vec!["dead".into(), "unrouted".into()],
                ..none()
            },
            &[2],
        ),
        (
            EventSelection {
                key: Some("key-3".into()),
                ..none()
            },
            &[3],
        ),
        (
            EventSelection {
                key: Some("key".into()),
                ..none()
            },
            &[],
        ),
        (
            EventSelection {
                id_range: Some(event(2).id..=event(4).id),
                ..none()
            },
            &[2, 3, 4],
        ),
        (
            EventSelection {
                id_range: Some(event(6).id..=event(9).id),
                ..none()
            },
            &[],
        ),
        (
            EventSelection {
                id_range: Some(event(2).id..=event(4).id),
                ..state("dead")
            },
            &[2],
        ),
        (
            EventSelection {
                since: Some(at(2)),
                until: Some(at(4)),
                ..none()
            },
            &[2, 3],
        ),
        (
            EventSelection {
                since: Some(at(90)),
                ..none()
            },
            &[],
        ),
        (
            EventSelection {
                until: Some(at(2)),
                ..state("dead")
            },
            &[],
        ),
        (
            EventSelection {
                since: Some(at(2)),
                ..state("done")
            },
            &[2],
        ),
        (
            EventSelection {
                tenant: Some(plugin("acme/ship").tenant),
                since: Some(at(3)),
                ..none()
            },
            &[3, 4],
        ),
    ];
    for (selection, numbers) in cases {
        let expected: Vec<_> = numbers
            .iter()
            .map(|number| format!("key-{number}"))
            .collect();
        assert_eq!(
            keys(&store, selection.clone()).await,
            expected,
            "{selection:?}"
        );
    }
}

async fn text_filter_compares_body_bytes(store: TestStore) {
    let with = |number, body: &'static [u8]| Event {
        body: body.into(),
        ..event(number)
    };

    append(
        &store,
        [
            with(1, b"{\"id\":\"A-17\"}"),
            with(2, b"\xff\x00A-17"),
            with(3, b"a-17"),
            with(4, b""),
        ],
    )
    .await;

    let text = |text: &str| EventSelection {
        text: Some(text.into()),
        ..EventSelection::default()
    };
    assert_eq!(keys(&store, text("A-17")).await, ["key-1", "key-2"]);
    assert_eq!(
        keys(
            &store,
            EventSelection {
                key: Some("key-2".into()),
                ..text("17")
            }
        )
        .await,
        ["key-2"]
    );
    assert_eq!(keys(&store, text("A-18")).await, [""; 0]);
}

async fn job_filters_apply_to_same_job(store: TestStore) {
    fill(&store).await;

    let of = |name: &str, state: &str| {
        let plugin = Some(name.parse().expect("a plugin name of a test"));
        EventSelection {
            plugin,
            states: vec![state.into()],
            ..EventSelection::default()
        }
    };
    assert_eq!(keys(&store, of("ship", "dead")).await, ["key-2"]);
    assert_eq!(
        keys(&store, of("audit", "dead")).await,
        [""; 0],
        "it's the other plugin's job that is dead"
    );
    assert_eq!(keys(&store, of("audit", "done")).await, ["key-1", "key-2"]);
}

async fn selected_pages_are_contiguous(store: TestStore) {
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, (1..=9).map(event)).await;

    for job in claim_of(
        &store,
        &[request("acme/audit", 9), request("acme/ship", 9)],
        10,
    )
    .await
    {
        let is_dead = job.event.key != "key-4" && job.event.key != "key-8";
        settle(
            &store,
            &job.lease,
            failed(),
            if is_dead { Next::Dead } else { Next::Done },
        )
        .await;
    }

    let selection = EventSelection {
        states: vec!["dead".into()],
        since: Some(at(2)),
        ..EventSelection::default()
    };

    let in_pages = async |first: EventPage| {
        let (mut seen, mut page) = (Vec::new(), first);
        loop {
            let next = store.events(page.clone()).await.expect("a page of events");
            let Some(last) = next.last() else { return seen };
            assert!(
                next.len() <= 2 && next.iter().all(|event| event.jobs.len() == 2),
                "each with all its jobs"
            );
            page.after = Some(last.id);
            seen.extend(next.into_iter().map(|event| event.key));
        }
    };
    let mut expected = ["key-2", "key-3", "key-5", "key-6", "key-7", "key-9"];
    assert_eq!(
        in_pages(EventPage::first(selection.clone(), 2)).await,
        expected
    );

    expected.reverse();
    assert_eq!(in_pages(EventPage::last(selection, 2)).await, expected);
}

async fn clock_set_back_hides_no_event(store: TestStore) {
    let received = |number, secs| Event {
        received_at: at(secs),
        ..event(number)
    };

    append(
        &store,
        [
            received(1, 50),
            received(2, 10),
            received(3, 60),
            received(4, 20),
        ],
    )
    .await;

    let between = |since, until| EventSelection {
        since: Some(at(since)),
        until: Some(at(until)),
        ..EventSelection::default()
    };
    assert_eq!(keys(&store, between(10, 50)).await, ["key-2", "key-4"]);
    assert_eq!(keys(&store, between(50, 100)).await, ["key-1", "key-3"]);
}
