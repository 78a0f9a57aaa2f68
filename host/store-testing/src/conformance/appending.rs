//! Appends: events are stored once, byte for byte.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Event, Header, Next, Outcome, Payload};

use super::support::{
    append, at, claim, claim_of, claim_one, event, event_of, request, route, route_orders_to_ship,
    secs, settle, summaries,
};
use super::{Case, TestStore, table};
use hookyard_store::{AppendResult, DifferingRepeats, Retention, RetentionLimits};

pub(super) const CASES: &[Case] = table![
    repeated_key_is_not_stored,
    same_event_is_stored_once,
    repeat_with_another_body_is_counted,
    repeat_of_removed_event_has_unknown_body,
    keys_are_separate_by_source,
    concurrent_repeats_store_one_event,
    concurrent_appends_are_all_stored,
    headers_and_body_keep_their_bytes,
    expired_key_is_free,
    key_outlives_its_event,
    envelope_is_stored,
    ordering_key_and_key_window_are_stored,
    event_without_type_has_none,
];

async fn repeated_key_is_not_stored(store: TestStore) {
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
        AppendResult::RepeatDiffers(first.id)
    );
    let claimed = claim(&store, 10, 10).await;
    assert_eq!(claimed.len(), 1, "a repeat makes no job");
    assert_eq!(claimed[0].event.body, first.body);
    assert_eq!(summaries(&store).await.len(), 1);
}

async fn same_event_is_stored_once(store: TestStore) {
    route_orders_to_ship(&store).await;
    let with_another_key = Event {
        key: "another".into(),
        body: Bytes::from_static(b"other"),
        ..event(1)
    };
    append(&store, [event(1)]).await;
    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    let before = store.read(event(1).id).await.expect("a read");

    for again in [event(1), with_another_key.clone()] {
        assert_eq!(
            store.append(again).await.expect("an append"),
            AppendResult::New
        );
    }
    assert_eq!(store.read(event(1).id).await.expect("a read"), before);
    assert_eq!(summaries(&store).await.len(), 1);
    assert_eq!(claim(&store, 9, 20).await.len(), 0);

    // The event still has its own key, and no other.
    let of = |key: String| Event {
        key,
        body: event(1).body,
        ..event(2)
    };
    assert_eq!(
        store.append(of(event(1).key)).await.expect("an append"),
        AppendResult::Repeat(event(1).id)
    );
    assert_eq!(
        store
            .append(of(with_another_key.key))
            .await
            .expect("an append"),
        AppendResult::New
    );
}

/// A repeat with another body is often another event, which the key of the sender does not
/// distinguish.
async fn repeat_with_another_body_is_counted(store: TestStore) {
    route_orders_to_ship(&store).await;
    let with_body = |number, body: &'static [u8]| Event {
        key: "key".into(),
        body: Bytes::from_static(body),
        ..event(number)
    };
    let first = with_body(1, b"sent");
    append(&store, [first.clone()]).await;

    let cases: [(&[u8], _); 4] = [
        (b"sent", AppendResult::Repeat(first.id)),
        (b"seen", AppendResult::RepeatDiffers(first.id)),
        (b"completed", AppendResult::RepeatDiffers(first.id)),
        (b"", AppendResult::RepeatDiffers(first.id)),
    ];
    for (at, (number, (body, expected))) in (10..).zip((2..).zip(cases)) {
        store.set(at);
        let appended = store.append(with_body(number, body)).await;
        assert_eq!(appended.expect("an append"), expected, "{body:?}");
    }

    let record = store.read(first.id).await.expect("a read");
    let record = record.expect("the first event");
    let repeats = DifferingRepeats {
        count: 3,
        last: at(13),
    };
    assert_eq!(record.event, first);
    assert_eq!(record.differing_repeats, Some(repeats));

    append(&store, [event(9)]).await;
    let other = store.read(event(9).id).await.expect("a read");
    assert_eq!(other.expect("an event").differing_repeats, None);
    assert_eq!(summaries(&store).await.len(), 2);
}

