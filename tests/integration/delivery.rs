//! Messages of the real host when their destination changes, and when the host shuts down.

use std::time::Duration;

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::log::Line;
use hookyard_testkit::receiver::{Receiver, Reply};
use hookyard_testkit::site::{Config, Site};
use http::{Method, StatusCode, Version};

use crate::admin;
use crate::rig::{Rig, fresh_payment, quick, stdout_of};

const PLUGIN: &str = "acme/ledger";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DESTINATION: &str = "tenants.acme.destinations.audit";

/// The configuration of the destination, whose URL contains a secret.
fn destination(receiver: &Receiver, lines: &str) -> String {
    let url = format!("url = \"{}/hidden-path?token=hidden\"", receiver.url());
    format!(
        "{url}\nallow_http = true\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"audit.secret\" }}]\n{lines}"
    )
}

async fn start(config: Config) -> Result<Rig> {
    Rig::prepared(
        config,
        &[(PLUGIN, &guests::test("ledger")?)],
        |site: &mut Site| {
            site.write("audit.secret", SECRET)?;
            site.write(
                &format!("plugins/{PLUGIN}.toml"),
                "[grants]\ndestinations = [\"audit\"]",
            )
            .map(drop)
        },
    )
    .await
}

/// Sends an event that causes one message, and returns the event.
async fn send(rig: &Rig) -> Result<String> {
    let (key, body) = fresh_payment();
    rig.deliver("topper", &body).await?;
    Ok(key)
}

fn is_delivery(line: &Line, result: &str) -> bool {
    line.target() == "hookyard::delivery" && line.text_of("result") == result
}

/// A message that was committed before its destination was removed is sent when the destination is
/// back.
#[tokio::test(flavor = "multi_thread")]
async fn reload_adds_destination_and_sends_waiting_messages() -> Result<()> {
    let (old, new) = (
        Receiver::start_with(|| Reply::Status(StatusCode::BAD_GATEWAY)).await?,
        Receiver::start().await?,
    );
    let retry = "retry = { attempts_max = 100, delay_first = \"1s\", delay_max = \"1s\" }";
    let mut rig = start(quick().section(DESTINATION, &destination(&old, retry))).await?;
    let key = send(&rig).await?;
    old.wait_for("a delivery to the old receiver", |received| {
        !received.is_empty()
    })
    .await?;
    let config = rig.senders.introduce(&mut rig.site, quick())?;
    rig.site
        .configure(&config.section(DESTINATION, &destination(&new, "")))?;
    let received = new
        .wait_for("the message at the new place", |received| {
            received.len() == 1
        })
        .await?;
    assert_eq!(received[0].json()?["key"], *key);
    assert_eq!(
        received[0].header("webhook-id"),
        old.received()[0].header("webhook-id"),
        "the message is the same"
    );
    received[0].verify(SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_finishes_deliveries() -> Result<()> {
    let receiver =
        Receiver::start_with(|| Reply::Late(Duration::from_millis(700), StatusCode::OK)).await?;
    let rig = start(quick().section(DESTINATION, &destination(&receiver, ""))).await?;
    send(&rig).await?;
    receiver
        .wait_for("the message", |received| received.len() == 1)
        .await?;
    let Rig {
        host,
        site,
        senders,
        ..
    } = rig;
    let (status, log) = host.terminate().await?;
    assert!(status.success(), "{status}");
    let lines = log.lines();
    assert!(
        lines.iter().any(|line| is_delivery(line, "sent")),
        "the answer was waited for"
    );
    for hidden in ["hidden", "MfKQ9r8"] {
        assert!(
            !lines.iter().any(|line| line.text.contains(hidden)),
            "the log contains the path, the query or the secret"
        );
    }
    let messages = stdout_of(&site, &["outbox", "list", "--json", "--state", "done"]).await?;
    assert_eq!(
        messages.lines().count(),
        1,
        "and nothing is left to be sent: {messages}"
    );

    let rig = Rig::restarted(site, senders).await?;
    let admin = admin::address(&rig).await?;
    let request = Webhook::default();
    let figures = rig
        .client
        .send(Method::GET, admin, "/api/v1/stats?kind=delivery", &request)
        .await?
        .text();
    assert!(
        figures.contains("\"sent\""),
        "the figures contain the last delivery: {figures}"
    );
    Ok(())
}

/// A receiver with its own certificate authority that refuses clients without a certificate.
#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_with_receiver() -> Result<()> {
    let (receiver, papers) = Receiver::start_secure().await?;
    let url = receiver.url();
    let common = format!(
        "url = \"{url}/hooks\"\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"audit.secret\" }}]"
    );
    let retry = "retry = { attempts_max = 100, delay_first = \"100ms\", delay_max = \"100ms\" }";
    let trusting = format!("{common}\n{retry}\nroots = [\"root.pem\"]");
    let identity = "identity = { certificate = \"host.pem\", key = \"host.key\" }";
    let mut rig = start(quick().section(DESTINATION, &format!("{common}\n{retry}"))).await?;
    for (name, pem) in [
        ("root.pem", &papers.root),
        ("host.pem", &papers.certificate),
        ("host.key", &papers.key),
    ] {
        rig.site.write(name, pem)?;
    }
    send(&rig).await?;
    rig.host
        .wait_for_log("a delivery without trust", |line| {
            is_delivery(line, "failed") && line.text.contains("UnknownIssuer")
        })
        .await?;
    let config = rig.senders.introduce(&mut rig.site, quick())?;
    rig.site
        .configure(&config.section(DESTINATION, &trusting))?;
    rig.host
        .wait_for_log("a delivery without a certificate", |line| {
            line.text.contains("CertificateRequired")
        })
        .await?;
    assert!(receiver.received().is_empty(), "{:?}", receiver.received());
    let config = rig.senders.introduce(&mut rig.site, quick())?;
    rig.site
        .configure(&config.section(DESTINATION, &format!("{trusting}\n{identity}")))?;
    let received = receiver
        .wait_for("the message", |received| received.len() == 1)
        .await?;
    assert_eq!(
        received[0].version,
        Version::HTTP_2,
        "which the receiver speaks"
    );
    received[0].verify(SECRET)
}
