//! `hookyard try` explains requests step by step, without a running host.

use anyhow::{Context, Result};
use hookyard_testkit::host::Finished;
use hookyard_testkit::sign;
use hookyard_testkit::site::{Config, Site};
use serde_json::Value;

use crate::rig::{Rig, hookyard, quick};

const SECRET: &str = "It's a Secret to Everybody";
const OTHER_SECRET: &str = "The secret of the other source";
const BODY: &str = r#"{"id":"evt-1","type":"order.paid","name":"Z"}"#;

const PROVIDER: &str = r#"
name = "shop"
package = "shop:webhooks"
key = "{json:/id}"
type = "{json:/type}"
[scheme]
default = "hmac"
[scheme.hmac]
hash = "sha256"
encoding = "hex"
signature = { header = "X-Signature", after = "sha256=" }
signed = "{body}"
[events]
"order.paid" = "order-paid"
"#;

fn config() -> Config {
    let source =
        |secret: &str| format!("provider = \"shop\"\nsecrets = [{{ file = \"{secret}\" }}]");
    quick()
        .section("providers", "folder = \"providers\"")
        .source("acme/shop", &source("shop.secret"))
        .source("umbrella/shop", &source("other.secret"))
}

fn prepare(site: &Site) -> Result<()> {
    site.write("shop.secret", SECRET)?;
    site.write("other.secret", OTHER_SECRET)?;
    site.write("providers/shop/provider.toml", PROVIDER)?;
    Ok(())
}

fn site() -> Result<Site> {
    let site = Site::temporary()?;
    prepare(&site)?;
    site.configure(&config())?;
    Ok(site)
}

/// Returns a request whose signature covers `signed` and whose body is `body`.
fn request(key: &str, signed: &str, body: &str) -> String {
    let signature = sign::hmac_sha256_hex(key.as_bytes(), signed.as_bytes());
    format!(
        "POST /acme/shop HTTP/1.1\r\nHost: hooks\r\nContent-Length: {}\r\n\
         X-Signature: sha256={signature}\r\n\r\n{body}",
        body.len()
    )
}