async fn keys_are_separate_by_source(store: TestStore) {
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

async fn concurrent_repeats_store_one_event(store: TestStore) {
    route_orders_to_ship(&store).await;

    let sends = (0..32).map(|number| {
        let store = store.clone();
        let sent = Event {
            key: "the same".into(),
            body: Bytes::new(),
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
            (id, AppendResult::RepeatDiffers(_)) => panic!("{id} has the same body"),
        }
    }

    assert_eq!(news.len(), 1);
    assert_eq!(repeats, [news[0]; 31]);
    assert_eq!(claim(&store, 10, 100).await.len(), 1);
}

async fn concurrent_appends_are_all_stored(store: TestStore) {
    route_orders_to_ship(&store).await;

    let send = |number| {
        let store = store.clone();
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

async fn headers_and_body_keep_their_bytes(store: TestStore) {
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

async fn expired_key_is_free(store: TestStore) {
    route_orders_to_ship(&store).await;

    // The time at which a request was read is by the clock of a host, and counts for nothing.
    let sent = |number, window| Event {
        key: "key".into(),
        body: Bytes::new(),
        received_at: at(5_000 - 100 * i64::try_from(number).expect("tests count low")),
        key_window: secs(window),
        ..event(number)
    };

    let cases = [
        (10, sent(1, 90), AppendResult::New),
        (99, sent(2, 500), AppendResult::Repeat(event(1).id)),
        (5, sent(3, 500), AppendResult::Repeat(event(1).id)),
        (100, sent(4, 10), AppendResult::New),
        (109, sent(5, 900), AppendResult::Repeat(event(4).id)),
        (110, sent(6, 0), AppendResult::New),
        (110, sent(7, 900), AppendResult::New),
        (111, sent(8, 900), AppendResult::Repeat(event(7).id)),
    ];
    for (now, sent, expected) in cases {
        store.set(now);
        assert_eq!(
            store.append(sent.clone()).await.expect("an append"),
            expected,
            "{sent:?}"
        );
    }

    assert_eq!(claim(&store, 9, 200).await.len(), 4);
    assert_eq!(summaries(&store).await.len(), 4);
}

async fn key_outlives_its_event(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(
        &store,
        [Event {
            key_window: secs(5_000),
            ..event(1)
        }],
    )
    .await;

    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;

    prune_older_than_a_second(&store, 4_000).await;

    let again = || Event {
        key: event(1).key,
        ..event(2)
    };
    store.set(4_999);
    assert_eq!(
        store.append(again()).await.expect("an append"),
        AppendResult::Repeat(event(1).id)
    );

    store.set(5_000);
    assert_eq!(
        store.append(again()).await.expect("an append"),
        AppendResult::New
    );
}

async fn repeat_of_removed_event_has_unknown_body(store: TestStore) {
    route_orders_to_ship(&store).await;
    let sent = Event {
        key_window: secs(5_000),
        ..event(1)
    };
    append(&store, [sent.clone()]).await;
    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, Outcome::Done, Next::Done).await;
    prune_older_than_a_second(&store, 4_000).await;

    let again = Event {
        key: sent.key,
        body: Bytes::from_static(b"other"),
        ..event(2)
    };
    assert_eq!(
        store.append(again).await.expect("an append"),
        AppendResult::Repeat(sent.id)
    );
}

/// Removes one event that arrived more than a second before `now`.
async fn prune_older_than_a_second(store: &TestStore, now: i64) {
    let keep = RetentionLimits {
        age_max: Some(Duration::from_secs(1)),
        bytes_max: None,
        ..RetentionLimits::default()
    };
    let limits = Retention {
        fallback: keep,
        ..Retention::default()
    };
    let pruned = store.prune(&limits, at(now), 9).await.expect("a step");
    assert_eq!(pruned.count, 1);
}

async fn ordering_key_and_key_window_are_stored(store: TestStore) {
    route_orders_to_ship(&store).await;

    let sent = Event {
        ordering_key: Some("4711 é".into()),
        key_window: secs(77),
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

async fn envelope_is_stored(store: TestStore) {
    route_orders_to_ship(&store).await;
    let sent = Event {
        payload: Payload::TextAt("/Message".into()),
        ..event(1)
    };
    append(&store, [sent.clone()]).await;
    assert_eq!(*claim_one(&store, 10).await.event, sent);

    let covered = Event {
        payload: Payload::Covered(vec!["/items/0/id".into(), "/a~1b".into()]),
        ..event(2)
    };
    append(&store, [covered.clone()]).await;
    assert_eq!(*claim_one(&store, 10).await.event, covered);
}

async fn event_without_type_has_none(store: TestStore) {
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

    let requests = [request("acme/ship", 1), request("acme/book", 1)];
    let claimed = claim_of(&store, &requests, 10).await;
    assert_eq!(
        claimed.iter().map(|job| &*job.event).collect::<Vec<_>>(),
        [&none, &empty]
    );
}
