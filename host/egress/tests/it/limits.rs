//! The limits of an exchange, tested with receivers that exceed them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hookyard_egress::{Config, Door, Error, Limits, OverLong, Phase, Policy};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;

use crate::support::{
    Connection, LIMITS, OK, SHORT, door, door_with, eventually, get, ok_receiver, policy, post,
    receive, receive_at, status_and_body,
};
use crate::tls::Authority;

/// A time within which every test must end: without the limits, the door would hang.
const SOON: Duration = Duration::from_secs(10);

/// 200,000 zeros, compressed with gzip: these bytes, `BOMB_ZEROS` zeros, and `BOMB_END`.
const BOMB: [u8; 24] =
    *b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xed\xc1\x31\x01\0\0\0\xc2\xa0\xf5\x4f\x6d\x06\x7f";
const BOMB_ZEROS: usize = 193;
const BOMB_END: [u8; 11] = *b"\x80\xd7\0\x7b\x58\xe0\x5c\x40\x0d\x03\0";

#[tokio::test]
async fn slow_receivers_time_out() {
    let silent = receive(|connection| connection.answer_once("")).await;
    let half_a_head =
        receive(|connection| connection.answer_once("HTTP/1.1 200 OK\r\nx-slow: ")).await;
    let half_a_body = receive(|connection| {
        connection.answer_once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    })
    .await;
    let dripping_head =
        receive(|connection| drip(connection, "HTTP/1.1 200 OK\r\n", "x-drop: 1\r\n")).await;
    let dripping_body = receive(|connection| {
        drip(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n",
            ".",
        )
    })
    .await;
    let endless_chunks = receive(|connection| {
        drip(
            connection,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "1\r\n.\r\n",
        )
    })
    .await;
    let not_yet =
        receive(|connection| drip(connection, "", "HTTP/1.1 102 Processing\r\n\r\n")).await;
    let receivers = [
        silent,
        half_a_head,
        half_a_body,
        dripping_head,
        dripping_body,
        endless_chunks,
        not_yet,
    ];
    let door = door();
    let limits = Limits {
        body_max: 1 << 20,
        ..SHORT
    };
    let begun = Instant::now();
    let sent = receivers.iter().enumerate().map(|(number, receiver)| {
        let (door, url) = (door.clone(), receiver.url("/"));
        tokio::spawn(async move { (number, door.send(&policy(), get(&url), &limits).await) })
    });

    for sent in sent.collect::<Vec<_>>() {
        let (number, got) = sent.await.expect("no panic");
        let is_timed_out = matches!(&got, Err(Error::TimedOut { phase: Phase::Response, timeout, .. }) if *timeout == SHORT.timeout);
        assert!(is_timed_out, "{number}: {got:?}");
        assert!(got.is_err_and(|error| error.is_retryable()));
    }

    assert!(begun.elapsed() < SOON);
}

/// Writes `beginning`, and then `drop` repeatedly until the other end is closed.
async fn drip(mut connection: Connection, beginning: &'static str, drop: &'static str) {
    connection.request().await;
    connection.write(beginning).await;
    let mut every = tokio::time::interval(Duration::from_millis(20));

    loop {
        tokio::select! {
            _ = every.tick() => connection.write(drop).await,
            () = connection.gone() => return,
        }
    }
}

#[tokio::test]
async fn receiver_that_never_reads_times_out() {
    let authority = Authority::new();
    let (never, seen) = tokio::sync::mpsc::channel::<()>(1);

    for tls in [None, Some(authority.server(&["localhost"]))] {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let never = never.clone();
        let deaf = receive_at("127.0.0.1:0", tls, move |connection| {
            let never = never.clone();
            async move {
                // Keeps the connection open without reading.
                never.closed().await;
                drop(connection);
            }
        })
        .await;
        let roots = vec![authority.pem()];
        let door = door_with(Config {
            connections_max: 1,
            roots,
            ..Config::default()
        });
        let url = deaf.url_of(scheme, "localhost");
        let got = door
            .send(&policy(), post(&url, vec![0; 32 << 20]), &SHORT)
            .await;
        assert!(
            matches!(
                got,
                Err(Error::TimedOut {
                    phase: Phase::Response,
                    ..
                })
            ),
            "{scheme}: {got:?}"
        );
        // The only connection slot is free again, although the receiver keeps its end open.
        let other = ok_receiver().await;
        assert_eq!(
            status_and_body(&door.send(&policy(), get(&other.url("/")), &LIMITS).await).0,
            200,
            "{scheme}"
        );
    }

    drop(seen);
}

