//! The pool: which requests share a connection, and what happens when a pooled connection is
//! closed.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use hookyard_egress::{Config, Error, Limits, OverLong, Policy};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

use crate::support::{
    Connection, LIMITS, OK, Receiver, SHORT, addresses, door, door_with, eventually, get,
    ok_receiver, policy, post, receive, receive_at, status_and_body,
};
use crate::tls::Authority;

/// A receiver that speaks HTTP/2, or HTTP/1.1 to clients without it. It records each request as
/// `POST https://host/path body headers`.
async fn http2_receiver(authority: &Authority) -> Receiver {
    receive_at(
        "127.0.0.1:0",
        Some(authority.http2(&["localhost"])),
        |connection| async move {
            let Connection { stream, records } = connection;
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let records = records.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body
                        .collect()
                        .await
                        .map(|body| body.to_bytes())
                        .unwrap_or_default();
                    let names: Vec<_> = head.headers.keys().map(|name| name.as_str()).collect();
                    records.add(format!(
                        "{} {} {body:?} {}",
                        head.method,
                        head.uri,
                        names.join(",")
                    ));
                    if head.uri.path() == "/never" {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
                }
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        },
    )
    .await
}

#[tokio::test]
async fn requests_share_a_connection() {
    let receiver = ok_receiver().await;
    let door = door();

    for path in ["/1", "/2", "/3"] {
        assert_eq!(
            status_and_body(
                &door
                    .send(&policy(), post(&receiver.url(path), path), &LIMITS)
                    .await
            )
            .0,
            200
        );
    }

    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 3));
}

#[tokio::test]
async fn http2_requests_share_a_connection() {
    let authority = Authority::new();
    let receiver = http2_receiver(&authority).await;
    let door = door_with(Config {
        roots: vec![authority.pem()],
        ..Config::default()
    });
    let url = receiver.url_of("https", "LocalHost.");
    let first = door.send(&policy(), post(&url, "hello"), &LIMITS).await;
    assert_eq!(status_and_body(&first).1, "ok");
    assert_eq!(first.expect("an answer").version(), Version::HTTP_2);
    let line = format!(
        "POST https://localhost:{}/ b\"hello\" content-length",
        receiver.address.port()
    );
    assert_eq!(receiver.requests(), [line], "the host is normalized");

    let all: Vec<_> = (0..50)
        .map(|number| {
            let (door, request) = (door.clone(), post(&url, vec![b'x'; number * 1000]));
            tokio::spawn(async move { door.send(&policy(), request, &LIMITS).await })
        })
        .collect();
    for one in all {
        assert_eq!(status_and_body(&one.await.expect("no panic")).1, "ok");
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 51));
}

#[tokio::test]
async fn timeout_leaves_other_http2_requests_alone() {
    let authority = Authority::new();
    let receiver = http2_receiver(&authority).await;
    let door = door_with(Config {
        roots: vec![authority.pem()],
        ..Config::default()
    });
    let url = |path: &str| format!("https://localhost:{}{path}", receiver.address.port());

    assert_eq!(
        status_and_body(&door.send(&policy(), get(&url("/")), &LIMITS).await).0,
        200
    );

    let (policy, never, other) = (policy(), get(&url("/never")), get(&url("/other")));
    let (never, other) = tokio::join!(
        door.send(&policy, never, &SHORT),
        door.send(&policy, other, &LIMITS)
    );

    assert!(matches!(never, Err(Error::TimedOut { .. })), "{never:?}");
    assert_eq!(
        (status_and_body(&other).0, receiver.connections()),
        (200, 1)
    );
    // The next request gets a new connection.
    assert_eq!(
        status_and_body(&door.send(&policy, get(&url("/")), &LIMITS).await).0,
        200
    );
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn policies_do_not_share_connections() {
    let receiver = ok_receiver().await;
    let door = door();
    let tenant = |name: &str| Policy {
        tenant: Some(name.parse().expect("a name")),
        ..policy()
    };
    let policies = [
        policy(),
        Policy {
            addresses: addresses(&["127.0.0.1"]),
            ..policy()
        },
        Policy {
            roots: vec![Authority::new().pem()],
            ..policy()
        },
        tenant("acme"),
        tenant("umbrella"),
    ];

    for _ in 0..2 {
        for policy in &policies {
            assert_eq!(
                status_and_body(&door.send(policy, get(&receiver.url("/")), &LIMITS).await).0,
                200
            );
        }
    }

    assert_eq!(receiver.connections(), policies.len());

    // An open connection does not lead around the address guard.
    for granted in [&[][..], &["127.0.0.2"], &["10.0.0.0/8"]] {
        let policy = Policy {
            addresses: addresses(granted),
            ..policy()
        };
        let got = door.send(&policy, get(&receiver.url("/")), &LIMITS).await;
        assert!(
            matches!(got, Err(Error::Forbidden { .. })),
            "{granted:?}: {got:?}"
        );
    }

    assert_eq!(receiver.connections(), policies.len());
}

#[tokio::test]
async fn closed_idle_connection_is_replaced() {
    // Closes after each answer without announcing it.
    let closing = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
    })
    .await;
    let (door, other) = (door(), ok_receiver().await);

    for number in 1..=5 {
        assert_eq!(
            status_and_body(
                &door
                    .send(&policy(), post(&closing.url("/"), "once"), &LIMITS)
                    .await
            )
            .0,
            200
        );
        eventually(|| closing.ended() == number).await;
        // This exchange is later than the close, so the door has noticed the close when it ends.
        assert_eq!(
            status_and_body(&door.send(&policy(), get(&other.url("/")), &LIMITS).await).0,
            200
        );
    }

    assert_eq!(closing.requests().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_is_never_sent_twice() {
    let closing = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
    })
    .await;
    let door = door();

    for number in 0..300 {
        // The pooled connection may be open, closed, or about to close.
        let got = door
            .send(
                &policy(),
                get(&closing.url(&format!("/{number}."))),
                &LIMITS,
            )
            .await;
        assert!(matches!(got, Ok(_) | Err(Error::Broken { .. })), "{got:?}");
        let line = format!("GET /{number}. ");
        let seen = closing
            .requests()
            .iter()
            .filter(|request| request.starts_with(&line))
            .count();
        assert_eq!(seen, usize::from(got.is_ok()), "{got:?}");
    }
}

