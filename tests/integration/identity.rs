//! Which event a verified request is: keys of senders that have no id for each event, repeats whose
//! bodies differ, and bodies that are not what the provider promises.

use anyhow::{Context, Result};
use hookyard_testkit::events::Event;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::sign;
use hookyard_testkit::sns::SignatureVersion;

use crate::rig::{Rig, quick, stdout_of};

const SECRET: &str = "It's a Secret to Everybody";

/// A host with one provider of this key and type, whose source is `acme/it`.
async fn host_with(key: &str, event_type: &str) -> Result<Rig> {
    let provider = format!(
        "name = \"it\"\npackage = \"it:webhooks\"\nkey = {key}\ntype = {event_type}\n\
         [scheme]\ndefault = \"hmac\"\n[scheme.hmac]\nhash = \"sha256\"\nencoding = \"hex\"\n\
         signature = {{ header = \"X-Signature\" }}\nsigned = \"{{body}}\"\n"
    );
    let config = quick()
        .section("providers", "folder = \"providers\"")
        .source(
            "acme/it",
            "provider = \"it\"\nsecrets = [{ file = \"it.secret\" }]",
        );
    Rig::prepared(config, &[], |site| {
        site.write("it.secret", SECRET)?;
        site.write("providers/it/provider.toml", provider).map(drop)
    })
    .await
}

impl Rig {
    /// Sends a signed body, and returns the status in the body of the answer.
    async fn status_of(&self, body: &str) -> Result<String> {
        let signature = sign::hmac_sha256_hex(SECRET.as_bytes(), body.as_bytes());
        let webhook = Webhook::json(body.to_owned()).and("X-Signature", &signature);
        let address = self.host.address();
        let answer = self.client.post(address, "/acme/it", &webhook).await?;
        let answer: serde_json::Value = serde_json::from_str(&answer.text())?;
        Ok(answer["status"].as_str().context("a status")?.to_owned())
    }

