//! Deliveries through the real door to a receiver on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use hookyard_delivery::{Destination, Post, PostError, PostRequest, PostResponse};
use hookyard_egress::{Addresses, Config, Door, Policy};
use hookyard_model::Header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::partner;

/// Starts a receiver that reads one request and answers it. The channel returns the request.
async fn receiver(reply: &'static str) -> (SocketAddr, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("bound");
    let (sender, request_seen) = oneshot::channel();

    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"{\"n\":1}") {
            request.push(stream.read_u8().await.expect("a byte"));
        }
        let _ = sender.send(String::from_utf8(request).expect("a text"));
        stream.write_all(reply.as_bytes()).await.expect("written");
        // Returns when the client closes the connection.
        let _ = stream.read_u8().await;
    });
    (address, request_seen)
}

fn destination(address: SocketAddr, granted: &[&str]) -> Destination {
    let granted = granted
        .iter()
        .map(|range| range.parse().expect("a range"))
        .collect();
    let policy = Policy {
        addresses: Addresses { granted },
        allow_http: true,
        ..Policy::default()
    };

    Destination {
        url: format!("http://{address}/hooks?token=hidden"),
        policy,
        timeout: TIMEOUT,
        ..partner()
    }
}

const TIMEOUT: Duration = Duration::from_millis(500);

async fn post(destination: &Destination) -> Result<PostResponse, PostError> {
    let door = Door::new(Config::default()).expect("a door");
    let headers = vec![Header {
        name: "webhook-id".into(),
        value: "7".into(),
    }];

    door.post(PostRequest {
        destination,
        headers,
        body: "{\"n\":1}".into(),
    })
    .await
}

#[tokio::test]
async fn door_posts_message_as_json() {
    let (address, request) =
        receiver("HTTP/1.1 202 Accepted\r\nx-trace: 9\r\ncontent-length: 2\r\n\r\nok").await;
    let response = post(&destination(address, &["127.0.0.1"]))
        .await
        .expect("an answer");

    assert_eq!(
        (response.status, response.body.as_ref()),
        (202, b"ok".as_slice())
    );
    assert!(
        response
            .headers
            .iter()
            .any(|header| header.name == "x-trace" && header.value == "9")
    );

    let request = request.await.expect("a request").to_lowercase();

    assert!(
        request.starts_with("post /hooks?token=hidden http/1.1\r\n"),
        "{request}"
    );

    let agent = format!("user-agent: hookyard/{}", env!("CARGO_PKG_VERSION"));

    for line in [
        "content-type: application/json",
        "webhook-id: 7",
        "content-length: 7",
        &agent,
    ] {
        assert!(request.contains(line), "no {line} in {request}");
    }
}

#[tokio::test]
async fn long_redirect_answer_is_truncated() {
    const LONG: &str = concat!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\n",
        "content-length: 5000\r\n\r\n"
    );

    let reply = String::leak(format!("{LONG}{}", "x".repeat(5_000)));
    let (address, _request) = receiver(reply).await;
    let response = post(&destination(address, &["127.0.0.1"]))
        .await
        .expect("an answer");

    assert_eq!((response.status, response.body.len()), (307, 4_096));
}

#[tokio::test]
async fn refused_address_is_unsendable() {
    let (address, _request) = receiver("").await;
    let Err(PostError::Unsendable(reason)) = post(&destination(address, &[])).await else {
        panic!("it was sent")
    };
    assert!(
        reason.contains("addresses = [\"127.0.0.1\"]") && !reason.contains("hooks"),
        "{reason}"
    );
}

#[tokio::test]
async fn missing_answer_is_a_failure() {
    let (address, _request) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    let Err(PostError::Failed(reason)) = post(&destination(address, &["127.0.0.1"])).await else {
        panic!("not a failure")
    };

    assert!(
        reason.contains("no complete response from 127.0.0.1") && !reason.contains("hooks"),
        "{reason}"
    );

    let closed = "127.0.0.1:1".parse().expect("an address");
    let Err(PostError::Failed(reason)) = post(&destination(closed, &["127.0.0.1"])).await else {
        panic!("not a failure")
    };

    assert!(reason.contains("no connection to 127.0.0.1"), "{reason}");
}
