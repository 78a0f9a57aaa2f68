//! Answers to bad requests, which do not affect other requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::http::{Client, Webhook};
use hookyard_testkit::samples;
use hookyard_testkit::senders::path_of;
use hookyard_testkit::sign::{Family, StandardWebhooks, Topper, now};
use http::Method;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::WriteHalf;

use crate::rig::{Rig, fresh_payment, quick};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_status() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let sample = samples::one("topper", "crypto-onramp-completed")?.body;
    let good = rig.senders.topper.sign(sample.clone());
    let check = async |method: Method, path: &str, webhook: &Webhook, expected: u16| {
        let answer = rig
            .client
            .send(method, rig.host.address(), path, webhook)
            .await
            .expect("an answer");
        assert_eq!(answer.status, expected, "{path}: {}", answer.text());
        answer
    };
    for unknown in [
        "/nobody/payments",
        "/acme/nothing",
        "/acme",
        "/",
        "/acme/payments/tail",
        "/ACME/payments",
        "/acme/../acme/payments",
    ] {
        check(Method::POST, unknown, &good, 404).await;
    }
    for method in [Method::OPTIONS, Method::PUT, Method::DELETE] {
        let answer = check(method, "/acme/payments", &good, 405).await;
        assert_eq!(
            answer
                .headers
                .get("allow")
                .context("the 405 answer names the allowed methods")?,
            "GET, HEAD, POST"
        );
    }
    check(
        Method::POST,
        "/acme/payments",
        &rig.senders.topper.sign("{\"name\":\"x\"}"),
        400,
    )
    .await;
    check(Method::POST, "/acme/payments", &good, 200).await;
    assert_eq!(
        rig.host.events().await?.len(),
        1,
        "nothing that was refused is stored"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn trailing_slash_and_similar_routes() -> Result<()> {
    const SECRET: &str = "a-secret-of-this-path";
    let topic = hookyard_testkit::sns::TOPIC;
    let raw = format!(
        "topics = [\"{topic}\"]\ndelivery = \"raw\"\nsecrets = [{{ file = \"path.secret\" }}]"
    );
    let config = quick().source("acme/hidden", &format!("provider = \"tipser\"\n{raw}"));
    let rig = Rig::prepared(config, &[], |site| {
        site.write("path.secret", SECRET).map(drop)
    })
    .await?;
    let payment = rig.senders.sign("topper", &fresh_payment().1)?;
    let product = rig
        .senders
        .tipser
        .raw(&samples::one("tipser", "product-changed")?.body);
    let hidden = format!("/acme/hidden/{SECRET}");
    let status = async |path: &str, webhook: &Webhook| -> Result<u16> {
        Ok(rig
            .client
            .post(rig.host.address(), path, webhook)
            .await?
            .status)
    };

    assert_eq!(
        status("/acme/payments/", &payment).await?,
        200,
        "a trailing slash changes nothing"
    );
    assert_eq!(status(&hidden, &product).await?, 200);
    rig.host
        .wait_for_events("both events", |events| events.len() == 2)
        .await?;

    let near_misses = [
        ("/acme/payments//", "/acme/payments", "empty segments"),
        ("//acme/payments", "/acme/payments", "empty segments"),
        ("/Acme/Payments", "/acme/payments", "letter case"),
        (
            "/webhooks/acme/payments",
            "/acme/payments",
            "further segments",
        ),
        ("/acme/payments/tail", "/acme/payments", "further segments"),
        ("/acme/p%61yments", "/acme/payments", "percent encoding"),
        ("/acme/paymnets", "/acme/payments", "spelling"),
        ("/acme/hidden/", "/acme/hidden", "empty segments"),
        (&format!("{hidden}/"), "/acme/hidden", "further segments"),
    ];
    for (path, meant, differs) in near_misses {
        let mark = rig.host.log().mark();
        assert_eq!(status(path, &payment).await?, 404, "{path}");
        let line = rig
            .host
            .wait_for_log_since(mark, path, |line| line.text_of("reason") == "unknown-route")
            .await?;
        assert_eq!(
            (line.level().as_str(), line.text_of("meant").as_str()),
            ("WARN", meant),
            "{path}: {}",
            line.text
        );
        assert_eq!(line.text_of("differs"), differs, "{path}");
    }

    let answer = async |path: &str| rig.client.post(rig.host.address(), path, &payment).await;
    let (near, far) = (
        answer("/acme/hidden//").await?,
        answer("/nobody/nothing").await?,
    );
    assert_eq!(
        (near.status, near.text()),
        (far.status, far.text()),
        "all answers to wrong paths are equal"
    );
    for _ in 0..50 {
        status("/ACME/PAYMENTS", &payment).await?;
    }
    let text = rig
        .host
        .lines()
        .await?
        .iter()
        .map(|line| line.text.as_str())
        .collect::<Vec<_>>()
        .join("\n");
    let lines = text.matches("unknown-route").count();
    assert!(
        (near_misses.len()..near_misses.len() + 30).contains(&lines),
        "{lines} lines of 60 near misses"
    );
    assert!(!text.contains(SECRET), "the secret of a path is in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_signature_is_401_with_logged_reason() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let topi = samples::one("topi", "order-created")?.body;
    let topper = samples::one("topper", "crypto-onramp-completed")?.body;
    let svix = || rig.senders.topi.sign("msg_1", topi.clone());
    let jws = || rig.senders.topper.sign(topper.clone());
    let other = StandardWebhooks::new(Family::Svix);
    let cases: Vec<(&str, &str, &str, Webhook)> = vec![
        (
            "tampered body",
            "topi",
            "bad-signature",
            svix().with_body(topi.replace("created", "canceled")),
        ),
        (
            "another secret",
            "topi",
            "bad-signature",
            other.sign("msg_1", topi.clone()),
        ),
        (
            "another id",
            "topi",
            "bad-signature",
            svix().with("svix-id", "msg_2"),
        ),
        (
            "no signature",
            "topi",
            "missing-header",
            svix().without("svix-signature"),
        ),
        (
            "no timestamp",
            "topi",
            "missing-header",
            svix().without("svix-timestamp"),
        ),
        ("no id", "topi", "missing-header", svix().without("svix-id")),
        (
            "twice signed",
            "topi",
            "repeated-header",
            svix().and("svix-signature", svix().header("svix-signature")),
        ),
        (
            "two ids",
            "topi",
            "repeated-header",
            svix().and("svix-id", "msg_2"),
        ),
        (
            "stale",
            "topi",
            "stale-timestamp",
            rig.senders.topi.sign_at("msg_1", now() - 301, topi.clone()),
        ),
        (
            "early",
            "topi",
            "future-timestamp",
            rig.senders.topi.sign_at("msg_1", now() + 400, topi.clone()),
        ),
        (
            "tampered body",
            "topper",
            "bad-signature",
            jws().with_body(topper.replace("completed", "failed")),
        ),
        (
            "another key",
            "topper",
            "unknown-key",
            Topper::new().sign(topper.clone()),
        ),
        (
            "no signature",
            "topper",
            "missing-header",
            jws().without(Topper::HEADER),
        ),
        (
            "twice signed",
            "topper",
            "repeated-header",
            jws().and(Topper::HEADER, jws().header(Topper::HEADER)),
        ),
        (
            "attached",
            "topper",
            "malformed-header",
            jws().with(
                Topper::HEADER,
                &jws().header(Topper::HEADER).replace("..", ".e30."),
            ),
        ),
        (
            "alg none",
            "topper",
            "wrong-algorithm",
            jws().with(Topper::HEADER, "eyJhbGciOiJub25lIn0.."),
        ),
        ("another scheme", "topi-saas", "missing-header", jws()),
    ];
    for (name, provider, reason, webhook) in cases {
        let mark = rig.host.log().mark();
        let answer = rig.post(provider, &webhook).await?;
        assert_eq!(answer.status, 401, "{provider}, {name}: {}", answer.text());
        let what = format!("why {provider} was refused: {name}");
        let line = rig
            .host
            .wait_for_log_since(mark, &what, |line| line.message() == "refused")
            .await?;
        assert_eq!(
            line.text_of("reason"),
            reason,
            "{provider}, {name}: {}",
            line.text
        );
        assert_eq!(
            format!("/{}/{}", line.text_of("tenant"), line.text_of("source")),
            path_of(provider)
        );
    }
    assert!(rig.host.events().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_body_is_413_before_its_end() -> Result<()> {
    let rig = Rig::start(quick().ingress("body_max = \"4KiB\""), &[]).await?;
    let head =
        |length: &str| format!("POST /acme/payments HTTP/1.1\r\nhost: h\r\n{length}\r\n\r\n");
    let announced = exchange(rig.host.address(), &head("content-length: 1000000000"), &[]).await?;
    assert!(announced.starts_with("HTTP/1.1 413"), "{announced}");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    let streamed = exchange(
        rig.host.address(),
        &head("transfer-encoding: chunked"),
        &[&chunk, &chunk],
    )
    .await?;
    assert!(streamed.starts_with("HTTP/1.1 413"), "{streamed}");
    let over = rig.senders.topper.sign("x".repeat(4097));
    assert_eq!(rig.post("topper", &over).await?.status, 413);
    let (_, body) = fresh_payment();
    rig.deliver("topper", &body).await?;
    Ok(())
}

/// Sends a request without an end and reads the answer up to the end of its headers.
async fn exchange(to: SocketAddr, head: &str, parts: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(head.as_bytes()).await?;
    for part in parts {
        stream.write_all(part.as_bytes()).await?;
    }
    let mut answer = Vec::new();
    let read = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await?);
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .context("no answer before the body's end")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_do_not_block_senders() -> Result<()> {
    raise_open_files(8_192)?;
    let config = quick().ingress("header_timeout = \"3s\"\nbody_timeout = \"3s\"");
    let rig = Rig::start(config, &[]).await?;
    let load = rig.load(2, Duration::from_millis(25));
    let lame = open_lame(rig.host.address(), 2_000).await?;
    // The host ends each connection: by the timeout for headers or bodies, or by the limit of
    // connections.
    for (number, task) in lame.into_iter().enumerate() {
        let ended = tokio::time::timeout(Duration::from_secs(60), task).await;
        ended.with_context(|| format!("connection {number} was never ended"))??;
    }
    let sent = load.stop().await?;
    assert!(sent.refused.is_empty(), "{:?}", sent.refused);
    assert!(
        sent.accepted.len() > 50,
        "only {} got through",
        sent.accepted.len()
    );
    let answer = rig
        .post("topper", &rig.senders.topper.sign(fresh_payment().1))
        .await?;
    assert!(answer.is_accepted());
    Ok(())
}

/// A third of the clients sends nothing, a third sends headers slowly, and a third sends a body
/// slowly. Each task ends when the host closes the connection.
async fn open_lame(to: SocketAddr, count: usize) -> Result<Vec<tokio::task::JoinHandle<()>>> {
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(to).await?;
        tasks.push(tokio::spawn(async move {
            let opening = match number % 3 {
                0 => "",
                1 => "POST /acme/payments HTTP/1.1\r\nhost: h\r\nx-slow: ",
                _ => "POST /acme/payments HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n",
            };
            let (mut read, mut write) = stream.split();
            let mut rest = Vec::new();
            // The first of two: the host closes or resets the connection, or a write fails.
            tokio::select! {
                _ = read.read_to_end(&mut rest) => {}
                _ = dribble(&mut write, opening) => {}
            }
        }));
    }
    Ok(tasks)
}

/// Sends the beginning, and then repeats the rest forever, if there is any.
async fn dribble(to: &mut WriteHalf<'_>, opening: &str) -> std::io::Result<Infallible> {
    to.write_all(opening.as_bytes()).await?;
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    loop {
        beat.tick().await;
        if !opening.is_empty() {
            to.write_all(b"x").await?;
        }
    }
}

fn raise_open_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |most| most.min(wanted));
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                maximum: limit.maximum,
            },
        )
        .context("this test needs more open files than the system grants")?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cleartext_http2_equals_http1() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let client = Client::http2();
    let webhook = rig.senders.topper.sign(fresh_payment().1);
    let post = async |webhook| {
        client
            .post(rig.host.address(), "/acme/payments", webhook)
            .await
    };
    assert_eq!(post(&webhook).await?.status, 200);
    assert_eq!(
        post(&webhook.clone().without(Topper::HEADER)).await?.status,
        401
    );
    assert_eq!(rig.host.events().await?.len(), 1);
    Ok(())
}