#[tokio::test]
async fn oversized_header_is_refused() {
    let one = format!(
        "HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 0\r\n\r\n",
        "x".repeat(20_000)
    );
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "x-many: x\r\n".repeat(2_000)
    );
    let endless = format!("HTTP/1.1 200 OK\r\nx-endless: {}", "x".repeat(200_000));
    let door = door_with(Config {
        header_max: 16 << 10,
        ..Config::default()
    });

    for answer in [one, many, endless] {
        let shown = answer[..40].to_owned();
        let receiver = receive(move |connection| connection.answer_once(answer.clone())).await;
        let got = door.send(&policy(), get(&receiver.url("/")), &LIMITS).await;
        assert!(
            matches!(
                got,
                Err(Error::HeaderTooLarge {
                    header_max: 16_384,
                    ..
                })
            ),
            "{shown}: {got:?}"
        );
    }

    let fits = format!(
        "HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 0\r\n\r\n",
        "x".repeat(15_000)
    );
    let receiver = receive(move |connection| connection.answer_once(fits.clone())).await;

    assert_eq!(
        status_and_body(&door.send(&policy(), get(&receiver.url("/")), &LIMITS).await).0,
        200
    );
}

#[tokio::test]
async fn oversized_http2_header_is_refused() {
    let authority = Authority::new();
    let receiver = receive_at(
        "127.0.0.1:0",
        Some(authority.http2(&["localhost"])),
        async |connection| {
            let service = hyper::service::service_fn(async |_| {
                let answer = http::Response::builder().header("x-large", "x".repeat(20_000));
                answer.body(http_body_util::Full::new(Bytes::new()))
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(connection.stream), service)
                .await;
        },
    )
    .await;
    let config = Config {
        header_max: 16 << 10,
        roots: vec![authority.pem()],
        ..Config::default()
    };
    let got = door_with(config)
        .send(
            &policy(),
            get(&receiver.url_of("https", "localhost")),
            &LIMITS,
        )
        .await;

    assert!(matches!(got, Err(Error::Broken { .. })), "{got:?}");

    let larger = Config {
        roots: vec![authority.pem()],
        ..Config::default()
    };
    let got = door_with(larger)
        .send(
            &policy(),
            get(&receiver.url_of("https", "localhost")),
            &LIMITS,
        )
        .await;

    assert_eq!(status_and_body(&got).0, 200);
}

#[tokio::test]
async fn oversized_body_is_refused_or_truncated() {
    let answers = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{}", "0123456789abcdefg"),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n7\r\nabcdefg\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\n\r\n0123456789abcdefg".to_owned(),
        // Announced and never sent: a door that refuses long bodies does not wait for it.
        "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n0123456789abcdefg".to_owned(),
    ];
    let door = door();

    for answer in answers {
        let shown = answer[..60.min(answer.len())].to_owned();
        let receiver = receive(move |connection| connection.answer_once(answer.clone())).await;
        let refusing = Limits {
            body_max: 16,
            ..LIMITS
        };
        let got = door
            .send(&policy(), get(&receiver.url("/")), &refusing)
            .await;
        assert!(
            matches!(got, Err(Error::BodyTooLarge { body_max: 16, .. })),
            "{shown}: {got:?}"
        );
        let cutting = Limits {
            over_long: OverLong::Cut,
            ..refusing
        };
        let got = door
            .send(&policy(), get(&receiver.url("/")), &cutting)
            .await;
        assert_eq!(
            status_and_body(&got),
            (200, "0123456789abcdef".to_owned()),
            "{shown}"
        );
        assert!(got.is_ok_and(|response| response.body().is_cut), "{shown}");
    }

    let exact = receive(|connection| connection.answer_each(OK)).await;
    let limits = Limits {
        body_max: 2,
        over_long: OverLong::Cut,
        ..LIMITS
    };
    let got = door.send(&policy(), get(&exact.url("/")), &limits).await;

    assert!(
        got.is_ok_and(|response| !response.body().is_cut && &response.body().bytes[..] == b"ok")
    );
}

#[tokio::test]
async fn responses_are_not_decompressed() {
    let bomb = [&BOMB[..], b"\xa0", &[0; BOMB_ZEROS], &BOMB_END].concat();
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    )
    .into_bytes();
    answer.extend(&bomb);
    let receiver = receive(move |connection| connection.answer_each(answer.clone())).await;
    let got = door()
        .send(&policy(), get(&receiver.url("/")), &LIMITS)
        .await
        .expect("an answer");

    assert_eq!(got.headers()["content-encoding"], "gzip");
    assert_eq!(got.body().bytes, bomb, "as it came");
    assert!(!receiver.requests()[0].contains("accept-encoding"));
}

#[tokio::test]
async fn response_that_is_not_http_is_refused() {
    let door = door();

    for answer in [
        "",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 999999 What\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        let receiver = receive(move |mut connection| async move {
            connection.request().await;
            connection.write(answer).await;
        })
        .await;
        let got = door.send(&policy(), get(&receiver.url("/")), &LIMITS).await;
        assert!(
            matches!(&got, Err(error @ Error::Broken { .. }) if error.is_retryable()),
            "{answer:?}: {got:?}"
        );
    }
}

