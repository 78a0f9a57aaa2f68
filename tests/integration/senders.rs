//! Each of the four senders: a signed sample is handled, a forged one is refused, and a repeat is
//! acknowledged once.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::samples::{self, Sample};
use hookyard_testkit::senders::Senders;
use hookyard_testkit::sign::{AsymmetricWebhooks, Family, StandardWebhooks};
use hookyard_testkit::site::Site;

use crate::rig::{Rig, quick};

/// Sends every sample of the provider to its reference plugin.
async fn check(provider: &str, expected: &[(&str, &str)]) -> Result<()> {
    let guest = guests::reference(provider)?;
    let plugin = format!("acme/{provider}");
    let prepare = |site: &mut Site| match provider {
        "topi-saas" => Senders::let_answer(site, &plugin, ""),
        _ => Ok(()),
    };
    let rig = Rig::prepared(quick(), &[(&plugin, &guest)], prepare).await?;
    let samples = samples::of(provider)?;

    let mut sent: Vec<(Sample, Webhook)> = Vec::new();
    for sample in samples {
        let webhook = rig.deliver(provider, &sample.body).await?;
        sent.push((sample, webhook));
    }
    let events = rig
        .host
        .wait_for_events("every sample to be attempted", |events| {
            events.len() == sent.len()
                && events
                    .iter()
                    .all(|event| event.plugins.iter().any(|job| job.last_outcome.is_some()))
        });
    let events = events.await?;
    let (types, _) = samples::types_of(provider)?;
    let seen: BTreeSet<String> = events
        .iter()
        .filter_map(|event| event.kind.clone())
        .collect();
    assert_eq!(
        seen, types,
        "each event type of the provider has a sample and is recognised by its rule"
    );
    for event in &events {
        assert_eq!(
            (event.provider.as_str(), event.plugins.len()),
            (provider, 1)
        );
        assert_eq!(
            event.plugins[0].revision.as_deref(),
            Some(guest.revision().as_str())
        );
    }
    for (name, words) in expected {
        let position = sent
            .iter()
            .position(|(sample, _)| sample.name == *name)
            .context("no such sample")?;
        let event = &events[position];
        assert!(event.is_done_by(provider), "{name}: {:?}", event.plugins);
        let lines: Vec<String> = rig
            .guest_lines(event)
            .await?
            .iter()
            .map(|line| line.text.clone())
            .collect();
        assert!(
            lines.iter().any(|line| line.contains(words)),
            "{name}: no `{words}` in {lines:#?}"
        );
    }

    for (sample, webhook) in &sent {
        let forged = webhook.clone().with_body(forge(&webhook.body));
        let answer = rig.post(provider, &forged).await?;
        assert_eq!(answer.status, 401, "{}: {}", sample.name, answer.text());
        let repeat = rig.post(provider, webhook).await?;
        assert!(
            repeat.is_accepted(),
            "{}: a repeat is acknowledged, not {}",
            sample.name,
            repeat.status
        );
    }
    let after = rig.host.events().await?;
    assert_eq!(
        after.len(),
        events.len(),
        "nothing forged and no repeat is stored"
    );
    Ok(())
}

/// Returns the body with one letter changed, so that it is still JSON. In an SNS envelope, the
/// letter is in a signed field.
fn forge(body: &[u8]) -> Vec<u8> {
    let mut forged = body.to_vec();
    let signed = body.windows(9).position(|part| part == b"eventType");
    let letter = signed
        .or_else(|| body.iter().rposition(u8::is_ascii_alphanumeric))
        .expect("a body has letters");
    forged[letter] = if forged[letter] == b'0' { b'1' } else { b'0' };
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn topi_through_svix() -> Result<()> {
    check(
        "topi",
        &[("order-created", "C73335"), ("offer-accepted", "accepted")],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn topper_by_detached_jws() -> Result<()> {
    check(
        "topper",
        &[("crypto-onramp-completed", "0.041872906511240937")],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn topi_saas_by_standard_webhooks() -> Result<()> {
    check(
        "topi-saas",
        &[("offer-accepted-by-user", "Widgets & Co. GmbH")],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn tipser_through_sns() -> Result<()> {
    check("tipser", &[("product-changed", "5075bb2ae1d49107c08f3fc8")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn repeat_with_new_signature_is_same_event() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    let sample = samples::one("topi", "offer-accepted")?.body;
    for timestamp in [-200, -100, 0] {
        let webhook = rig.senders.topi.sign_at(
            "msg_same",
            hookyard_testkit::sign::now() + timestamp,
            sample.clone(),
        );
        assert!(rig.post("topi", &webhook).await?.is_accepted());
    }
    assert_eq!(
        rig.host.events().await?.len(),
        1,
        "Svix signs each retry anew, under the same id"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn outgoing_event_type_is_refused_on_arrival() -> Result<()> {
    let rig = Rig::start(quick(), &[]).await?;
    for sample in samples::outgoing("topi-saas")? {
        let answer = rig
            .post("topi-saas", &rig.senders.sign("topi-saas", &sample.body)?)
            .await?;
        assert!(
            (400..500).contains(&answer.status),
            "{}: {}",
            sample.name,
            answer.status
        );
    }
    assert!(rig.host.events().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_secrets_and_keys_are_live() -> Result<()> {
    let (old, pair) = (
        StandardWebhooks::new(Family::Svix),
        AsymmetricWebhooks::new(Family::Webhook)?,
    );
    let config = quick().source(
        "acme/rotated",
        "provider = \"topi\"\nsecrets = [{ env = \"TOPI_SECRET\" }, { file = \"old.secret\" }]\nkeys = [{ file = \"pair.public\" }]",
    );
    let rig = Rig::prepared(config, &[], |site| {
        site.write("old.secret", format!("{}\n", old.secret()))?;
        site.write("pair.public", pair.public_key())?;
        Ok(())
    });
    let rig = rig.await?;
    let body = samples::one("topi", "offer-accepted")?.body;
    let signed = [
        rig.senders.topi.sign("1", body.clone()),
        old.sign("2", body.clone()),
        pair.sign("3", body.clone()),
    ];
    // During a rotation, Svix signs with both secrets in one header.
    let header = "svix-signature";
    let both = old.sign("4", body.clone());
    let stranger = StandardWebhooks::new(Family::Svix).sign("4", body.clone());
    let both = both.clone().with(
        header,
        &format!("v9,x {} {}", stranger.header(header), both.header(header)),
    );
    for webhook in signed.iter().chain([&both]) {
        let answer = rig
            .client
            .post(rig.host.address(), "/acme/rotated", webhook)
            .await?;
        assert!(
            answer.is_accepted(),
            "{:?}: {} {}",
            webhook.headers,
            answer.status,
            answer.text()
        );
    }
    let answer = rig
        .client
        .post(rig.host.address(), "/acme/rotated", &stranger)
        .await?;
    assert_eq!(answer.status, 401);
    Ok(())
}
