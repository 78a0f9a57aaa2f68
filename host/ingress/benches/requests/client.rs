//! Signs requests and sends them over keep-alive connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hookyard_model::Header;
use hookyard_schemes::{Secret, Signer, SigningKey, SigningScheme, UnsignedMessage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::servers::NOW;

/// The number of connections, each with one request at a time.
const CONNECTIONS: usize = 64;

/// Returns the bytes of a request that is signed with `secret`.
pub(crate) fn signed_request(secret: &str) -> Vec<u8> {
    let body = body();
    let keys = vec![SigningKey::always(Secret::from(secret))];
    let scheme = SigningScheme::StandardWebhooks {
        secrets: keys,
        keys: Vec::new(),
    };
    let message = UnsignedMessage {
        id: "msg_2b3c4d5e6f",
        body: body.as_bytes(),
        now: NOW,
        event_type: None,
    };
    let signed = Signer::new(scheme)
        .expect("a valid secret")
        .sign(&message)
        .expect("a signature");

    let mut request = format!(
        "POST /acme/orders HTTP/1.1\r\nhost: hooks.example.com\r\nuser-agent: bench\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    for Header { name, value } in signed {
        let value = String::from_utf8(value.to_vec()).expect("text");
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{request}\r\n{body}").into_bytes()
}

/// Returns an event of about 1.4 KB.
fn body() -> String {
    let line = |number: u32| {
        format!(
            r#"{{"title":"A laptop with a long name {number}","quantity":2,"price":{{"value":249900,"currency":"EUR"}}}}"#
        )
    };
    let lines: Vec<_> = (0..13).map(line).collect();
    format!(
        r#"{{"type":"order.created","version":1,"event_id":"a1b2c3d4-e5f6-7890","payload":{{"lines":[{}]}}}}"#,
        lines.join(",")
    )
}

/// Sends `count` requests. Each must be answered with `status`.
pub(crate) fn send(address: SocketAddr, request: &[u8], count: usize, status: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let request: Arc<[u8]> = request.into();
    let left = Arc::new(AtomicUsize::new(count));

    runtime.block_on(async move {
        let mut connections = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (request, left) = (Arc::clone(&request), Arc::clone(&left));
            connections.spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("a connection");
                stream.set_nodelay(true).expect("an open socket");
                while take(&left) {
                    stream.write_all(&request).await.expect("written");
                    read_answer(&mut stream, status).await;
                }
            });
        }
        while let Some(ended) = connections.join_next().await {
            ended.expect("a connection that works");
        }
    });
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    })
    .is_ok()
}

/// Reads an answer, which ends with the `}` of its JSON.
async fn read_answer(stream: &mut TcpStream, status: u16) {
    let mut answer = [0; 1024];
    let mut length = 0;
    while length == 0 || answer[length - 1] != b'}' {
        let read = stream.read(&mut answer[length..]).await.expect("an answer");
        assert_ne!(read, 0, "the server closed the connection");
        length += read;
    }

    let expected = format!("HTTP/1.1 {status} ");
    assert!(
        answer.starts_with(expected.as_bytes()),
        "an unexpected status"
    );
}
