//! Searches find what lists have, in parts that a budget allows, and nothing of other tenants.

use hookyard_model::{Event, EventId, MessageId, Next, Outcome};

use super::support::{
    append, claim_of, event, event_of, failed, message, request, route, settle, settlement, source,
};
use super::{Case, TestStore, table};
use hookyard_store::{
    Budget, Count, EventPage, EventSelection, Found, ListOrder, MessagePage, MessageSelection,
    Tenants,
};

pub(super) const CASES: &[Case] = table![
    searches_in_parts_find_what_lists_have,
    message_searches_in_parts_find_what_lists_have,
    search_never_leaves_its_tenants,
    count_stops_at_maximum_and_budget,
    key_finds_its_owner_in_each_source,
];

/// A budget of three items.
const SMALL: Budget = Budget {
    items: 3,
    ..Budget::UNLIMITED
};

/// Stores events of two tenants in every state that a job may have.
async fn fill(store: &TestStore) {
    let table: [(&str, &[&str]); 3] = [
        ("acme/orders", &["audit", "ship"]),
        ("acme/parcels", &["ship"]),
        ("umbrella/orders", &["ship"]),
    ];
    route(store, &table).await;

    let untyped = |number| Event {
        event_type: None,
        ..event_of("acme/parcels", number)
    };
    let typed = |number, event_type: &str| Event {
        event_type: Some(event_type.into()),
        ..event(number)
    };
    append(
        store,
        [
            event(1),
            untyped(2),
            typed(3, "b"),
            event_of("umbrella/orders", 4),
        ],
    )
    .await;
    append(store, [typed(5, "a"), untyped(6), typed(7, ""), event(8)]).await;

    let requests = ["acme/audit", "acme/ship", "umbrella/ship"].map(|of| request(of, 4));
    for (number, job) in claim_of(store, &requests, 10).await.iter().enumerate() {
        let (outcome, next) = match number % 4 {
            0 => (Outcome::Done, Next::Done),
            1 => (failed(), Next::Dead),
            2 => (failed(), store.until(1000)),
            _ => continue,
        };
        settle(store, &job.lease, outcome, next).await;
    }
    append(
        store,
        [
            event(9),
            event_of("acme/letters", 10),
            event_of("umbrella/orders", 11),
        ],
    )
    .await;
}

/// Searches to the end, part by part.
async fn search(
    store: &TestStore,
    mut page: EventPage,
    tenants: &Tenants,
    budget: Budget,
) -> Vec<EventId> {
    let mut ids = Vec::new();
    for _ in 0..100 {
        let Found { items, next } = store
            .search_events(page.clone(), tenants, budget)
            .await
            .expect("a search");
        assert!(items.len() <= page.limit);
        ids.extend(items.iter().map(|item| item.id));
        let Some(place) = next else { return ids };
        page.after = Some(place.id);
    }
    panic!("a search has no end: {page:?}");
}

fn selections() -> Vec<EventSelection> {
    let all = EventSelection::default;
    let state = |states: &[&str]| EventSelection {
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        ..all()
    };
    let plugin = Some("ship".parse().expect("a name"));
    let of_type = |text: &str| Some(text.to_owned());

    vec![
        all(),
        state(&["pending"]),
        state(&["leased"]),
        state(&["waiting"]),
        state(&["dead"]),
        state(&["done"]),
        state(&["unrouted"]),
        state(&["dead", "waiting", "unrouted"]),
        state(&["nothing"]),
        EventSelection {
            plugin: plugin.clone(),
            ..state(&["dead", "pending"])
        },
        EventSelection { plugin, ..all() },
        EventSelection {
            source: Some(source("acme/orders").name),
            ..all()
        },
        EventSelection {
            event_type: of_type("offer.created"),
            ..all()
        },
        EventSelection {
            event_type: of_type(""),
            ..all()
        },
        EventSelection {
            event_type: of_type("unheard"),
            ..all()
        },
        EventSelection {
            tenant: Some(source("umbrella/orders").tenant),
            ..all()
        },
        EventSelection {
            text: of_type("9}"),
            ..all()
        },
        EventSelection {
            ids: vec![event(3).id, event(8).id, event(77).id],
            ..all()
        },
        EventSelection {
            id_range: Some(event(3).id..=event(6).id),
            ..all()
        },
        EventSelection {
            key: of_type("key-5"),
            ..all()
        },
    ]
}

