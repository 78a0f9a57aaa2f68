//! Verifiers: components that operators put into the folder of a provider.

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::sign;
use hookyard_testkit::site::Config;

use crate::rig::{Rig, hookyard, quick};

const PROVIDER: &str = r#"
name = "odd"
package = "odd:webhooks"
key = "{scheme-id}"
type = "{json:/type}"
[scheme]
default = "verifier"
[scheme.verifier]
component = "verifier.wasm"
"#;
const SECRET: &str = "a secret of the odd sender";
const BODY: &str = r#"{"type":"odd.one"}"#;

fn config() -> Config {
    quick()
        .section("providers", "folder = \"providers\"")
        .source(
            "acme/odd",
            "provider = \"odd\"\nsecrets = [{ file = \"odd.secret\" }]\n\
             public_url = \"https://hooks.example.com/acme/odd\"\nsettings = { region = \"eu-1\" }",
        )
}

async fn rig() -> Result<Rig> {
    let echo = guests::test("untyped-echo")?;
    let verifier = guests::test("verifier")?;
    Rig::prepared(config(), &[("acme/it", &echo)], |site| {
        site.write("odd.secret", SECRET)?;
        site.write("providers/odd/provider.toml", PROVIDER)?;
        site.write("providers/odd/verifier.wasm", verifier.bytes())?;
        Ok(())
    })
    .await
}

/// Signs a body at a time, as the verifier of `tests/guests` expects.
fn webhook(body: &str, seconds: i64) -> Webhook {
    let date = (seconds * 1000).to_string();
    let key = [b"ODD", SECRET.as_bytes()].concat();
    let key = sign::hmac_sha256(&key, date.as_bytes());
    let key = sign::hmac_sha256(&key, b"eu-1");
    let url = b"https://hooks.example.com/acme/odd";
    let signed = [&b"POST"[..], url, &sign::sha256(body.as_bytes())].join(&b'\n');

    Webhook::json(body.to_owned())
        .and("X-Date", &date)
        .and("X-Id", "message-7")
        .and("X-Signature", &sign::hmac_sha256_hex(&key, &signed))
}

#[tokio::test(flavor = "multi_thread")]
async fn verifier_is_a_file_in_the_providers_folder() -> Result<()> {
    let rig = rig().await?;
    let post = async |webhook: &Webhook| -> Result<u16> {
        let answer = rig
            .client
            .post(rig.host.address(), "/acme/odd", webhook)
            .await?;
        Ok(answer.status)
    };
    let good = webhook(BODY, sign::now());

    assert_eq!(post(&good).await?, 200);
    assert_eq!(post(&good.clone().with_body("{}")).await?, 401);
    assert_eq!(post(&webhook(BODY, sign::now() - 301)).await?, 401);
    assert_eq!(post(&Webhook::json(BODY)).await?, 401);
    for behaviour in ["panic", "loop"] {
        let bad = good.clone().and("X-Behaviour", behaviour);
        assert_eq!(post(&bad).await?, 503, "{behaviour}");
    }

    let events = rig.all_done(1).await?;
    let event = events.first().context("one event")?;
    assert_eq!(
        (&*event.key, event.kind.as_deref()),
        ("message-7", Some("odd.one"))
    );
    for (reason, detail) in [
        ("bad-signature", ""),
        ("stale-timestamp", ""),
        ("by-verifier", "the header `x-date` is missing"),
        ("verifier-failed", "the sender is never right"),
        ("verifier-failed", "100ms of processor time"),
    ] {
        rig.host
            .wait_for_log("the refusal", |line| {
                line.text_of("reason") == reason && line.text_of("detail").contains(detail)
            })
            .await
            .with_context(|| format!("{reason}: {detail}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_no_verifier_keeps_the_last_configuration() -> Result<()> {
    let rig = rig().await?;
    let plugin = guests::test("untyped-echo")?;

    rig.site
        .write("providers/odd/verifier.wasm", plugin.bytes())?;
    rig.host
        .wait_for_log("the refusal of the configuration", |line| {
            line.message().contains("is not a verifier")
        })
        .await?;
    let answer = rig
        .client
        .post(rig.host.address(), "/acme/odd", &webhook(BODY, sign::now()))
        .await?;
    assert_eq!(answer.status, 200);

    let checked = hookyard(&rig.site, &["check"]).await?;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let said = checked.stdout + &checked.stderr;
    assert!(
        said.contains("verifier.wasm") && said.contains("hookyard:verifier/verification@0.1.0"),
        "{said}"
    );
    Ok(())
}