#[tokio::test]
async fn unanswered_request_is_not_sent_again() {
    let receiver = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
        // Reads the second request on the connection, and closes without an answer.
        connection.request().await;
    })
    .await;
    let door = door();

    assert_eq!(
        status_and_body(
            &door
                .send(&policy(), post(&receiver.url("/"), "first"), &LIMITS)
                .await
        )
        .0,
        200
    );

    let got = door
        .send(&policy(), post(&receiver.url("/"), "second"), &LIMITS)
        .await;

    assert!(
        matches!(&got, Err(error @ Error::Broken { .. }) if error.is_retryable()),
        "{got:?}"
    );
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 2));
}

#[tokio::test]
async fn connection_is_reused_after_complete_response() {
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}",
        "x".repeat(2000)
    );
    let receiver = receive(move |connection| connection.answer_each(long.clone())).await;
    let door = door();
    let cutting = Limits {
        body_max: 10,
        over_long: OverLong::Cut,
        ..LIMITS
    };

    for limits in [LIMITS, cutting, cutting] {
        let _ = door.send(&policy(), get(&receiver.url("/")), &limits).await;
    }

    assert_eq!(receiver.connections(), 3);

    let whole = Limits {
        body_max: 2000,
        ..LIMITS
    };

    for _ in 0..3 {
        assert_eq!(
            status_and_body(&door.send(&policy(), get(&receiver.url("/")), &whole).await).0,
            200
        );
    }

    assert_eq!(receiver.connections(), 4);
}

#[tokio::test]
async fn idle_connections_expire() {
    let receiver = ok_receiver().await;
    let door = door_with(Config {
        idle_timeout: Duration::ZERO,
        ..Config::default()
    });

    for _ in 0..3 {
        assert_eq!(
            status_and_body(&door.send(&policy(), get(&receiver.url("/")), &LIMITS).await).0,
            200
        );
    }

    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn connection_headers_are_removed() {
    let receiver = ok_receiver().await;
    let request = Request::post(receiver.url("/path?query"))
        .header("host", "internal.example")
        .header("connection", "close, x-hop")
        .header("x-hop", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("proxy-authorization", "Basic eDp5")
        .header("te", "trailers")
        .header("transfer-encoding", "chunked")
        .header("content-length", "999")
        .header("upgrade", "websocket")
        .header("expect", "100-continue")
        .header("authorization", "Bearer t")
        .header("x-end", "2")
        .body(Bytes::from_static(b"body"))
        .expect("a request");

    assert_eq!(
        status_and_body(&door().send(&policy(), request, &LIMITS).await).0,
        200
    );

    let text = receiver.requests().remove(0);
    let mut lines: Vec<_> = text.split("\r\n").collect();
    lines[1..].sort_unstable();
    let host = format!("host: {}", receiver.address);
    let expected = [
        "POST /path?query HTTP/1.1",
        "",
        "authorization: Bearer t",
        "body",
        "content-length: 4",
        &host,
        "x-end: 2",
    ];

    assert_eq!(lines, expected);
}