async fn searches_in_parts_find_what_lists_have(store: TestStore) {
    fill(&store).await;

    for selection in selections() {
        for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
            let page = |limit| EventPage {
                order,
                ..EventPage::first(selection.clone(), limit)
            };
            let listed = store.events(page(100)).await.expect("a list");
            let listed: Vec<_> = listed.iter().map(|event| event.id).collect();
            for (limit, budget) in [
                (100, Budget::UNLIMITED),
                (2, Budget::PAGE),
                (100, SMALL),
                (1, SMALL),
            ] {
                let found = search(&store, page(limit), &Tenants::All, budget).await;
                assert_eq!(
                    found, listed,
                    "{selection:?} in {order:?} by {limit} with {budget:?}"
                );
            }
        }
    }
}

async fn message_searches_in_parts_find_what_lists_have(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("umbrella/orders", 2)]).await;
    let requests = [request("acme/ship", 9), request("umbrella/ship", 9)];
    for job in claim_of(&store, &requests, 10).await {
        let begin = if job.event.id == event(1).id { 1 } else { 6 };
        let mut end = settlement(&job.lease, Outcome::Done, Next::Done);
        end.effects.messages = (begin..begin + 5).map(message).collect();
        store.settle(end).await.expect("a settlement");
    }

    for (tenants, expected) in [
        (Tenants::All, (1..=10).collect::<Vec<_>>()),
        (
            Tenants::from(source("acme/orders").tenant),
            (1..=5).collect(),
        ),
    ] {
        for states in [&[][..], &["pending".to_owned()]] {
            let selection = MessageSelection {
                states: states.to_vec(),
                ..MessageSelection::default()
            };
            let mut page = MessagePage::last(selection, 2);
            let mut seen: Vec<MessageId> = Vec::new();
            loop {
                let found = store.search_messages(page.clone(), &tenants, SMALL).await;
                let Found { items, next } = found.expect("a search");
                seen.extend(items.iter().map(|item| item.id));
                let Some(place) = next else { break };
                page.after = Some(place.id);
            }
            let newest_first: Vec<_> = expected
                .iter()
                .rev()
                .map(|number| message(*number).id)
                .collect();
            assert_eq!(seen, newest_first, "{tenants:?} {states:?}");
        }
    }
}

async fn search_never_leaves_its_tenants(store: TestStore) {
    fill(&store).await;
    let umbrella = Tenants::from(source("umbrella/orders").tenant);

    for selection in selections() {
        let page = EventPage::last(selection.clone(), 100);
        let all = store.events(page.clone()).await.expect("a list");
        let own = all
            .iter()
            .filter(|event| umbrella.contains(&event.source.tenant));
        let own: Vec<_> = own.map(|event| event.id).collect();
        assert_eq!(
            search(&store, page, &umbrella, SMALL).await,
            own,
            "{selection:?}"
        );
    }

    let of_acme = EventSelection {
        tenant: Some(source("acme/orders").tenant),
        ..EventSelection::default()
    };
    let page = EventPage::last(of_acme, 100);
    assert_eq!(search(&store, page, &umbrella, Budget::UNLIMITED).await, []);
}

async fn count_stops_at_maximum_and_budget(store: TestStore) {
    append(&store, (1..=9).map(event)).await;
    let count = async |max, budget| {
        let all = EventSelection::default();
        let count = store.count_events(all, &Tenants::All, max, budget).await;
        count.expect("a count")
    };
    let counted = |value, has_more| Count { value, has_more };

    assert_eq!(count(100, Budget::UNLIMITED).await, counted(9, false));
    assert_eq!(count(4, Budget::UNLIMITED).await, counted(4, true));
    assert_eq!(count(100, SMALL).await, counted(3, true));

    let none = MessageSelection::default();
    let messages = store
        .count_messages(none, &Tenants::All, 9, Budget::PAGE)
        .await;
    assert_eq!(messages.expect("a count"), counted(0, false));
}

async fn key_finds_its_owner_in_each_source(store: TestStore) {
    let same_key = |from, number| Event {
        key: "same".into(),
        ..event_of(from, number)
    };
    append(
        &store,
        [
            same_key("acme/orders", 1),
            event(2),
            same_key("acme/parcels", 3),
        ],
    )
    .await;

    let sources = [
        source("acme/orders"),
        source("acme/parcels"),
        source("umbrella/orders"),
    ];
    let keyed = async |sources, key| store.keyed(sources, key).await.expect("the owners");
    assert_eq!(
        keyed(&sources[..], "same").await,
        [event(3).id, event(1).id]
    );
    assert_eq!(keyed(&sources[..1], "same").await, [event(1).id]);
    assert_eq!(keyed(&sources[2..], "same").await, []);
    assert_eq!(keyed(&sources[..], "other").await, []);
}
