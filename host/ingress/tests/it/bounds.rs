//! The limits of a request: the size of its body, the size of all bodies together, and its time.

use std::time::Duration;

use hookyard_ingress::{Config, Sources};
use hookyard_schemes::Scheme;
use tokio::io::AsyncWriteExt;

use crate::support::{BODY, closed, config, connect, post, read, send, soon, source, start};

#[tokio::test]
async fn announced_large_body_is_refused_early() {
    let host = start(config()).await;

    for expects in ["", "expect: 100-continue\r\n"] {
        let head = format!("POST /acme/open HTTP/1.1\r\ncontent-length: 65537\r\n{expects}\r\n");
        let answer = send(host.address, &head).await;
        assert_eq!(answer.status, 413, "{answer:?}");
        assert!(
            answer.head.contains("\r\nconnection: close\r\n"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn large_body_is_refused_before_its_end() {
    let host = start(config()).await;
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let unended = format!(
        "POST /acme/open HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );
    assert_eq!(send(host.address, &unended).await.status, 413);
}

#[tokio::test]
async fn sender_that_writes_first_sees_413() {
    let host = start(config()).await;
    // The body is larger than the buffers of both sockets, so that a host that only closed the
    // connection would break the write.
    let answer = send(host.address, &post("/acme/open", "", &"x".repeat(7 << 20))).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn body_of_maximum_size_is_accepted() {
    let host = start(config()).await;
    let filled = |bytes: usize| format!("{BODY}{}", " ".repeat(bytes - BODY.len()));
    assert_eq!(
        send(host.address, &post("/acme/open", "", &filled(64 << 10)))
            .await
            .status,
        200
    );

    let mut small = source("open", Scheme::Unverified);
    small.body_max = 100;
    host.handle.replace(Sources::from_iter([small]));
    assert_eq!(
        send(host.address, &post("/acme/open", "", &filled(100)))
            .await
            .status,
        200
    );
    assert_eq!(
        send(host.address, &post("/acme/open", "", &filled(101)))
            .await
            .status,
        413
    );
}

#[tokio::test]
async fn slow_body_times_out() {
    let host = start(Config {
        body_timeout: Duration::from_millis(200),
        ..config()
    })
    .await;
    let (mut from_host, mut to_host) = connect(host.address).await.into_split();
    let dribble = tokio::spawn(async move {
        to_host
            .write_all(b"POST /acme/open HTTP/1.1\r\ncontent-length: 60000\r\n\r\n")
            .await?;
        loop {
            to_host.write_all(b" ").await?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        #[expect(unreachable_code, reason = "the block's type is the type of its `?`")]
        Ok::<_, std::io::Error>(())
    });
    let mut answer = String::new();
    let reading = tokio::io::AsyncReadExt::read_to_string(&mut from_host, &mut answer);

    // Bytes in transit can turn the end of the connection into a reset; the answer is still
    // readable.
    let _ = soon("the answer and the end of the connection", reading).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    let ended = soon("the dribbler to notice", dribble)
        .await
        .expect("no panic");

    assert!(ended.is_err());
}

#[tokio::test]
async fn bodies_together_have_a_maximum() {
    let host = start(Config {
        buffered_max: 10_000,
        ..config()
    })
    .await;
    let mut hog = connect(host.address).await;

    hog.write_all(b"POST /acme/open HTTP/1.1\r\ncontent-length: 9991\r\n\r\n")
        .await
        .expect("written");
    hog.write_all(&[b' '; 9_990]).await.expect("written");
    let body = format!("{BODY}{}", " ".repeat(100));
    loop {
        // There is room until the host has read the bytes of the first sender.
        let answer = send(host.address, &post("/acme/open", "", &body)).await;
        if answer.status == 503 {
            assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
            break;
        }
    }
    hog.write_all(b" ").await.expect("written");
    assert_eq!(read(&mut hog).await.status, 200);
    let answer = send(host.address, &post("/acme/open", "", &body)).await;

    assert_eq!(
        answer.status, 200,
        "what is given back can be taken again: {answer:?}"
    );
}

#[tokio::test]
async fn half_closed_connection_is_answered() {
    let host = start(config()).await;
    let gate = host.hold();
    let mut stream = connect(host.address).await;

    stream
        .write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    host.begun(1).await;
    stream.shutdown().await.expect("half closed");
    for _ in 0..1000 {
        // The host gets enough time to notice the close.
        tokio::task::yield_now().await;
    }
    gate.add_permits(1);
    assert_eq!(read(&mut stream).await.status, 200);
    closed(&mut stream).await;
}
