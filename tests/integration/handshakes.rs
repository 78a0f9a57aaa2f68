//! The handshakes of senders, as their providers declare them, through the real host.
//!
//! `handshakes/<name>.toml` describes each sender, and the signed cases in `tests/vectors` have
//! requests with the answers that the senders' documents ask for.

mod host;

use anyhow::{Context, Result};
use bytes::Bytes;
use hookyard_testkit::eventually;
use hookyard_testkit::http::{Answer, Webhook};
use hookyard_testkit::sign::hmac_sha256_hex;
use http::Method;
use serde_json::{Value, json};

use self::host::{Senders, sources};
use crate::rig::{quick, stdout_of};

/// The files with vectors. Those of a sender also have cases without an expected answer.
const VECTORS: [&str; 3] = [
    include_str!("../vectors/cases/handshakes.json"),
    include_str!("../vectors/cases/discord.json"),
    include_str!("../vectors/cases/slack.json"),
];

/// Returns the vectors that expect an answer.
fn vectors() -> Result<Vec<Value>> {
    let mut vectors = Vec::new();
    for text in VECTORS {
        let file: Value = serde_json::from_str(text)?;
        let cases = file["cases"].as_array().context("cases")?;
        vectors.extend(
            cases
                .iter()
                .filter(|case| !case["respond"].is_null())
                .cloned(),
        );
    }
    Ok(vectors)
}

/// Returns the path of a vector's source.
fn path_of(case: &Value) -> String {
    let url = case["url"].as_str().expect("a URL");
    let path = url.strip_prefix("https://hooks.example").expect("the path");
    // One source has one first secret, and the unsigned copy of a signed request needs a source that
    // does not ask for the signature.
    match case["name"].as_str() {
        Some("x-crc-x-example-keys") => path.replace("/in/x", "/in/x-keys"),
        Some("slack-url-verification") => path.replace("/in/slack", "/in/slack-open"),
        _ => path.to_owned(),
    }
}

fn webhook_of(case: &Value) -> Webhook {
    let headers = case["headers"].as_array().expect("headers").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    Webhook {
        headers: headers
            .map(|pair| (text(&pair[0]), text(&pair[1])))
            .collect(),
        body: Bytes::from(text(&case["body"])),
    }
}

