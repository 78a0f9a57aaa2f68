//! Which requests share a connection, and what becomes of those that meet a closed one.

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
    Connection, LIMITS, OK, Receiver, SHORT, addresses, door, door_with, eventually, get, policy,
    post, receive, receive_at, said, willing,
};
use crate::tls::Authority;

/// A receiver that speaks HTTP/2, and HTTP/1.1 to whoever doesn't. Each request is noted as `POST https://host/path body`.
async fn modern(authority: &Authority) -> Receiver {
    receive_at(
        "127.0.0.1:0",
        Some(authority.http2(&["localhost"])),
        |connection| async move {
            let Connection { stream, seen } = connection;
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body
                        .collect()
                        .await
                        .map(|body| body.to_bytes())
                        .unwrap_or_default();
                    let names: Vec<_> = head.headers.keys().map(|name| name.as_str()).collect();
                    seen.note(format!(
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
    let receiver = willing().await;
    let door = door();
    for path in ["/1", "/2", "/3"] {
        assert_eq!(
            said(
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
async fn http2_is_spoken_where_the_receiver_speaks_it_and_shares_one_connection() {
    let authority = Authority::new();
    let receiver = modern(&authority).await;
    let door = door_with(Config {
        roots: vec![authority.pem()],
        ..Config::default()
    });
    let url = receiver.url_of("https", "LocalHost.");
    let first = door.send(&policy(), post(&url, "hello"), &LIMITS).await;
    assert_eq!(said(&first).1, "ok");
    assert_eq!(first.expect("an answer").version(), Version::HTTP_2);
    let line = format!(
        "POST https://localhost:{}/ b\"hello\" content-length",
        receiver.address.port()
    );
    assert_eq!(
        receiver.requests(),
        [line],
        "the host stands in its one spelling"
    );

    let all: Vec<_> = (0..50)
        .map(|number| {
            let (door, request) = (door.clone(), post(&url, vec![b'x'; number * 1000]));
            tokio::spawn(async move { door.send(&policy(), request, &LIMITS).await })
        })
        .collect();
    for one in all {
        assert_eq!(said(&one.await.expect("no panic")).1, "ok");
    }
    assert_eq!((receiver.connections(), receiver.requests().len()), (1, 51));
}

#[tokio::test]
async fn one_answer_that_never_comes_costs_others_on_the_connection_nothing() {
    let authority = Authority::new();
    let receiver = modern(&authority).await;
    let door = door_with(Config {
        roots: vec![authority.pem()],
        ..Config::default()
    });
    let url = |path: &str| format!("https://localhost:{}{path}", receiver.address.port());
    assert_eq!(
        said(&door.send(&policy(), get(&url("/")), &LIMITS).await).0,
        200
    );
    let (policy, never, other) = (policy(), get(&url("/never")), get(&url("/other")));
    let (never, other) = tokio::join!(
        door.send(&policy, never, &SHORT),
        door.send(&policy, other, &LIMITS)
    );
    assert!(matches!(never, Err(Error::TimedOut { .. })), "{never:?}");
    assert_eq!((said(&other).0, receiver.connections()), (200, 1));
    // Whoever comes next doesn't rely on it.
    assert_eq!(
        said(&door.send(&policy, get(&url("/")), &LIMITS).await).0,
        200
    );
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn connections_are_not_shared_between_policies() {
    let receiver = willing().await;
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
                said(&door.send(policy, get(&receiver.url("/")), &LIMITS).await).0,
                200
            );
        }
    }
    assert_eq!(receiver.connections(), policies.len());
    // A connection that is open is no way to an address that isn't granted.
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
async fn a_kept_connection_that_was_closed_costs_nothing() {
    // Says nothing of it, and closes after each answer.
    let closing = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
    })
    .await;
    let (door, other) = (door(), willing().await);
    for number in 1..=5 {
        assert_eq!(
            said(
                &door
                    .send(&policy(), post(&closing.url("/"), "once"), &LIMITS)
                    .await
            )
            .0,
            200
        );
        eventually(|| closing.ended() == number).await;
        // What came later than the end has been heard of, and so has the end.
        assert_eq!(
            said(&door.send(&policy(), get(&other.url("/")), &LIMITS).await).0,
            200
        );
    }
    assert_eq!(closing.requests().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_twice_whenever_a_connection_closes() {
    let closing = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
    })
    .await;
    let door = door();
    for number in 0..300 {
        // Each may meet a connection that is open, closed, or just being closed.
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
async fn what_may_have_been_read_is_not_sent_again() {
    let receiver = receive(async |mut connection| {
        connection.request().await;
        connection.write(OK).await;
        // Reads the second request on the connection, and closes without an answer.
        connection.request().await;
    })
    .await;
    let door = door();
    assert_eq!(
        said(
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
async fn a_connection_is_kept_only_after_a_whole_answer() {
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
            said(&door.send(&policy(), get(&receiver.url("/")), &whole).await).0,
            200
        );
    }
    assert_eq!(receiver.connections(), 4);
}

#[tokio::test]
async fn connections_are_not_kept_for_longer_than_configured() {
    let receiver = willing().await;
    let door = door_with(Config {
        idle_timeout: Duration::ZERO,
        ..Config::default()
    });
    for _ in 0..3 {
        assert_eq!(
            said(&door.send(&policy(), get(&receiver.url("/")), &LIMITS).await).0,
            200
        );
    }
    assert_eq!(receiver.connections(), 3);
}

#[tokio::test]
async fn the_receiver_gets_what_is_for_it_and_nothing_that_is_for_the_connection() {
    let receiver = willing().await;
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
    assert_eq!(said(&door().send(&policy(), request, &LIMITS).await).0, 200);
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