/// Tries a request, and checks that the output contains no secret.
async fn try_request(site: &Site, request: &str, options: &[&str]) -> Result<Finished> {
    let file = site.write("request.http", request)?;
    let file = file.to_string_lossy();
    let arguments = [&["try", "acme/shop", "--file", &file], options].concat();
    let done = hookyard(site, &arguments).await?;
    let printed = format!("{}{}", done.stdout, done.stderr);
    for secret in [SECRET, OTHER_SECRET] {
        assert!(!printed.contains(secret), "{printed}");
    }
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn good_request_is_explained() -> Result<()> {
    let site = site()?;
    let good = request(SECRET, BODY, BODY);
    let done = try_request(&site, &good, &[]).await?;
    assert_eq!(done.code, Some(0), "{done:?}");
    for line in [
        "request    POST /acme/shop, 3 headers, 45 bytes, at ",
        "source     /acme/shop: shop, hmac",
        "signed     45 bytes, SHA-256 ",
        "accepted   the request is verified and would be stored",
        "key        evt-1",
        "type       order.paid",
        "case       order-paid",
    ] {
        assert!(done.stdout.contains(line), "{line}: {}", done.stdout);
    }
    assert!(!site.path("data/hookyard.db").exists(), "nothing is stored");

    let done = try_request(&site, &good, &["--json"]).await?;
    let json: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!(json["result"], "accepted");
    assert_eq!(json["signed"][0]["computed"], json["signed"][0]["came"]);
    assert_eq!(json["event"]["case"], "order-paid");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named() -> Result<()> {
    let site = site()?;
    let pretty = "{\n  \"id\": \"evt-1\",\n  \"type\": \"order.paid\",\n  \"name\": \"Z\"\n}";
    let newline = format!("{SECRET}\n");
    for (request, mistake) in [
        (
            request(&newline, BODY, BODY),
            "with a line feed after the secret",
        ),
        (
            request(SECRET, pretty, BODY),
            "as JSON with an indent of two blanks",
        ),
        (
            request(SECRET, BODY, &format!("{BODY}\n")),
            "without the line end at its end",
        ),
        (
            request(OTHER_SECRET, BODY, BODY),
            "the key of the source /umbrella/shop",
        ),
    ] {
        let done = try_request(&site, &request, &[]).await?;
        assert_eq!(done.code, Some(1), "{done:?}");
        assert!(done.stdout.contains("bad signature"), "{}", done.stdout);
        let line = done.stdout.lines().find(|line| line.starts_with("mistake"));
        let line = line.with_context(|| done.stdout.clone())?;
        assert!(line.contains(mistake), "{mistake}: {line}");
    }

    let unsigned = request(SECRET, BODY, BODY).replace("sha256=", "");
    let done = try_request(&site, &unsigned, &[]).await?;
    assert!(
        done.stdout
            .contains("the header `x-signature` does not begin with `sha256=`"),
        "{}",
        done.stdout
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_arguments_are_explained() -> Result<()> {
    let site = site()?;
    let done = try_request(&site, "{\"id\":1}", &[]).await?;
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(
        done.stderr.contains("begin with a line such as"),
        "{done:?}"
    );

    let file = site.write("good.http", request(SECRET, BODY, BODY))?;
    let file = file.to_string_lossy();
    let unknown = ["try", "acme/nothing", "--file", &file];
    let done = hookyard(&site, &unknown).await?;
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(
        done.stderr.contains("the sources are acme/shop"),
        "{done:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_event_is_tried_again() -> Result<()> {
    let rig = Rig::prepared(config(), &[], |site| prepare(site)).await?;
    let signature = sign::hmac_sha256_hex(SECRET.as_bytes(), BODY.as_bytes());
    let webhook = hookyard_testkit::http::Webhook::json(BODY)
        .and("X-Signature", &format!("sha256={signature}"));
    let address = rig.host.address();
    let answer = rig.client.post(address, "/acme/shop", &webhook).await?;
    assert!(answer.is_accepted(), "{}", answer.text());

    let event = rig.host.events().await?.remove(0).id;
    let done = hookyard(&rig.site, &["try", "--event", &event]).await?;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("key        evt-1"), "{}", done.stdout);
    let done = hookyard(&rig.site, &["try", "umbrella/shop", "--event", &event]).await?;
    assert_eq!(done.code, Some(1), "{done:?}");
    assert!(
        done.stdout.contains("the key of the source /acme/shop"),
        "{}",
        done.stdout
    );
    Ok(())
}

/// The time of a signature is shown with its distance from the arrival of the request.
#[tokio::test(flavor = "multi_thread")]
async fn age_of_a_signature_is_shown() -> Result<()> {
    let site = site()?;
    let timed = PROVIDER.replace(
        "signed = \"{body}\"",
        "timestamp = { header = \"X-Time\", tolerance = \"5m\" }\nsigned = \"{timestamp}.{body}\"",
    );
    site.write("providers/shop/provider.toml", timed)?;
    let signed = format!("1780400200.{BODY}");
    let request = request(SECRET, &signed, BODY).replacen(
        "Host: hooks\r\n",
        "Host: hooks\r\nX-Time: 1780400200\r\n",
        1,
    );

    for (at, code, line) in [
        (
            "2026-06-02T11:36:52Z",
            0,
            "signed at  2026-06-02T11:36:40.000Z, 12 s before the request arrived",
        ),
        (
            "2026-06-02T11:36:35Z",
            0,
            "signed at  2026-06-02T11:36:40.000Z, 5 s after the request arrived",
        ),
        (
            "2026-06-02T11:46:40Z",
            1,
            "600 s before the request arrived",
        ),
    ] {
        let done = try_request(&site, &request, &["--at", at]).await?;
        assert_eq!(done.code, Some(code), "{done:?}");
        assert!(done.stdout.contains(line), "{line}: {}", done.stdout);
    }
    Ok(())
}
