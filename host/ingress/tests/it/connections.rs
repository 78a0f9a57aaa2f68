//! Idle and slow connections are closed, and do not keep others out.

use std::time::Duration;

use hookyard_ingress::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{BODY, closed, config, connect, post, read, send, soon, start};

const SHORT: Duration = Duration::from_millis(200);

/// Writes one byte at a time until the connection is closed.
async fn dribble(stream: &mut TcpStream, text: &str) {
    for byte in text.bytes().cycle() {
        if stream.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn missing_head_closes_the_connection() {
    let host = start(Config {
        header_timeout: SHORT,
        ..config()
    })
    .await;

    for beginning in [
        "",
        "P",
        "POST /acme/open HTTP/1.1\r\nhost: ho",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = connect(host.address).await;
        stream
            .write_all(beginning.as_bytes())
            .await
            .expect("written");
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn slow_head_closes_the_connection() {
    let host = start(Config {
        header_timeout: SHORT,
        ..config()
    })
    .await;
    let mut first = connect(host.address).await;
    soon("the first head to be cut off", dribble(&mut first, "POST")).await;

    let mut second = connect(host.address).await;
    second
        .write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    assert_eq!(read(&mut second).await.status, 200);
    soon(
        "the second head to be cut off",
        dribble(&mut second, "POST"),
    )
    .await;
}

#[tokio::test]
async fn idle_connection_is_closed() {
    let host = start(Config {
        header_timeout: SHORT,
        idle_timeout: Duration::from_secs(60),
        ..config()
    })
    .await;
    let mut kept = connect(host.address).await;
    kept.write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    assert_eq!(read(&mut kept).await.status, 200);
    let mut silent = connect(host.address).await;
    // The time for a head has now passed for the kept connection, too.
    closed(&mut silent).await;
    kept.write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    assert_eq!(read(&mut kept).await.status, 200);

    let host = start(Config {
        idle_timeout: SHORT,
        ..config()
    })
    .await;
    let mut kept = connect(host.address).await;
    kept.write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    assert_eq!(read(&mut kept).await.status, 200);
    closed(&mut kept).await;
}

#[tokio::test]
async fn flood_of_waiting_connections_evicts_itself() {
    const MAX: usize = 8;

    let beginnings = [
        "",
        "POST /acme/open HTTP/1.1\r\nhost: ho",
        "POST /acme/open HTTP/1.1\r\ncontent-length: 9\r\n\r\n ",
    ];
    for beginning in beginnings {
        let host = start(Config {
            connections_max: MAX,
            ..config()
        })
        .await;
        let mut flood = Vec::new();
        for _ in 0..10 * MAX {
            let mut stream = connect(host.address).await;
            let _ = stream.write_all(beginning.as_bytes()).await;
            flood.push(stream);
        }
        let answer = send(host.address, &post("/acme/open", "", BODY)).await;
        assert_eq!(answer.status, 200, "{beginning:?}: {answer:?}");
        for stream in &mut flood[..9 * MAX] {
            closed(stream).await;
        }
    }
}

#[tokio::test]
async fn longest_waiting_connection_is_evicted() {
    let host = start(Config {
        connections_max: 2,
        ..config()
    })
    .await;
    let mut old = connect(host.address).await;
    let mut young = connect(host.address).await;
    let mut new = connect(host.address).await;

    closed(&mut old).await;
    for stream in [&mut young, &mut new] {
        stream
            .write_all(post("/acme/open", "", BODY).as_bytes())
            .await
            .expect("written");
        assert_eq!(read(stream).await.status, 200);
    }
}

#[tokio::test]
async fn accepted_sender_survives_a_flood() {
    let host = start(Config {
        connections_max: 3,
        ..config()
    })
    .await;
    let request = post("/acme/open", "", BODY);
    let mut kept = connect(host.address).await;

    kept.write_all(request.as_bytes()).await.expect("written");
    assert_eq!(read(&mut kept).await.status, 200);
    for _ in 0..20 {
        let mut stranger = connect(host.address).await;
        stranger
            .write_all(post("/acme/none", "", "").as_bytes())
            .await
            .expect("written");
        assert_eq!(read(&mut stranger).await.status, 404);
    }
    let mut flood = Vec::new();

    for _ in 0..20 {
        flood.push(connect(host.address).await);
    }
    for stream in &mut flood[..18] {
        closed(stream).await;
    }
    kept.write_all(request.as_bytes()).await.expect("written");
    assert_eq!(read(&mut kept).await.status, 200);
}

#[tokio::test]
async fn working_connection_is_never_evicted() {
    let host = start(Config {
        connections_max: 2,
        ..config()
    })
    .await;
    let gate = host.hold();
    let mut working = [connect(host.address).await, connect(host.address).await];

    for stream in &mut working {
        stream
            .write_all(post("/acme/open", "", BODY).as_bytes())
            .await
            .expect("written");
    }
    host.begun(2).await;
    let mut late = connect(host.address).await;
    let answer = read(&mut late).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("\r\nretry-after: 5\r\n"), "{answer:?}");
    gate.add_permits(2);
    for stream in &mut working {
        assert_eq!(read(stream).await.status, 200);
    }
}