#[tokio::test]
async fn refused_connection_hides_the_path() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let got = door()
        .send(
            &policy(),
            get(&format!("http://{address}/s3cret?s3cret")),
            &LIMITS,
        )
        .await;
    let error = got.expect_err("the port is closed");

    assert!(
        matches!(&error, Error::Connect { .. }) && error.is_retryable(),
        "{error:?}"
    );

    let text = format!("{error} {error:?}");

    assert!(
        text.contains("127.0.0.1") && !text.contains("s3cret"),
        "{text}"
    );
}

#[tokio::test]
async fn exchanges_are_limited_by_tenant_and_receiver() {
    let slow = receive(|connection| connection.answer_once("")).await;
    let door = door_with(Config {
        host_concurrency_max: 1,
        ..Config::default()
    });
    let of = |tenant: &str| Policy {
        tenant: Some(tenant.parse().expect("a name")),
        ..policy()
    };
    let url = slow.url("/");
    let under_way = begin(&door, &of("acme"), &url);
    eventually(|| slow.connections() == 1).await;

    let second = door.send(&of("acme"), get(&url), &SHORT).await;
    let is_without = matches!(
        &second,
        Err(Error::TimedOut {
            phase: Phase::Slot,
            ..
        })
    );
    assert!(is_without, "{second:?}");
    assert_eq!(slow.connections(), 1);
    // Others, and other receivers, have places of their own.
    let theirs = door.send(&of("umbrella"), get(&url), &SHORT).await;
    assert!(
        matches!(
            theirs,
            Err(Error::TimedOut {
                phase: Phase::Response,
                ..
            })
        ),
        "{theirs:?}"
    );
    let other = ok_receiver().await;
    assert_eq!(
        status_and_body(&door.send(&of("acme"), get(&other.url("/")), &LIMITS).await).0,
        200
    );

    under_way.abort();
    let third = door.send(&of("acme"), get(&url), &SHORT).await;
    assert!(
        matches!(
            third,
            Err(Error::TimedOut {
                phase: Phase::Response,
                ..
            })
        ),
        "{third:?}"
    );
}

#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let (one, two) = (ok_receiver().await, ok_receiver().await);
    let door = door_with(Config {
        connections_max: 1,
        ..Config::default()
    });
    for receiver in [&one, &two, &one, &one] {
        assert_eq!(
            status_and_body(&door.send(&policy(), get(&receiver.url("/")), &LIMITS).await).0,
            200
        );
    }
    assert_eq!((one.connections(), two.connections()), (2, 1));

    // A connection in use is not evicted until its caller gives the request up.
    let slow = receive(|connection| connection.answer_once("")).await;
    let under_way = begin(&door, &policy(), &slow.url("/"));
    eventually(|| slow.connections() == 1).await;
    let got = door.send(&policy(), get(&two.url("/")), &SHORT).await;
    assert!(
        matches!(
            &got,
            Err(Error::TimedOut {
                phase: Phase::Slot,
                ..
            })
        ),
        "{got:?}"
    );
    under_way.abort();
    assert_eq!(
        status_and_body(&door.send(&policy(), get(&two.url("/")), &LIMITS).await).0,
        200
    );
}

#[tokio::test]
async fn tenant_leaves_connections_for_others() {
    let door = door_with(Config {
        connections_max: 4,
        ..Config::default()
    });
    let of = |tenant: &str| Policy {
        tenant: Some(tenant.parse().expect("a name")),
        ..policy()
    };
    let slow = receive(|connection| connection.answer_once("")).await;
    let url = slow.url("/");
    let under_way: Vec<_> = (0..3).map(|_| begin(&door, &of("acme"), &url)).collect();
    eventually(|| slow.connections() == 3).await;

    let other = ok_receiver().await;
    let fourth = door.send(&of("acme"), get(&other.url("/")), &SHORT).await;
    assert!(
        matches!(
            &fourth,
            Err(Error::TimedOut {
                phase: Phase::Slot,
                ..
            })
        ),
        "{fourth:?}"
    );
    assert_eq!(
        status_and_body(
            &door
                .send(&of("umbrella"), get(&other.url("/")), &LIMITS)
                .await
        )
        .0,
        200
    );

    // The unused connections of a tenant are evicted for its next connection.
    under_way.iter().for_each(tokio::task::JoinHandle::abort);
    for _ in 0..4 {
        let next = ok_receiver().await;
        assert_eq!(
            status_and_body(&door.send(&of("acme"), get(&next.url("/")), &LIMITS).await).0,
            200
        );
    }
    assert_eq!(
        status_and_body(
            &door
                .send(&of("umbrella"), get(&other.url("/")), &LIMITS)
                .await
        )
        .0,
        200
    );
    assert_eq!(
        other.connections(),
        1,
        "the other tenant's connection is still open"
    );
}

/// Sends a request and leaves it under way.
fn begin(door: &Door, policy: &Policy, url: &str) -> tokio::task::JoinHandle<()> {
    let (door, policy, request) = (door.clone(), policy.clone(), get(url));
    tokio::spawn(async move { drop(door.send(&policy, request, &LIMITS).await) })
}
