//! HTTP/2 without TLS, by prior knowledge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookyard_ingress::Config;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::support::{BODY, config, connect, soon, start};

type Sending = http2::SendRequest<Full<Bytes>>;

async fn handshake(address: SocketAddr) -> (Sending, JoinHandle<()>) {
    let io = TokioIo::new(connect(address).await);
    let (sending, connection) = http2::handshake(TokioExecutor::new(), io)
        .await
        .expect("a handshake");
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sending, ended)
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://hooks{path}"))
        .body(Full::new(body.into()))
        .expect("a request")
}

async fn send(sending: &mut Sending, request: Request<Full<Bytes>>) -> Response<Incoming> {
    soon("an answer", sending.send_request(request))
        .await
        .expect("an answer")
}

#[tokio::test]
async fn http2_connection_carries_concurrent_events() {
    let host = start(config()).await;
    let (mut sending, _ended) = handshake(host.address).await;
    let gate = host.hold();
    let requests: Vec<_> = (0..5)
        .map(|number| {
            tokio::spawn(
                sending.send_request(post("/acme/open", format!(r#"{{"id":"{number}"}}"#))),
            )
        })
        .collect();

    host.begun(5).await;
    gate.add_permits(5);
    for request in requests {
        let answer = soon("an answer", request)
            .await
            .expect("no panic")
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert!(body.starts_with(br#"{"status":"stored""#), "{body:?}");
    }
    assert_eq!(host.stored().await.len(), 5);
}

#[tokio::test]
async fn http2_refusal_keeps_the_connection() {
    let host = start(config()).await;
    let (mut sending, _ended) = handshake(host.address).await;

    for (path, body, status) in [
        (
            "/acme/open",
            "x".repeat(100_000),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        ("/acme/none", BODY.to_owned(), StatusCode::NOT_FOUND),
        ("/acme/token", BODY.to_owned(), StatusCode::UNAUTHORIZED),
        ("/acme/open", BODY.to_owned(), StatusCode::OK),
    ] {
        let answer = send(&mut sending, post(path, body)).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

/// Some senders forget the answer if the reset arrives with it.
#[tokio::test]
async fn http2_reset_follows_the_answer_late() {
    let host = start(config()).await;

    // On a machine that pauses, both can arrive at once, but not every time.
    let mut delays = Vec::new();
    while delays.len() < 5
        && delays
            .iter()
            .all(|delay| *delay < Duration::from_millis(50))
    {
        delays.push(soon("a refusal", delay_of_reset(host.address)).await);
    }
    assert!(
        delays
            .iter()
            .any(|delay| *delay >= Duration::from_millis(50)),
        "{delays:?}"
    );
}

/// Sends a part of a body that is too large. Returns the time between the end of the answer and the
/// reset.
async fn delay_of_reset(address: SocketAddr) -> Duration {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;

    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    // `:method POST`, `:scheme http` of the static table, then literals for `:path` (4) and
    // `content-length` (28).
    let head = [
        b"\x83\x86\x04\x0a/acme/open".as_slice(),
        b"\x0f\x0d\x06999999",
    ]
    .concat();
    let parts = [
        frame(SETTINGS, 0, 0, &[]),
        frame(HEADERS, 4, 1, &head),
        frame(DATA, 0, 1, &[b'x'; 1000]),
    ];
    let mut io = connect(address).await;
    io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .expect("sent");
    io.write_all(&parts.concat()).await.expect("sent");
    let mut answered = None;

    loop {
        let mut frame = [0; 9];
        io.read_exact(&mut frame).await.expect("a frame");
        let [a, b, c, kind, flags, ..] = frame;
        io.read_exact(&mut vec![0; u32::from_be_bytes([0, a, b, c]) as usize])
            .await
            .expect("its payload");
        match kind {
            DATA if flags & 1 == 1 => answered = Some(Instant::now()),
            RESET => return answered.expect("the answer comes first").elapsed(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn idle_http2_connection_is_closed() {
    let host = start(Config {
        idle_timeout: Duration::from_millis(200),
        ..config()
    })
    .await;
    let (mut sending, ended) = handshake(host.address).await;

    assert_eq!(
        send(&mut sending, post("/acme/open", BODY)).await.status(),
        StatusCode::OK
    );
    soon("the connection to be closed", ended)
        .await
        .expect("no panic");
}
