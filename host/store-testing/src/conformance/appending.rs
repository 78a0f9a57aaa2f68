//! Appends: events are stored once, byte for byte.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Event, Header, Outcome, Payload, WorkState};

use super::support::{
    append, at, claim, claim_one, event, event_of, request, route, route_orders_to_ship, settle,
    summaries,
};
use super::{Case, table};
use hookyard_store::{AppendResult, Retention, RetentionLimits, Store};

pub(super) const CASES: &[Case] = table![
    repeated_key_is_not_stored,
    keys_are_separate_by_source,
    concurrent_repeats_store_one_event,
    concurrent_appends_are_all_stored,
    headers_and_body_keep_their_bytes,
    expired_key_is_free,
    key_outlives_its_event,
    envelope_is_stored,
    ordering_key_and_key_expiry_are_stored,
    event_without_type_has_none,
];

async fn repeated_key_is_not_stored(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    let first = event(1);
    let second = Event {
        key: first.key.clone(),
        body: Bytes::from_static(b"other"),
        ..event(2)
    };
    assert_eq!(
        store.append(first.clone()).await.expect("an append"),
        AppendResult::New
    );
    assert_eq!(
        store.append(second).await.expect("a repeat"),
        AppendResult::Repeat(first.id)
    );
    let claimed = claim(&store, 10, 10).await;
    assert_eq!(claimed.len(), 1, "a repeat makes no job");
    assert_eq!(claimed[0].event.body, first.body);
    assert_eq!(summaries(&store).await.len(), 1);
}

async fn keys_are_separate_by_source(store: Arc<dyn Store>) {
    for from in ["acme/orders", "acme/payments", "umbrella/orders"] {
        // Different sources are also distinguished if their joined names have the same text.
        for (number, key) in [(1, "key"), (2, "KEY"), (3, "key ")] {
            let mut other = event_of(from, number);
            other.id = hookyard_model::EventId::from_uuid(uuid_of(from, number));
            other.key = key.into();
            assert_eq!(
                store.append(other).await.expect("an append"),
                AppendResult::New,
                "{from} {key:?}"
            );
        }
    }

    assert_eq!(summaries(&store).await.len(), 9);
}

fn uuid_of(from: &str, number: u64) -> uuid::Uuid {
    let text = from.bytes().fold(number, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    uuid::Uuid::from_u64_pair(text, number)
}

async fn concurrent_repeats_store_one_event(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;

    let sends = (0..32).map(|number| {
        let store = Arc::clone(&store);
        let sent = Event {
            key: "the same".into(),
            ..event(number)
        };
        tokio::spawn(async move { (sent.id, store.append(sent).await.expect("an append")) })
    });
    let mut news = Vec::new();
    let mut repeats = Vec::new();
    for send in sends.collect::<Vec<_>>() {
        match send.await.expect("the task ends well") {
            (id, AppendResult::New) => news.push(id),
            (_, AppendResult::Repeat(of)) => repeats.push(of),
        }
    }

    assert_eq!(news.len(), 1);
    assert_eq!(repeats, [news[0]; 31]);
    assert_eq!(claim(&store, 10, 100).await.len(), 1);
}

async fn concurrent_appends_are_all_stored(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;

    let send = |number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.append(event(number)).await.expect("an append") })
    };

    for sent in (0..200).map(send).collect::<Vec<_>>() {
        assert_eq!(sent.await.expect("the task ends well"), AppendResult::New);
    }

    let mut claimed: Vec<_> = claim(&store, 1000, 1000)
        .await
        .into_iter()
        .map(|job| job.lease.event)
        .collect();
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), 200);
    assert_eq!(summaries(&store).await.len(), 200);
}

async fn headers_and_body_keep_their_bytes(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;

    let header = |name: &str, value: &[u8]| Header {
        name: name.into(),
        value: Bytes::copy_from_slice(value),
    };
    let every_byte: Vec<u8> = (0..=255).collect();
    let sent = Event {
        headers: vec![
            header("x-twice", b"first"),
            header("x-latin", b"caf\xe9 \xff\x80"),
            header("x-twice", b"second"),
            header("x-empty", b""),
            header("x-long", &b"y".repeat(70_000)),
        ],
        body: Bytes::from(every_byte.repeat(1024)),
        ..event(1)
    };

    let empty = Event {
        headers: Vec::new(),
        body: Bytes::new(),
        key: String::new(),
        ..event(2)
    };

    append(&store, [sent.clone(), empty.clone()]).await;

    let claimed = claim(&store, 2, 10).await;
    assert!(
        *claimed[0].event == sent,
        "headers or body changed on the way"
    );
    assert_eq!(*claimed[1].event, empty);
}

