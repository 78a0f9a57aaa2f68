//! The status, text and headers of each answer.

use std::sync::Arc;

use hookyard_ingress::Source;
use hookyard_model::Timestamp;
use hookyard_schemes::{AnswerParts, Scheme};
use tokio::io::AsyncWriteExt;

use crate::support::{
    Answer, BODY, NoFetch, PATH_SECRET, TOKEN, config, connect, post, read, read_head, send,
    source, start, start_with,
};

#[tokio::test]
async fn each_request_has_its_status() {
    let host = start(config()).await;
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let hidden = format!("/acme/hidden/{PATH_SECRET}");
    let cases = [
        ("an event", post("/acme/open", "", BODY), 200),
        ("an unknown tenant", post("/other/open", "", BODY), 404),
        ("an unknown source", post("/acme/other", "", BODY), 404),
        ("the root", post("/", "", BODY), 404),
        ("a tenant alone", post("/acme", "", BODY), 404),
        ("a slash at the end", post("/acme/open/", "", BODY), 200),
        (
            "two slashes at the end",
            post("/acme/open//", "", BODY),
            404,
        ),
        (
            "a slash in place of a secret path",
            post("/acme/hidden/", "", BODY),
            404,
        ),
        (
            "a slash behind a secret path",
            post(&format!("{hidden}/"), "", BODY),
            404,
        ),
        (
            "a path tail that the source does not accept",
            post("/acme/open/tail", "", BODY),
            404,
        ),
        (
            "a tail of two segments",
            post(&format!("{hidden}/more"), "", BODY),
            404,
        ),
        ("another spelling", post("/Acme/open", "", BODY), 404),
        (
            "an unknown path and method",
            "GET /nowhere HTTP/1.1\r\nhost: hooks\r\n\r\n".into(),
            404,
        ),
        (
            "a GET",
            "GET /acme/open HTTP/1.1\r\nhost: hooks\r\n\r\n".into(),
            200,
        ),
        (
            "an OPTIONS",
            "OPTIONS /acme/open HTTP/1.1\r\nhost: hooks\r\n\r\n".into(),
            405,
        ),
        (
            "a PUT",
            post("/acme/open", "", BODY).replace("POST", "PUT"),
            405,
        ),
        ("a good token", post("/acme/token", &token, BODY), 200),
        ("no token", post("/acme/token", "", BODY), 401),
        (
            "a wrong token",
            post("/acme/token", "authorization: Bearer guess\r\n", BODY),
            401,
        ),
        (
            "a good token twice",
            post("/acme/token", &token.repeat(2), BODY),
            401,
        ),
        ("a good secret path", post(&hidden, "", BODY), 200),
        (
            "a wrong secret path",
            post("/acme/hidden/guess", "", BODY),
            401,
        ),
        ("no secret path", post("/acme/hidden", "", BODY), 401),
        (
            "a body that is not JSON",
            post("/acme/open", "", "{\"id\":"),
            200,
        ),
        (
            "a body without a key",
            post("/acme/open", "", "{\"type\":\"thing.made\"}"),
            400,
        ),
        ("no body", post("/acme/open", "", ""), 200),
        (
            "a broken chunk",
            "POST /acme/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into(),
            400,
        ),
        ("no HTTP", "hello there\r\n\r\n".into(), 400),
        (
            "a head too large",
            post(
                "/acme/open",
                &format!("x: {}\r\n", "y".repeat(200_000)),
                BODY,
            ),
            431,
        ),
    ];

    for (name, request, status) in cases {
        let answer = send(host.address, &request).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert!(
            !answer.body.contains("s3cret") && !answer.body.contains("guess"),
            "{name}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn repeat_names_the_first_event() {
    let host = start(config()).await;
    let first = send(host.address, &post("/acme/open", "", BODY)).await;
    let stored = host.stored().await;
    assert_eq!(stored.len(), 1);
    let id = stored[0].id;
    assert_eq!(
        first.body,
        format!(r#"{{"status":"stored","event":"{id}"}}"#)
    );
    assert_eq!(
        (stored[0].key.as_str(), stored[0].event_type.as_deref()),
        ("evt-1", Some("thing.made"))
    );

    let again = send(host.address, &post("/acme/open", "", BODY)).await;
    assert_eq!(
        (again.status, again.body),
        (200, format!(r#"{{"status":"repeat","event":"{id}"}}"#))
    );
    assert_eq!(host.stored().await.len(), 1);

    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let elsewhere = send(host.address, &post("/acme/token", &token, BODY)).await;
    assert!(
        elsewhere.body.contains("stored"),
        "a key counts within its source: {elsewhere:?}"
    );
}

#[tokio::test]
async fn refusal_headers_name_the_way_out() {
    let host = start(config()).await;
    let says =
        |answer: &Answer, line: &str| assert!(answer.head.contains(line), "{line}: {answer:?}");

    let method = send(
        host.address,
        "DELETE /acme/open HTTP/1.1\r\nhost: hooks\r\n\r\n",
    )
    .await;
    says(&method, "\r\nallow: get, head, post\r\n");

    let anonymous = send(host.address, &post("/acme/token", "", BODY)).await;
    says(&anonymous, "\r\nwww-authenticate: bearer ");

    let failures: [fn() -> hookyard_store::Error; 2] = [
        || hookyard_store::Error::Busy,
        || hookyard_store::Error::Store("disk on fire".into()),
    ];
    for failure in failures {
        host.fail(failure);
        let overloaded = send(host.address, &post("/acme/open", "", BODY)).await;
        assert_eq!(overloaded.status, 503);
        says(&overloaded, "\r\nretry-after: 5\r\n");
        assert!(!overloaded.body.contains("disk"), "{overloaded:?}");
    }
    host.inbox.heal();
    assert_eq!(
        send(host.address, &post("/acme/open", "", BODY))
            .await
            .status,
        200,
        "sending again helps"
    );
}

#[tokio::test]
async fn replaced_sources_apply_to_next_request() {
    let host = start(config()).await;

    assert_eq!(
        send(host.address, &post("/acme/open", "", BODY))
            .await
            .status,
        200
    );
    let renamed = crate::support::source("renamed", hookyard_schemes::Scheme::Unverified);
    host.handle.replace([renamed].into_iter().collect());
    assert_eq!(
        send(host.address, &post("/acme/open", "", BODY))
            .await
            .status,
        404
    );
    assert_eq!(
        send(host.address, &post("/acme/renamed", "", BODY))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn get_says_what_the_url_is() {
    let host = start(config()).await;
    // The source needs a token, and the answer says nothing about it.
    let get = "GET /acme/token?x=y HTTP/1.1\r\nhost: hooks\r\n\r\n";
    let answer = send(host.address, get).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("POST"), "{answer:?}");
    assert!(!answer.body.contains("acme") && !answer.body.contains("token"));
    for line in ["\r\ncontent-type: text/plain\r\n", "nosniff"] {
        assert!(answer.head.contains(line), "{answer:?}");
    }
    assert_eq!(host.stored().await, []);

    // The connection goes on after a HEAD, whose answer has no body.
    let mut stream = connect(host.address).await;
    for request in [get.replace("GET", "HEAD"), post("/acme/open", "", BODY)] {
        stream.write_all(request.as_bytes()).await.expect("written");
        if request.starts_with("HEAD") {
            let head = read_head(&mut stream).await;
            assert!(head.starts_with("http/1.1 200 "), "{head}");
        } else {
            assert_eq!(read(&mut stream).await.status, 200);
        }
    }
}

#[tokio::test]
async fn new_and_repeated_events_have_the_given_answer() {
    let twiml = AnswerParts::new(200).and_then(|parts| {
        parts
            .with_header("X-Twilio", "yes")?
            .with_body(Some("text/xml"), "<Response/>")
    });
    let empty = AnswerParts::new(204);
    let sources = [("twiml", twiml), ("empty", empty)].map(|(name, answer)| Source {
        answer: Some(Arc::new(answer.expect("an answer"))),
        ..source(name, Scheme::Unverified)
    });
    let now = Timestamp::from_unix_secs(1_780_000_000);
    let host = start_with(
        config(),
        sources.into_iter().collect(),
        Arc::new(NoFetch),
        now,
    )
    .await;

    for _ in ["new", "repeat"] {
        let answer = send(host.address, &post("/acme/twiml", "", BODY)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "<Response/>"));
        for line in ["\r\ncontent-type: text/xml\r\n", "\r\nx-twilio: yes\r\n"] {
            assert!(answer.head.contains(line), "{answer:?}");
        }
        let answer = send(host.address, &post("/acme/empty", "", BODY)).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""));
        assert!(!answer.head.contains("content-type"), "{answer:?}");
    }
    assert_eq!(host.stored().await.len(), 2);

    host.fail(|| hookyard_store::Error::Busy);
    let refused = send(host.address, &post("/acme/twiml", "", BODY)).await;
    assert_eq!(
        refused.status, 503,
        "nothing is acknowledged that is not stored"
    );
}
