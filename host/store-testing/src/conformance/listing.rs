//! Lists: events are listed in the order of their arrival, page by page.

use hookyard_model::{Event, EventId};

use super::support::{append, at, event, event_of, is, route, source, states, summaries};
use super::{Case, TestStore, table};
use hookyard_store::{EventPage, EventSelection, EventSummary};

pub(super) const CASES: &[Case] = table![
    empty_store_lists_nothing,
    summary_describes_event,
    event_pages_are_contiguous,
    events_are_listed_by_arrival,
    newest_events_may_come_first,
    page_may_start_at_missing_id,
    jobs_are_listed_with_their_event,
];

async fn page(store: &TestStore, after: Option<EventId>, limit: usize) -> Vec<EventSummary> {
    store
        .events(EventPage {
            after,
            ..EventPage::first(EventSelection::default(), limit)
        })
        .await
        .expect("a page of events")
}

fn keys(events: &[EventSummary]) -> Vec<&str> {
    events.iter().map(|event| event.key.as_str()).collect()
}

async fn empty_store_lists_nothing(store: TestStore) {
    assert_eq!(page(&store, None, 10).await, []);
    assert_eq!(page(&store, Some(event(1).id), 10).await, []);
}

async fn summary_describes_event(store: TestStore) {
    let untyped = Event {
        event_type: None,
        ..event_of("umbrella/in", 2)
    };

    append(&store, [event(1), untyped]).await;

    let first = EventSummary {
        id: event(1).id,
        source: source("acme/orders"),
        provider: "topi".into(),
        event_type: Some("offer.created".into()),
        key: "key-1".into(),
        received_at: at(1),
        jobs: Vec::new(),
        is_discarded: false,
    };
    let listed = summaries(&store).await;
    assert_eq!(listed[0], first);
    assert_eq!(
        (&listed[1].source, &listed[1].event_type),
        (&source("umbrella/in"), &None)
    );
}

async fn event_pages_are_contiguous(store: TestStore) {
    append(&store, (1..=7).map(event)).await;

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let next = page(&store, after, 3).await;
        assert!(next.len() <= 3);
        let Some(last) = next.last() else { break };
        after = Some(last.id);
        seen.extend(next.into_iter().map(|event| event.key));
    }

    assert_eq!(
        seen,
        (1..=7)
            .map(|number| format!("key-{number}"))
            .collect::<Vec<_>>()
    );
    assert_eq!(page(&store, None, 0).await, []);
}

async fn events_are_listed_by_arrival(store: TestStore) {
    append(&store, [event(5), event(3), event(9), event(1)]).await;

    assert_eq!(
        keys(&page(&store, None, 10).await),
        ["key-5", "key-3", "key-9", "key-1"]
    );
    assert_eq!(
        keys(&page(&store, Some(event(3).id), 10).await),
        ["key-9", "key-1"]
    );
}

async fn newest_events_may_come_first(store: TestStore) {
    append(&store, [event(5), event(3), event(9), event(1)]).await;

    let newest = async |after: Option<EventId>, limit| {
        let page = EventPage {
            after,
            ..EventPage::last(EventSelection::default(), limit)
        };
        store.events(page).await.expect("a page of events")
    };
    assert_eq!(keys(&newest(None, 3).await), ["key-1", "key-9", "key-3"]);
    assert_eq!(
        keys(&newest(Some(event(9).id), 10).await),
        ["key-3", "key-5"]
    );
    assert_eq!(
        keys(&newest(Some(event(4).id), 10).await),
        [""; 0],
        "before the place of the next id, which is first"
    );
    assert_eq!(
        keys(&newest(Some(event(10).id), 2).await),
        ["key-1", "key-9"],
        "an id after all others"
    );
    assert_eq!(keys(&newest(Some(event(5).id), 10).await), [""; 0]);

    let since = EventPage::last(
        EventSelection {
            since: Some(at(4)),
            ..EventSelection::default()
        },
        10,
    );
    assert_eq!(
        keys(&store.events(since).await.expect("a page of events")),
        ["key-9", "key-5"]
    );
}

async fn page_may_start_at_missing_id(store: TestStore) {
    append(&store, [event(2), event(4), event(6)]).await;

    assert_eq!(
        keys(&page(&store, Some(event(3).id), 10).await),
        ["key-4", "key-6"]
    );
    assert_eq!(
        keys(&page(&store, Some(event(1).id), 10).await),
        ["key-2", "key-4", "key-6"]
    );
    assert_eq!(keys(&page(&store, Some(event(7).id), 10).await), [""; 0]);
}

async fn jobs_are_listed_with_their_event(store: TestStore) {
    route(&store, &[("acme/orders", &["audit", "ship"])]).await;
    append(&store, [event(1), event_of("acme/payments", 2), event(3)]).await;
    let both = [is("audit", "pending"), is("ship", "pending")];
    assert_eq!(states(&store, 1).await, both);
    assert_eq!(states(&store, 2).await, []);
    assert_eq!(states(&store, 3).await, both);
    let middle = page(&store, Some(event(1).id), 1).await;
    assert_eq!((middle[0].key.as_str(), middle[0].jobs.len()), ("key-2", 0));
}