async fn expired_key_is_free(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;

    let sent = |number, received_at, key_until| Event {
        key: "key".into(),
        received_at: at(received_at),
        key_until: at(key_until),
        ..event(number)
    };

    let cases = [
        (sent(1, 10, 100), AppendResult::New),
        (sent(2, 99, 500), AppendResult::Repeat(event(1).id)),
        (sent(3, 5, 500), AppendResult::Repeat(event(1).id)),
        (sent(4, 100, 110), AppendResult::New),
        (sent(5, 109, 900), AppendResult::Repeat(event(4).id)),
        (sent(6, 110, 110), AppendResult::New),
        (sent(7, 110, 900), AppendResult::New),
        (sent(8, 111, 900), AppendResult::Repeat(event(7).id)),
    ];
    for (sent, expected) in cases {
        assert_eq!(
            store.append(sent.clone()).await.expect("an append"),
            expected,
            "{sent:?}"
        );
    }

    assert_eq!(claim(&store, 9, 200).await.len(), 4);
    assert_eq!(summaries(&store).await.len(), 4);
}

async fn key_outlives_its_event(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    append(
        &store,
        [Event {
            key_until: at(5_000),
            ..event(1)
        }],
    )
    .await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, Outcome::Done, WorkState::Done).await;

    let keep = RetentionLimits {
        age_max: Some(Duration::from_secs(1)),
        bytes_max: None,
        ..RetentionLimits::default()
    };

    let limits = Retention {
        fallback: keep,
        ..Retention::default()
    };
    assert_eq!(
        store
            .prune(&limits, at(4_000), 9)
            .await
            .expect("a step")
            .count,
        1
    );

    let again = |number, received_at| Event {
        key: event(1).key,
        received_at: at(received_at),
        ..event(number)
    };
    assert_eq!(
        store.append(again(2, 4_999)).await.expect("an append"),
        AppendResult::Repeat(event(1).id)
    );

    // A key is kept until every event that was received before its expiry has had time to be
    // stored.
    store.prune(&limits, at(5_001), 9).await.expect("a step");
    assert_eq!(
        store.append(again(2, 4_999)).await.expect("an append"),
        AppendResult::Repeat(event(1).id)
    );
    assert_eq!(
        store.append(again(2, 5_000)).await.expect("an append"),
        AppendResult::New
    );
}

async fn ordering_key_and_key_expiry_are_stored(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;

    let sent = Event {
        ordering_key: Some("4711 é".into()),
        key_until: at(77),
        ..event(1)
    };

    append(&store, [sent.clone()]).await;
    assert_eq!(*claim_one(&store, 10).await.event, sent);
    assert_eq!(
        store
            .read(sent.id)
            .await
            .expect("a read")
            .expect("an event")
            .event,
        sent
    );
}

async fn envelope_is_stored(store: Arc<dyn Store>) {
    route_orders_to_ship(&store).await;
    let sent = Event {
        payload: Payload::TextAt("/Message".into()),
        ..event(1)
    };
    append(&store, [sent.clone()]).await;
    assert_eq!(*claim_one(&store, 10).await.event, sent);
}

async fn event_without_type_has_none(store: Arc<dyn Store>) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("acme/payments", &["book"])],
    )
    .await;

    let none = Event {
        event_type: None,
        ..event(1)
    };

    let empty = Event {
        event_type: Some(String::new()),
        ..event_of("acme/payments", 2)
    };

    append(&store, [none.clone(), empty.clone()]).await;

    let claimed = store
        .claim(
            &[request("acme/ship", 1), request("acme/book", 1)],
            super::support::at(10),
            super::support::LEASE,
        )
        .await
        .expect("a claim");
    assert_eq!(
        claimed.iter().map(|job| &*job.event).collect::<Vec<_>>(),
        [&none, &empty]
    );
}
