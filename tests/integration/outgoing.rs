//! Typed events of plugins, as they arrive at topi SaaS.

use anyhow::{Context, Result, ensure};
use hookyard_model::Timestamp;
use hookyard_testkit::events::Event;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::log::Line;
use hookyard_testkit::receiver::Received;
use hookyard_testkit::samples;
use hookyard_testkit::senders::Senders;
use http::StatusCode;
use serde_json::Value;

use crate::rig::{Rig, quick};

/// Returns the types of the received events in order.
fn types(received: &[Received]) -> Result<Vec<String>> {
    received
        .iter()
        .map(|it| {
            Ok(it.json()?["type"]
                .as_str()
                .context("the message has no type")?
                .to_owned())
        })
        .collect()
}

/// The requirements of topi SaaS's OpenAPI for every event.
fn check_envelope(event: &Value) -> Result<()> {
    let text = |name: &str| {
        event[name]
            .as_str()
            .with_context(|| format!("{name} is not a text in {event}"))
    };
    for id in ["event_id", "object_id"] {
        uuid::Uuid::parse_str(text(id)?).with_context(|| format!("{id} is not a UUID"))?;
    }
    ensure!(
        Timestamp::parse_rfc3339(text("created_at")?).is_some(),
        "created_at is not a time in {event}"
    );
    ensure!(
        event["version"].is_u64() && event["payload"].is_object(),
        "{event}"
    );
    Ok(())
}

/// Starts a host with a plugin that may answer topi SaaS.
async fn answering(name: &str, guest: &Guest, settings: &str) -> Result<Rig> {
    let plugin = format!("acme/{name}");
    Rig::prepared(quick(), &[(&plugin, guest)], |site| {
        Senders::let_answer(site, &plugin, settings)
    })
    .await
}

async fn offer(rig: &Rig, body: &str) -> Result<Event> {
    rig.deliver("topi-saas", body).await?;
    Ok(rig.all_done(1).await?.remove(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_message_matches_receiver_documentation() -> Result<()> {
    let rig = answering("answers", &guests::test("topi-saas-sender")?, "").await?;
    let event = offer(
        &rig,
        &samples::one("topi-saas", "offer-accepted-by-user")?.body,
    )
    .await?;
    assert_eq!(event.plugins[0].attempts, 2, "the plugin asked for a retry");
    let inbox = &rig.senders.topi_saas_inbox;
    let received = inbox
        .wait_for("three events", |received| received.len() == 3)
        .await?;

    let expected = [
        "topi_saas.offer.accepted",
        "topi_saas.offer.declined",
        "topi_saas.offer.contract_started",
    ];
    assert_eq!(
        types(&received)?,
        expected,
        "the events of an offer arrive in order"
    );
    let samples = samples::outgoing("topi-saas")?;
    for received in &received {
        rig.senders.check_partner(received)?;
        let mut event = received.json()?;
        check_envelope(&event)?;
        assert_eq!(
            received.header("webhook-id"),
            event["event_id"],
            "the message has the same id on every delivery"
        );
        let mut sample = samples
            .iter()
            .map(samples::Sample::json)
            .find(|it| it["type"] == event["type"]);
        let sample = sample.as_mut().context("no such sample")?;
        for own in ["event_id", "created_at"] {
            event[own] = Value::Null;
            sample[own] = Value::Null;
        }
        assert_eq!(event, *sample);
    }

    let lines = rig.guest_lines(&event).await?;
    let lines: Vec<_> = lines.iter().map(Line::guest_text).collect();
    let sent: Vec<_> = received
        .iter()
        .map(|it| format!("sent {}", it.header("webhook-id")))
        .collect();
    let denied =
        "hookyard: the plugin is not granted a destination nobody of the provider topi-saas";
    let (denials, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line == denied);
    assert_eq!(denials.len(), 2, "each attempt learns why it cannot send");
    assert_eq!(lines.len(), 6, "each attempt sent all three");
    assert_eq!(
        lines[3..],
        sent,
        "only the messages of the successful attempt were sent"
    );
    assert!(
        lines[..3].iter().all(|line| !sent.contains(line)),
        "each attempt uses its own ids"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_message_is_identical() -> Result<()> {
    let rig = answering("partner", &guests::reference("topi-saas")?, "").await?;
    let inbox = &rig.senders.topi_saas_inbox;
    inbox.answer_next(StatusCode::SERVICE_UNAVAILABLE);
    offer(
        &rig,
        &samples::one("topi-saas", "offer-accepted-by-user")?.body,
    )
    .await?;
    let received = inbox
        .wait_for("the answer, twice", |received| received.len() == 2)
        .await?;
    assert_eq!(
        (received[0].header("webhook-id"), &received[0].body),
        (received[1].header("webhook-id"), &received[1].body)
    );
    received
        .iter()
        .try_for_each(|received| rig.senders.check_partner(received))
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_plugin_answers_offers() -> Result<()> {
    let settings = "[config]\ncountries = \"DE, AT\"";
    let rig = answering("partner", &guests::reference("topi-saas")?, settings).await?;
    let sample = samples::one("topi-saas", "offer-accepted-by-user")?;
    let changed = |number: usize, changes: &[(&str, Value)]| {
        let mut event = sample.json();
        event["event_id"] = format!("a1b2c3d4-e5f6-7890-abcd-ef12345678{number:02}").into();
        for (pointer, value) in changes {
            *event
                .pointer_mut(pointer)
                .expect("the sample contains this field") = value.clone();
        }
        event.to_string()
    };
    let currency = |to: &str| {
        [
            "/payload/offer/total_price",
            "/payload/offer/offer_lines/0/price",
            "/payload/offer/offer_lines/0/product_price",
        ]
        .map(|place| (format!("{place}/currency"), Value::from(to)))
    };
    let dollars = currency("USD");
    let dollars: Vec<_> = dollars
        .iter()
        .map(|(place, value)| (place.as_str(), value.clone()))
        .collect();
    let inbox = &rig.senders.topi_saas_inbox;
    for (number, (changes, expected)) in [
        (&[][..], Ok("e5f6a7b8-c9d0-1234-efab-345678901234-001")),
        (
            &[("/payload/offer/total_price/value", 499_801.into())],
            Err("wrong_total"),
        ),
        (
            &[("/payload/shipping_address/country_code", "FR".into())],
            Err("country_not_served"),
        ),
        (&dollars, Err("currency_not_known")),
    ]
    .into_iter()
    .enumerate()
    {
        rig.deliver("topi-saas", &changed(number, changes)).await?;
        let received = inbox
            .wait_for("one more answer", |received| received.len() > number)
            .await?;
        let answer = &received[number];
        rig.senders.check_partner(answer)?;
        let answer = answer.json()?;
        check_envelope(&answer)?;
        let said = match answer["type"].as_str() {
            Some("topi_saas.offer.accepted") => {
                Ok(answer["payload"]["offer"]["offer_lines"][0]["external_id"].clone())
            }
            _ => Err(answer["payload"]["reason"].clone()),
        };
        assert_eq!(
            said,
            expected.map(Value::from).map_err(Value::from),
            "{answer}"
        );
    }
    assert_eq!(inbox.received().len(), 4);
    Ok(())
}
