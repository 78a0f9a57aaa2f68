//! HTTP/2 without TLS, by prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hookyard_ingress::Config;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use crate::support::{BODY, Mode, config, connect, soon, start};

type Sending = http2::SendRequest<Full<Bytes>>;

async fn handshake(address: SocketAddr) -> (Sending, JoinHandle<()>) {
    let io = TokioIo::new(connect(address).await);
    let (sending, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("a handshake");
    let ended = tokio::spawn(async move {
        let _ = connection.await;
    });
    (sending, ended)
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(format!("http://hooks{path}")).body(Full::new(body.into())).expect("a request")
}

async fn send(sending: &mut Sending, request: Request<Full<Bytes>>) -> Response<Incoming> {
    soon("an answer", sending.send_request(request)).await.expect("an answer")
}

#[tokio::test]
async fn events_come_in_over_http2_several_at_once() {
    let host = start(config()).await;
    let (mut sending, _ended) = handshake(host.address).await;
    host.inbox.set(Mode::Wait);
    let requests: Vec<_> = (0..5)
        .map(|number| tokio::spawn(sending.send_request(post("/acme/open", format!(r#"{{"id":"{number}"}}"#)))))
        .collect();
    host.inbox.entered(5).await;
    host.inbox.gate.add_permits(5);
    for request in requests {
        let answer = soon("an answer", request).await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(body.starts_with(br#"{"status":"stored""#), "{body:?}");
    }
    assert_eq!(host.inbox.stored().await.len(), 5);
}

#[tokio::test]
async fn a_refusal_ends_its_request_and_not_the_connection() {
    let host = start(config()).await;
    let (mut sending, _ended) = handshake(host.address).await;
    for (path, body, status) in [
        ("/acme/open", "x".repeat(100_000), StatusCode::PAYLOAD_TOO_LARGE),
        ("/acme/none", BODY.to_owned(), StatusCode::NOT_FOUND),
        ("/acme/token", BODY.to_owned(), StatusCode::UNAUTHORIZED),
        ("/acme/open", BODY.to_owned(), StatusCode::OK),
    ] {
        let answer = send(&mut sending, post(path, body)).await;
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let host = start(Config { idle_timeout: Duration::from_millis(200), ..config() }).await;
    let (mut sending, ended) = handshake(host.address).await;
    assert_eq!(send(&mut sending, post("/acme/open", BODY)).await.status(), StatusCode::OK);
    soon("the connection to be closed", ended).await.expect("no panic");
}