/// Compares an answer with what a vector expects.
fn compare(name: &str, answer: &Answer, expected: &Value) {
    let status = expected["status"].as_u64().expect("a status");
    assert_eq!(u64::from(answer.status), status, "{name}: {answer:?}");
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };

    if let Some(body) = expected["body"].as_str() {
        assert_eq!(answer.text(), body, "{name}");
    }
    if let Some(wanted) = expected.get("json") {
        let given: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(given, *wanted, "{name}");
        assert_eq!(header("content-type"), Some("application/json"), "{name}");
    }
    if let Some(wanted) = expected["content_type"].as_str() {
        let given = header("content-type").unwrap_or_default();
        assert!(given.starts_with(wanted), "{name}: {given}");
    }
    for (wanted, value) in expected["headers"].as_object().into_iter().flatten() {
        assert_eq!(header(wanted), value.as_str(), "{name}: {wanted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_are_answered() -> Result<()> {
    let senders = Senders::start().await?;
    let cases = vectors()?;
    assert_eq!(cases.len(), 16);
    for case in &cases {
        let name = case["name"].as_str().context("a name")?;
        let method: Method = case["method"].as_str().context("a method")?.parse()?;
        let answer = senders
            .send(method, &path_of(case), &webhook_of(case))
            .await?;
        compare(name, &answer, &case["respond"]);
    }

    let events = senders.host.events().await?;
    let sources: Vec<_> = events.iter().map(|event| event.source.as_str()).collect();
    assert_eq!(sources, ["adyen"], "handshakes are not events");
    let lines = senders.host.lines().await?;
    let answered = lines
        .iter()
        .filter(|line| line.message() == "answered a handshake");
    assert_eq!(answered.count(), 11);
    let token = |line: &&hookyard_testkit::log::Line| line.text.contains("meatyhamhock");
    assert_eq!(lines.iter().filter(token).count(), 0);
    Ok(())
}

/// The requests of the senders without vectors, and the bodies of the answers.
#[tokio::test(flavor = "multi_thread")]
async fn other_senders_are_answered() -> Result<()> {
    let senders = Senders::start().await?;
    let echoed = senders.get("/in/dropbox?challenge=dbx%2Bab").await?;
    assert_eq!((echoed.status, echoed.text().as_str()), (200, "dbx+ab"));
    assert_eq!(echoed.headers["x-content-type-options"], "nosniff");
    let whatsapp = "/in/whatsapp?hub.mode=subscribe&hub.challenge=77&hub.verify_token=";
    assert_eq!(
        senders
            .get(&format!("{whatsapp}meatyhamhock"))
            .await?
            .text(),
        "77"
    );
    assert_eq!(senders.get(&format!("{whatsapp}guess")).await?.status, 403);

    let monday = Webhook::json(r#"{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd"}"#);
    let answer = senders.post("/in/monday/a-shared-secret", &monday).await?;
    assert_eq!(
        (answer.status, answer.text().into_bytes()),
        (200, monday.body.to_vec())
    );
    assert_eq!(senders.post("/in/monday/guess", &monday).await?.status, 401);

    let validation = json!([{
        "id": "2d1781af", "topic": "/subscriptions/x", "subject": "",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": { "validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" },
    }]);
    let grid =
        Webhook::json(validation.to_string()).and("aeg-event-type", "SubscriptionValidation");
    let answer = senders
        .post("/in/event-grid?code=a-shared-secret", &grid)
        .await?;
    assert_eq!(
        answer.says("validationResponse"),
        "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
    );
    assert_eq!(
        senders
            .post("/in/event-grid?code=guess", &grid)
            .await?
            .status,
        401
    );
    let origin = Webhook::default().and("WebHook-Request-Origin", "eventgrid.azure.net");
    let path = "/in/event-grid?code=a-shared-secret";
    let answer = senders.send(Method::OPTIONS, path, &origin).await?;
    assert_eq!(
        answer.headers["webhook-allowed-origin"],
        "eventgrid.azure.net"
    );
    assert_eq!(answer.headers["webhook-allowed-rate"], "*");

    let challenge = r#"{"challenge":"pogchamp-kappa-360noscope-vohiyo"}"#;
    let (id, time) = ("befa7b53", "2026-05-19T10:30:00Z");
    let signed = format!("{id}{time}{challenge}");
    let tag = hmac_sha256_hex(b"a-shared-secret", signed.as_bytes());
    let twitch = Webhook::json(challenge)
        .and("Twitch-Eventsub-Message-Id", id)
        .and("Twitch-Eventsub-Message-Timestamp", time)
        .and(
            "Twitch-Eventsub-Message-Type",
            "webhook_callback_verification",
        )
        .and(
            "Twitch-Eventsub-Message-Signature",
            &format!("sha256={tag}"),
        );
    let answer = senders.post("/in/twitch", &twitch).await?;
    assert_eq!(answer.text(), "pogchamp-kappa-360noscope-vohiyo");
    let forged = twitch.with("Twitch-Eventsub-Message-Id", "another");
    assert_eq!(senders.post("/in/twitch", &forged).await?.status, 401);
    assert!(senders.host.events().await?.is_empty());
    Ok(())
}

/// X signs its messages with the key that signs `crc_token`, which anybody can choose.
#[tokio::test(flavor = "multi_thread")]
async fn signature_of_a_challenge_proves_no_message() -> Result<()> {
    let senders = Senders::start().await?;
    let answer = senders.get("/in/x?crc_token=1234567890").await?;
    let signature = answer.says("response_token");
    assert!(signature.starts_with("sha256="), "{answer:?}");

    let message = Webhook::json("1234567890").and("X-Twitter-Webhooks-Signature", &signature);
    let answer = senders.post("/in/x", &message).await?;
    assert_eq!(answer.status, 401, "{answer:?}");
    let refused = senders.host.wait_for_log("the refusal", |line| {
        line.text_of("reason") == "handshake-text"
    });
    refused.await?;
    assert!(senders.host.events().await?.is_empty());

    // The validation of Zoom answers with the HMAC of a text that can be no message.
    let hostile =
        json!({ "event": "endpoint.url_validation", "payload": { "plainToken": "v0:1:{}" } });
    let answer = senders
        .post("/in/zoom", &Webhook::json(hostile.to_string()))
        .await?;
    assert_eq!(answer.status, 400);
    let good = json!({ "event": "endpoint.url_validation", "payload": { "plainToken": "qgg8vlvZRS6UYooatFL8Aw" } });
    let answer = senders
        .post("/in/zoom", &Webhook::json(good.to_string()))
        .await?;
    let tag = hmac_sha256_hex(b"ztok-ztok-ztok", b"qgg8vlvZRS6UYooatFL8Aw");
    assert_eq!(answer.says("encryptedToken"), tag);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_of_asana_is_learnt_and_shown_once() -> Result<()> {
    let senders = Senders::start().await?;
    let (secret, events) = ("b537207f20cbfa02357cf448134da559", r#"{"events":[]}"#);
    let signed = Webhook::json(events).and(
        "X-Hook-Signature",
        &hmac_sha256_hex(secret.as_bytes(), events.as_bytes()),
    );
    let early = senders.post("/in/asana", &signed).await?;
    assert_eq!(
        early.status, 503,
        "the sender tries again when the secret is known"
    );

    let offer = Webhook::json("{}").and("X-Hook-Secret", secret);
    let answer = senders.post("/in/asana", &offer).await?;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-hook-secret"], secret);
    assert_eq!(
        senders.post("/in/asana", &signed).await?.status,
        503,
        "what a stranger may have sent proves nothing"
    );

    let shown = stdout_of(&senders.site, &["handshakes", "in/asana"]).await?;
    assert!(
        shown.contains(secret) && shown.contains("127.0.0.1"),
        "{shown}"
    );
    assert!(shown.contains("[tenants.in.sources.asana]"), "{shown}");
    let again = stdout_of(&senders.site, &["handshakes", "in/asana"]).await?;
    assert!(
        again.starts_with("no handshake of in/asana brought a secret"),
        "{again}"
    );

    senders.site.write("asana.secret", secret)?;
    let text = sources(quick()).text();
    let text = text.replacen(
        "learning = true",
        "secrets = [{ file = \"asana.secret\" }]",
        1,
    );
    senders.site.write("hookyard.toml", text)?;
    let accepted = || async {
        let answer = senders.post("/in/asana", &signed).await?;
        Ok(answer.is_accepted().then_some(()))
    };
    eventually("the event to be accepted", accepted).await?;
    let late = senders.post("/in/asana", &offer).await?;
    assert_eq!(late.status, 401, "the source has learnt enough");

    let lines = senders.host.lines().await?;
    assert!(
        lines
            .iter()
            .any(|line| line.text_of("show") == "hookyard handshakes in/asana")
    );
    assert!(
        lines.iter().all(|line| !line.text.contains(secret)),
        "no secret is logged"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn token_of_notion_is_kept_across_a_kill() -> Result<()> {
    let senders = Senders::start().await?;
    for token in [
        "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
        "secret_of_a_stranger",
    ] {
        let body = json!({ "verification_token": token }).to_string();
        // The host keeps one secret a second at most.
        eventually("the secret to be kept", || async {
            let webhook = Webhook::json(body.clone());
            let answer = senders.post("/in/notion", &webhook).await?;
            assert_eq!(answer.text().is_empty(), answer.status == 200, "{answer:?}");
            assert!([200, 503].contains(&answer.status), "{answer:?}");
            Ok((answer.status == 200).then_some(()))
        })
        .await?;
    }
    let Senders { host, site, .. } = senders;
    host.kill().await?;

    let shown = stdout_of(&site, &["handshakes", "in/notion", "--json"]).await?;
    let secrets: Vec<Value> = shown
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let tokens: Vec<_> = secrets.iter().map(|it| it["secret"].as_str()).collect();
    assert_eq!(
        tokens,
        [
            Some("secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"),
            Some("secret_of_a_stranger")
        ]
    );
    Ok(())
}