    async fn keys_and_types(&self) -> Result<Vec<(String, Option<String>)>> {
        let events = self.host.events().await?.into_iter();
        Ok(events.map(|event: Event| (event.key, event.kind)).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_object_are_told_apart() -> Result<()> {
    // DocuSign and Calendly name the object and what happened to it, and no event.
    let rig = host_with(
        "\"{json:/data/envelopeId}:{json:/event}\"",
        "\"{json:/event}\"",
    )
    .await?;
    let body = |event: &str| format!(r#"{{"event":"{event}","data":{{"envelopeId":"7f3d"}}}}"#);

    for (event, status) in [
        ("envelope-sent", "stored"),
        ("envelope-completed", "stored"),
        ("envelope-sent", "repeat"),
    ] {
        assert_eq!(rig.status_of(&body(event)).await?, status, "{event}");
    }
    let expected = ["envelope-sent", "envelope-completed"]
        .map(|event| (format!("7f3d:{event}"), Some(event.to_owned())));
    assert_eq!(rig.keys_and_types().await?, expected);

    assert_eq!(rig.status_of("{\"event\":\"x\"}").await?, "refused");
    let line = rig
        .host
        .wait_for_log("the refusal", |line| {
            line.text_of("reason") == "missing-key"
        })
        .await?;
    let detail = line.text_of("detail");
    assert!(!detail.contains("not verified"), "{detail}");
    assert!(
        detail.contains("the field `/data/envelopeId` of the body is missing"),
        "{detail}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_in_one_of_two_places() -> Result<()> {
    // WhatsApp has the id in `messages` or in `statuses`; a status repeats the id of its message.
    let places = "/entry/0/changes/0/value";
    let key = format!(
        "[\"{{json:{places}/messages/0/id}}\", \"{{json:{places}/statuses/0/id}}:{{json:{places}/statuses/0/status}}\"]"
    );
    let rig = host_with(&key, "\"{json:/entry/0/changes/0/field}\"").await?;
    let body = |value: &str| {
        format!(r#"{{"entry":[{{"changes":[{{"field":"messages","value":{value}}}]}}]}}"#)
    };

    let message = body(r#"{"messages":[{"id":"wamid.1"}]}"#);
    let status = |status: &str| {
        body(&format!(
            r#"{{"statuses":[{{"id":"wamid.1","status":"{status}"}}]}}"#
        ))
    };
    for (body, expected) in [
        (&message, "stored"),
        (&status("sent"), "stored"),
        (&status("read"), "stored"),
        (&message, "repeat"),
        (&status("read"), "repeat"),
    ] {
        assert_eq!(rig.status_of(body).await?, expected, "{body}");
    }
    let keys = rig.keys_and_types().await?;
    let keys: Vec<_> = keys.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["wamid.1", "wamid.1:sent", "wamid.1:read"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_notifications_without_a_key_are_all_stored() -> Result<()> {
    // Dropbox says that something has changed, in the same bytes each time.
    let rig = host_with("\"none\"", "\"none\"").await?;
    let body = r#"{"list_folder":{"accounts":["dbid:1"]}}"#;
    for _ in 0..3 {
        assert_eq!(rig.status_of(body).await?, "stored");
    }
    let events = rig.host.events().await?;
    assert_eq!(events.len(), 3);
    for event in events {
        assert_eq!((event.key, event.kind), (event.id, None));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn repeat_with_another_body_is_logged_counted_and_shown() -> Result<()> {
    let rig = host_with("\"{json:/id}\"", "\"{json:/type}\"").await?;
    let sent = r#"{"id":"1","type":"sent"}"#;
    for (body, status) in [
        (sent, "stored"),
        (sent, "repeat"),
        (r#"{"id":"1","type":"completed"}"#, "repeat"),
    ] {
        assert_eq!(rig.status_of(body).await?, status, "{body}");
    }

    let event = rig.host.events().await?.remove(0).id;
    let line = rig
        .host
        .wait_for_log("the warning", |line| {
            line.text_of("reason") == "repeat-differs"
        })
        .await?;
    assert_eq!(line.level(), "WARN");
    assert_eq!(
        (line.text_of("event"), line.text_of("key")),
        (event.clone(), "1".to_owned())
    );
    let metrics = rig.metrics().await?;
    let counter = "hookyard_requests_total{status=\"200\",reason=\"repeat-differs\"} 1";
    assert!(metrics.contains(counter), "{metrics}");

    let shown = stdout_of(&rig.site, &["events", "show", &event]).await?;
    assert!(
        shown.contains("1 later request had this key and another body, and was not stored"),
        "{shown}"
    );
    let json = stdout_of(&rig.site, &["events", "show", &event, "--json"]).await?;
    let json: serde_json::Value = serde_json::from_str(&json)?;
    assert_eq!(json["differing_repeats"]["count"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_body_that_is_not_json_is_stored() -> Result<()> {
    let rig = host_with("\"{json:/id}\"", "\"{json:/type}\"").await?;
    let deep = "[".repeat(100_000);
    for body in [
        "hello",
        "a=1&b=2",
        r#"{"id":"1","id":"2","type":"t"}"#,
        &deep,
    ] {
        let start: String = body.chars().take(20).collect();
        assert_eq!(rig.status_of(body).await?, "stored", "{start}");
        assert_eq!(rig.status_of(body).await?, "repeat", "{start}");
    }
    assert_eq!(
        rig.status_of("\u{feff}{\"id\":\"b\",\"type\":\"t\"}")
            .await?,
        "stored"
    );

    let events = rig.keys_and_types().await?;
    let (with_mark, others) = events.split_last().context("five events")?;
    assert_eq!(*with_mark, ("b".to_owned(), Some("t".to_owned())));
    assert_eq!(others.len(), 4);
    for (key, event_type) in others {
        assert!(key.starts_with("sha256:"), "{key}");
        assert_eq!(*event_type, None);
    }

    // Amazon SNS takes a status of 4xx for final, and would never send the message again.
    let sns = &rig.senders.tipser;
    let webhook = sns.sign(sns.notification("hello"), SignatureVersion::V2);
    let answer = rig.post("tipser", &webhook).await?;
    assert!(answer.is_accepted(), "{}", answer.text());
    Ok(())
}
