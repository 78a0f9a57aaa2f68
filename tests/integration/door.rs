//! Outgoing connections of the real host go only to allowed addresses.

use anyhow::Result;
use hookyard_testkit::eventually;
use hookyard_testkit::guests;
use hookyard_testkit::receiver::{Receiver, Reply};
use hookyard_testkit::samples;
use hookyard_testkit::sns::SignatureVersion;
use http::StatusCode;
use serde_json::Value;

use crate::rig::{Rig, fresh_payment, quick, stdout_of};

const PLUGIN: &str = "acme/ledger";

/// Returns the results of the message's deliveries from `outbox list`, after the message is
/// finished.
async fn sent_to(url: &str, lines: &str) -> Result<(Value, String)> {
    let audit = format!(
        "url = \"{url}\"\nallow_http = true\nsecrets = [{{ file = \"audit.secret\" }}]\n{lines}"
    );
    let config = quick().section("tenants.acme.destinations.audit", &audit);
    let rig = Rig::prepared(config, &[(PLUGIN, &guests::test("ledger")?)], |site| {
        site.write("audit.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
        site.write(
            &format!("plugins/{PLUGIN}.toml"),
            "[grants]\ndestinations = [\"audit\"]",
        )
        .map(drop)
    })
    .await?;
    rig.deliver("topper", &fresh_payment().1).await?;
    let message = eventually("the message to be given up", || async {
        let lines = stdout_of(&rig.site, &["outbox", "list", "--state", "dead", "--json"]).await?;
        Ok(lines
            .lines()
            .next()
            .map(serde_json::from_str::<Value>)
            .transpose()?)
    });
    let message = message.await?;
    let shown = stdout_of(
        &rig.site,
        &["outbox", "show", message["id"].as_str().unwrap_or_default()],
    )
    .await?;
    Ok((message, shown))
}

#[tokio::test(flavor = "multi_thread")]
async fn destination_resolving_to_private_address_gets_nothing() -> Result<()> {
    let receiver = Receiver::start().await?;
    let url = receiver.url().replace("127.0.0.1", "localhost");
    let (message, shown) = sent_to(&format!("{url}/hidden"), "").await?;
    assert_eq!(
        message["deliveries"], 1,
        "the message is not retried before the configuration changes: {message}"
    );
    let line = "localhost is at 127.0.0.1, which is this machine; allow it with `addresses = [\"127.0.0.1\"]`";
    let by_ipv6 = line.replace("127.0.0.1", "::1");
    assert!(shown.contains(line) || shown.contains(&by_ipv6), "{shown}");
    assert!(receiver.received().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_not_followed() -> Result<()> {
    let receiver = Receiver::start_with(|| Reply::Status(StatusCode::TEMPORARY_REDIRECT)).await?;
    let (message, shown) = sent_to(&receiver.url(), "addresses = [\"127.0.0.1\"]").await?;
    assert_eq!(
        (&message["deliveries"], receiver.received().len()),
        (&Value::from(1), 1),
        "{message}"
    );
    assert!(shown.contains("307"), "{shown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_fetch_obeys_address_rules() -> Result<()> {
    let rig = Rig::start(
        quick().section("egress", "addresses = [\"10.0.0.0/8\"]"),
        &[],
    )
    .await?;
    let sns = &rig.senders.tipser;
    let webhook = sns.sign(
        sns.notification(&samples::one("tipser", "product-changed")?.body),
        SignatureVersion::V2,
    );
    assert_eq!(
        rig.post("tipser", &webhook).await?.status,
        503,
        "the configuration can allow the address, so the message is sent again"
    );
    let said = "127.0.0.1 is at 127.0.0.1, which is this machine; allow it with";
    rig.host
        .wait_for_log("why there's no certificate", |line| {
            line.text.contains(said)
        })
        .await?;
    assert_eq!(sns.certificate_fetches(), 0);
    Ok(())
}
