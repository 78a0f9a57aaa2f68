//! The stored event, and the order of append and answer (invariants 1 and 3).

use std::sync::Arc;
use std::time::Duration;

use hookyard_ingress::{Config, Source, Sources};
use hookyard_model::{Payload, Timestamp};
use hookyard_schemes::{KeyRule, Provider, Scheme, TypeRule};
use hookyard_store::Events;
use tokio::io::AsyncWriteExt;

use crate::support::{
    BODY, DEDUPE_WINDOW, NoFetch, PATH_SECRET, TOKEN, config, connect, post, provider, read, send,
    source, start, start_with,
};

#[tokio::test]
async fn answer_waits_for_the_append() {
    let host = start(config()).await;
    let gate = host.hold();
    let mut stream = connect(host.address).await;

    stream
        .write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    host.begun(1).await;
    // The host has had enough time to answer without the append, if it did.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
        assert!(
            stream.try_read(&mut [0; 1]).is_err(),
            "the sender got an answer before the event was stored"
        );
    }
    assert!(host.stored().await.is_empty());
    gate.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    assert_eq!(host.stored().await.len(), 1);
}

#[tokio::test]
async fn endless_append_is_answered_with_503() {
    let host = start(Config {
        store_timeout: Duration::from_millis(100),
        ..config()
    })
    .await;
    host.hold();
    let answer = send(host.address, &post("/acme/open", "", BODY)).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
}

#[tokio::test]
async fn stored_event_has_no_credentials() {
    let host = start(config()).await;
    let body = "{ \"id\" : 12345678901234567890,\r\n\t\"type\":\"a\\u0062c\" }\n";
    let headers = format!(
        "X-Custom:   spaced out  \r\nAuthorization: Bearer {TOKEN}\r\ncookie: a=b\r\n\
         proxy-authorization: Basic eDp5\r\nx-twice: one\r\nx-twice: two\r\n"
    );

    assert_eq!(
        send(host.address, &post("/acme/token", &headers, body))
            .await
            .status,
        200
    );
    let seen = host.events().await;
    let [event] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!(event.body, body.as_bytes());
    assert_eq!(
        (event.key.as_str(), event.event_type.as_deref()),
        ("12345678901234567890", Some("abc"))
    );
    assert_eq!(
        (event.provider.as_str(), &event.payload),
        ("plain", &Payload::Body)
    );
    assert_eq!(event.source.to_string(), "acme/token");
    assert_eq!(event.received_at, Timestamp::from_unix_secs(1_780_000_000));
    let headers: Vec<_> = event
        .headers
        .iter()
        .map(|header| {
            (
                header.name.as_str(),
                std::str::from_utf8(&header.value).expect("text"),
            )
        })
        .collect();

    assert_eq!(
        headers,
        [
            ("host", "hooks"),
            ("content-length", &*body.len().to_string()),
            ("x-custom", "spaced out"),
            ("x-twice", "one"),
            ("x-twice", "two"),
        ]
    );
    assert!(!format!("{event:?}").contains(TOKEN));
}

#[tokio::test]
async fn stored_event_has_ordering_key_and_window() {
    let host = start(config()).await;
    let cases = [
        (
            "/acme/ordered",
            r#"{"id":"1","type":"a","object_id":"offer-7"}"#,
            Some("offer-7"),
        ),
        (
            "/acme/ordered",
            r#"{"id":"2","type":"a","object_id":42}"#,
            Some("42"),
        ),
        ("/acme/ordered", r#"{"id":"3","type":"a"}"#, None),
        (
            "/acme/open",
            r#"{"id":"4","type":"a","object_id":"offer-7"}"#,
            None,
        ),
    ];

    for (path, body, _) in cases {
        assert_eq!(
            send(host.address, &post(path, "", body)).await.status,
            200,
            "{body}"
        );
    }
    let seen = host.events().await;
    let keys: Vec<_> = seen
        .iter()
        .map(|event| event.ordering_key.as_deref())
        .collect();

    assert_eq!(keys, cases.map(|(.., key)| key));
    assert!(seen.iter().all(|event| event.key_window == DEDUPE_WINDOW));
}

#[tokio::test]
async fn ambiguous_ordering_key_orders_nothing() {
    let host = start(config()).await;
    let body = r#"{"id":"1","type":"a","object_id":"offer-7","object_id":"offer-8"}"#;
    let answer = send(host.address, &post("/acme/ordered", "", body)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(host.events().await[0].ordering_key, None);
}

#[tokio::test]
async fn unreadable_event_is_stored_without_type() {
    let host = start(config()).await;
    let repeated = r#"{"id":"1","id":"2","type":"a"}"#;
    for body in ["private words", "<xml/>", repeated, ""] {
        for status in ["stored", "repeat"] {
            let answer = send(host.address, &post("/acme/ordered", "", body)).await;
            assert_eq!(answer.status, 200, "{body}");
            assert!(answer.body.contains(status), "{body}: {answer:?}");
        }
    }

    let events = host.events().await;
    assert_eq!(events.len(), 4);
    for event in events {
        assert_eq!(event.event_type, None);
        assert!(event.key.starts_with("sha256:"), "{}", event.key);
    }
}

#[tokio::test]
async fn each_delivery_of_a_sender_without_keys_is_stored() {
    let keyless = Provider {
        key: KeyRule::None,
        event_type: TypeRule::None,
        ..Provider::clone(&provider())
    };
    let source = Source {
        provider: Arc::new(keyless),
        ..source("keyless", Scheme::Unverified)
    };
    let now = Timestamp::from_unix_secs(1_780_000_000);
    let host = start_with(
        config(),
        Sources::from_iter([source]),
        Arc::new(NoFetch),
        now,
    )
    .await;
    for _ in 0..3 {
        let answer = send(host.address, &post("/acme/keyless", "", BODY)).await;
        assert!(answer.body.contains("stored"), "{answer:?}");
    }

    let events = host.events().await;
    assert_eq!(events.len(), 3);
    for event in events {
        assert_eq!(event.key, event.id.to_string());
        assert_eq!(event.key_window, Duration::ZERO);
        assert_eq!(event.event_type, None);
    }
}

#[tokio::test]
async fn secret_path_is_not_stored() {
    let host = start(config()).await;

    assert_eq!(
        send(
            host.address,
            &post(&format!("/acme/hidden/{PATH_SECRET}"), "", BODY)
        )
        .await
        .status,
        200
    );
    let seen = host.events().await;
    assert_eq!(seen.len(), 1);
    assert!(!format!("{seen:?}").contains(PATH_SECRET));
}

#[tokio::test]
async fn repeat_with_another_body_is_answered_as_a_repeat() {
    let host = start(config()).await;
    let other = r#"{"id":"evt-1","type":"thing.sold"}"#;
    for (body, status) in [(BODY, "stored"), (BODY, "repeat"), (other, "repeat")] {
        let answer = send(host.address, &post("/acme/open", "", body)).await;
        let expected = format!(r#"{{"status":"{status}","event":""#);
        assert_eq!(answer.status, 200);
        assert!(answer.body.starts_with(&expected), "{answer:?}");
    }

    let stored = host.stored().await;
    let [event] = stored.as_slice() else {
        panic!("{stored:?}")
    };
    let record = host.inbox.read(event.id).await.expect("a read");
    let repeats = record.expect("an event").differing_repeats;
    assert_eq!(repeats.map(|repeats| repeats.count), Some(1));
}
