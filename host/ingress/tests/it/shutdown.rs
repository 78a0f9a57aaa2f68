//! Shutdown: requests in flight finish, waiting connections are closed, and the run returns.

use std::time::Duration;

use hookyard_ingress::Config;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{BODY, closed, config, connect, post, read, soon, start, stored};

#[tokio::test]
async fn shutdown_answers_requests_in_flight() {
    let host = start(config()).await;
    let mut idle = connect(host.address).await;
    idle.write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    assert_eq!(read(&mut idle).await.status, 200);

    let gate = host.hold();
    let mut working = connect(host.address).await;
    working
        .write_all(post("/acme/open", "", r#"{"id":"in flight"}"#).as_bytes())
        .await
        .expect("written");
    host.begun(2).await;

    host.stop.send(()).expect("running");
    closed(&mut idle).await;
    soon("the listener to be gone", async {
        while TcpStream::connect(host.address).await.is_ok() {}
    })
    .await;
    assert!(
        !host.ended.is_finished(),
        "the run ended before the request in flight"
    );

    gate.add_permits(1);
    let answer = read(&mut working).await;
    assert_eq!(answer.status, 200);
    closed(&mut working).await;
    soon("the run to return", host.ended)
        .await
        .expect("no panic");
    assert_eq!(stored(&host.inbox).await.len(), 2);
}

#[tokio::test]
async fn shutdown_abandons_endless_request() {
    let host = start(Config {
        shutdown_timeout: Duration::from_millis(200),
        ..config()
    })
    .await;

    host.hold();
    let mut working = connect(host.address).await;
    working
        .write_all(post("/acme/open", "", BODY).as_bytes())
        .await
        .expect("written");
    host.begun(1).await;
    let mut dribbling = connect(host.address).await;
    dribbling
        .write_all(b"POST /acme/open HTTP/1.1\r\nhost: ho")
        .await
        .expect("written");
    host.stop.send(()).expect("running");
    soon("the run to return", host.ended)
        .await
        .expect("no panic");
    closed(&mut working).await;
    closed(&mut dribbling).await;
}
