//! Refused requests that the host keeps, `hookyard refused`, and `hookyard try --refused`.

use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::http::Webhook;
use hookyard_testkit::sign;
use hookyard_testkit::site::Config;
use serde_json::Value;

use crate::rig::{Rig, hookyard, quick, stdout_of};

const SECRET: &str = "It's a Secret to Everybody";
const TOKEN: &str = "someone-elses-token";
const BODY: &str = r#"{"id":"evt-1","type":"order.paid"}"#;

const PROVIDER: &str = r#"
name = "shop"
package = "shop:webhooks"
key = "{json:/id}"
type = "{json:/type}"
[scheme]
default = "hmac"
allowed = ["hmac", "bearer"]
[scheme.hmac]
hash = "sha256"
encoding = "hex"
signature = { header = "X-Signature", after = "sha256=" }
signed = "{body}"
[events]
"order.paid" = "order-paid"
"#;

fn config(kept: &str) -> Config {
    let provider = "provider = \"shop\"\nsecrets = [{ file = \"shop.secret\" }]\n";
    quick()
        .section("providers", "folder = \"providers\"")
        .section("retention", "every = \"100ms\"")
        .source("acme/shop", &format!("{provider}{kept}"))
        .source("acme/silent", provider)
        .source(
            "acme/bearer",
            &format!("{provider}scheme = \"bearer\"\nrefused_kept = 5"),
        )
}

async fn rig() -> Result<Rig> {
    Rig::prepared(config("refused_kept = 5"), &[], |site| {
        site.write("shop.secret", SECRET)?;
        site.write("providers/shop/provider.toml", PROVIDER)?;
        Ok(())
    })
    .await
}

/// A request that is signed with a line feed after the secret.
fn wrongly_signed() -> Webhook {
    let key = format!("{SECRET}\n");
    let signature = sign::hmac_sha256_hex(key.as_bytes(), BODY.as_bytes());
    Webhook::json(BODY)
        .and("X-Signature", &format!("sha256={signature}"))
        .and("Cookie", TOKEN)
}

/// Posts a request that must be refused.
async fn refuse(rig: &Rig, path: &str, webhook: &Webhook) -> Result<()> {
    let answer = rig.client.post(rig.host.address(), path, webhook).await?;
    anyhow::ensure!(!answer.is_accepted(), "{path}: {}", answer.text());
    Ok(())
}

/// Waits until `count` requests of a source are listed.
async fn listed(rig: &Rig, source: &str, count: usize) -> Result<Vec<Value>> {
    for _ in 0..200 {
        let arguments = ["refused", "list", "--source", source, "--json"];
        let lines = stdout_of(&rig.site, &arguments).await?;
        let lines: Vec<_> = lines.lines().collect();
        if lines.len() == count {
            let json = lines.iter().map(|line| Ok(serde_json::from_str(line)?));
            return json.collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{source} never has {count} refused requests")
}

fn id(request: &Value) -> Result<&str> {
    request["id"].as_str().context("an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_request_is_listed_shown_and_explained() -> Result<()> {
    let rig = rig().await?;
    refuse(&rig, "/acme/silent", &wrongly_signed()).await?;
    refuse(&rig, "/acme/shop", &wrongly_signed()).await?;

    let kept = listed(&rig, "acme/shop", 1).await?;
    assert_eq!(kept[0]["reason"], "bad-signature");
    assert_eq!(kept[0]["status"], 401);
    let shown = stdout_of(&rig.site, &["refused", "show", id(&kept[0])?]).await?;
    for part in [
        "reason     401 bad-signature",
        "POST /acme/shop",
        "x-signature: sha256=",
        "cookie: redacted",
        BODY,
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains(TOKEN), "{shown}");

    let tried = hookyard(&rig.site, &["try", "--refused", id(&kept[0])?]).await?;
    assert_eq!(tried.code, Some(1), "{tried:?}");
    let mistake = "with a line feed after the secret";
    assert!(tried.stdout.contains(mistake), "{}", tried.stdout);

    assert!(listed(&rig, "acme/silent", 0).await?.is_empty());
    let silent = ["refused", "list", "--source", "acme/silent"];
    let done = hookyard(&rig.site, &silent).await?;
    assert!(done.stderr.contains("set `refused_kept`"), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_credential_is_not_judged() -> Result<()> {
    let rig = rig().await?;
    let webhook = Webhook::json(BODY).and("Authorization", &format!("Bearer {TOKEN}"));
    refuse(&rig, "/acme/bearer", &webhook).await?;

    let kept = listed(&rig, "acme/bearer", 1).await?;
    let tried = hookyard(&rig.site, &["try", "--refused", id(&kept[0])?]).await?;
    assert_eq!(tried.code, Some(1), "{tried:?}");
    for part in [
        "undecided",
        "was not kept",
        "the header `authorization`",
        "the host refused the request then:",
    ] {
        assert!(tried.stdout.contains(part), "{part}: {}", tried.stdout);
    }
    assert!(!tried.stdout.contains(TOKEN), "{}", tried.stdout);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_removed_when_they_are_no_longer_kept() -> Result<()> {
    let rig = rig().await?;
    refuse(&rig, "/acme/shop", &wrongly_signed()).await?;
    listed(&rig, "acme/shop", 1).await?;

    rig.site.configure(&config(""))?;
    listed(&rig, "acme/shop", 0).await?;
    refuse(&rig, "/acme/shop", &wrongly_signed()).await?;
    assert!(listed(&rig, "acme/shop", 0).await?.is_empty());
    Ok(())
}
