//! The admin listener: idle clients exclude no other client, and requests of web pages are refused.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use hookyard_testkit::http::{Client, Webhook};
use http::Method;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Rig, quick};

/// Returns the address of the admin listener.
pub(crate) async fn address(rig: &Rig) -> Result<SocketAddr> {
    let line = rig
        .host
        .wait_for_log("the admin listener", |line| {
            line.target() == "hookyard::admin"
        })
        .await?;
    Ok(line.text_of("address").parse()?)
}

async fn status(to: SocketAddr, headers: &[(&str, &str)]) -> Result<u16> {
    let request = headers
        .iter()
        .fold(Webhook::default(), |request, (name, value)| {
            request.and(name, value)
        });
    Ok(Client::http1()
        .send(Method::GET, to, "/metrics", &request)
        .await?
        .status)
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_admin_connections_are_evicted() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let admin = address(&rig).await?;
    let mut waiting = Vec::new();
    for count in 0..64 {
        let mut connection = TcpStream::connect(admin).await?;
        if count % 2 == 0 {
            connection
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: local")
                .await?;
        }
        waiting.push(connection);
    }

    let began = Instant::now();
    assert_eq!(status(admin, &[]).await?, 200);
    // This does not measure speed: without eviction, the wait would be much longer.
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_checks_host_and_origin() -> Result<()> {
    let config = quick().section(
        "admin",
        "listen = \"127.0.0.1:0\"\nhosts = [\"metrics.example\"]",
    );
    let rig = Rig::start(config, &[]).await?;
    let admin = address(&rig).await?;
    let own_origin = format!("http://{admin}");
    for (headers, expected) in [
        (&[][..], 200),
        (&[("host", "localhost:9090")], 200),
        (&[("host", "metrics.example")], 200),
        (&[("host", "rebound.example:9090")], 421),
        (&[("origin", "http://rebound.example")], 403),
        (&[("origin", &own_origin)], 200),
    ] {
        assert_eq!(status(admin, headers).await?, expected, "{headers:?}");
    }
    Ok(())
}
