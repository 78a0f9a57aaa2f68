//! The libraries that senders publish or use (`tests/interop`) sign requests for the real binary.
//! The host stores each request as the right event, and refuses the request once a byte is changed.
//! Libraries that only verify judge the same requests, and agree with the host.

mod case;
mod change;
mod table;

use anyhow::{Context, Result, ensure};
use hookyard_testkit::http::Webhook;
use hookyard_testkit::log::Line;
use hookyard_testkit::published::{Judged, Signed};
use hookyard_testkit::senders::path_of;
use hookyard_testkit::sns::SignatureVersion;
use hookyard_testkit::{published, samples};
use serde_json::Value;

use crate::rig::{Rig, quick};
use case::{Case, Request};
use change::changed_at;

/// Providers of requests with HTTP message signatures, and their algorithms: those with public keys,
/// and those with secrets.
const SIGNED_MESSAGES: [(&str, &[&str]); 2] = [
    (
        "signed-messages",
        &[
            "ed25519",
            "ecdsa-p256-sha256",
            "ecdsa-p384-sha384",
            "rsa-pss-sha512",
            "rsa-v1_5-sha256",
        ],
    ),
    ("sealed-messages", &["hmac-sha256"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn libraries_of_senders_are_accepted_and_changed_bytes_refused() -> Result<()> {
    let cases = table::cases()?;
    let rig = start(&cases).await?;
    let orders: Vec<Value> = cases.iter().map(Case::order).collect();
    let signed = published::sign(&orders)?;

    let mut decisions = Decisions::default();
    for case in &cases {
        let signed = signed.get(case.name).context(case.name)?;
        let decided = try_case(&rig, case, signed).await.context(case.name)?;
        for (request, is_accepted) in decided {
            if let Some(request) = case.judged(&request) {
                decisions.add(request, is_accepted);
            }
        }
    }
    decisions.compare()?;

    let events = rig.host.events().await?;
    assert_eq!(events.len(), cases.len());
    for (case, event) in cases.iter().zip(&events) {
        assert_eq!(event.source, case.name);
        assert_eq!(event.provider, case.provider, "{}", case.name);
        assert_eq!(event.kind.as_deref(), Some(case.kind), "{}", case.name);
        let key = case.key();
        assert_eq!(
            key.as_ref().unwrap_or(&event.key),
            &event.key,
            "{}",
            case.name
        );
    }
    Ok(())
}

/// Sends the request and all changed requests, and returns them with the host's decisions.
async fn try_case(rig: &Rig, case: &Case, signed: &Signed) -> Result<Vec<(Request, bool)>> {
    let genuine = case.request(signed);
    let path = case.path() + &genuine.query;
    let answer = rig
        .client
        .post(rig.host.address(), &path, &genuine.webhook)
        .await?;
    ensure!(answer.is_accepted(), "{} {}", answer.status, answer.text());

    let mut decided = vec![(genuine.clone(), true)];
    for (change, reason) in case.changes {
        for changed in change.of(&genuine).with_context(|| format!("{change:?}"))? {
            let path = case.path() + &changed.query;
            refuse(rig, &path, &changed.webhook, reason)
                .await
                .with_context(|| format!("{change:?}"))?;
            decided.push((changed, false));
        }
    }
    Ok(decided)
}

/// The fields of a message of SNS that are signed, and the signature, with the reason for refusing
/// another value.
const SNS_FIELDS: [(&str, &str); 8] = [
    ("Message", "bad-signature"),
    ("MessageId", "bad-signature"),
    ("Subject", "bad-signature"),
    ("SubscribeURL", "bad-signature"),
    ("Timestamp", "bad-signature"),
    ("Token", "bad-signature"),
    ("TopicArn", "topic-not-allowed"),
    ("Signature", "bad-signature"),
];

#[tokio::test(flavor = "multi_thread")]
async fn validator_of_sns_agrees_with_the_host() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let sns = &rig.senders.tipser;
    let sample = samples::one("tipser", "product-changed")?.body;
    let mut with_subject = sns.notification(&sample);
    with_subject.set("Subject", "a product");
    // The validator omits the token of an `UnsubscribeConfirmation`, which Amazon signs.
    let messages = [
        sns.sign(sns.notification(&sample), SignatureVersion::V1),
        sns.sign(with_subject, SignatureVersion::V2),
        sns.sign(sns.subscription_confirmation().0, SignatureVersion::V1),
        sns.sign(sns.subscription_confirmation().0, SignatureVersion::V2),
    ];

    let mut decisions = Decisions::default();
    let judged = |webhook: &Webhook| Judged::new("sns", webhook, sns.certificate_pem());
    for message in messages {
        let answer = rig.post("tipser", &message).await?;
        ensure!(answer.is_accepted(), "{}", answer.text());
        decisions.add(judged(&message), true);

        let fields: Value = serde_json::from_slice(&message.body)?;
        for (field, reason) in SNS_FIELDS {
            let Some(text) = fields[field].as_str() else {
                continue;
            };
            // The first byte, or a millisecond.
            let at = if field == "Timestamp" {
                text.len() - 2
            } else {
                0
            };
            let mut forged = fields.clone();
            forged[field] = changed_at(text, at).into();
            let forged = message.clone().with_body(forged.to_string());
            let path = path_of("tipser");
            refuse(&rig, &path, &forged, reason)
                .await
                .with_context(|| field)?;
            decisions.add(judged(&forged), false);
        }
    }
    decisions.compare()
}

/// Starts a host with a source for each case.
async fn start(cases: &[Case]) -> Result<Rig> {
    let config = quick().section("providers", "folder = \"providers\"");
    let config = cases.iter().fold(config, |config, case| {
        config.source(&format!("acme/{}", case.name), &case.source())
    });
    Rig::prepared(config, &[], |site| {
        for (provider, algorithms) in SIGNED_MESSAGES {
            let definition = format!(
                "name = \"{provider}\"\npackage = \"{provider}:webhooks\"\n\
                 key = \"{{json:/id}}\"\ntype = \"{{json:/type}}\"\n\
                 [scheme]\ndefault = \"http-signatures\"\n\
                 [scheme.http-signatures]\nalgorithms = {algorithms:?}\n"
            );
            site.write(&format!("providers/{provider}/provider.toml"), definition)?;
        }
        for case in cases {
            let (name, content) = case.file();
            site.write(&name, content)?;
        }
        Ok(())
    })
    .await
}

/// Sends a request that must be refused with 401, and compares the reason in the log.
async fn refuse(rig: &Rig, path: &str, webhook: &Webhook, reason: &str) -> Result<()> {
    let mark = rig.host.log().mark();
    let answer = rig.client.post(rig.host.address(), path, webhook).await?;
    ensure!(answer.status == 401, "{} {}", answer.status, answer.text());
    let has_reason = |line: &Line| !line.text_of("reason").is_empty();
    let line = rig
        .host
        .wait_for_log_since(mark, "the refusal", has_reason)
        .await?;
    ensure!(line.text_of("reason") == reason, "{}", line.text);
    Ok(())
}

/// Requests that the host has decided about, for the libraries that only verify.
#[derive(Default)]
struct Decisions {
    requests: Vec<Judged>,
    /// Whether the host accepted each of them.
    verdicts: Vec<bool>,
}

impl Decisions {
    fn add(&mut self, request: Judged, is_accepted: bool) {
        self.requests.push(request);
        self.verdicts.push(is_accepted);
    }

    /// Compares the decisions of the host with those of the libraries.
    fn compare(&self) -> Result<()> {
        let verdicts = published::judge(&self.requests)?;
        assert_eq!(verdicts, self.verdicts, "{:#?}", self.requests);
        Ok(())
    }
}
