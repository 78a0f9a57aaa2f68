//! The values that a handler receives: in its own types, older or newer than the provider's, or as
//! bytes.

use anyhow::Result;
use hookyard_testkit::guests;
use hookyard_testkit::http::Webhook;
use hookyard_testkit::samples;

use crate::rig::{Rig, quick};

/// Installs the guest as `acme/it`, sends the payload and returns the guest's output.
async fn handled(guest: &str, provider: &str, body: &str) -> Result<(Vec<String>, Webhook)> {
    let guest = guests::test(guest)?;
    let rig = Rig::start(quick(), &[("acme/it", &guest)]).await?;
    let webhook = rig.deliver(provider, body).await?;
    let events = rig.all_done(1).await?;
    let lines = rig.guest_lines(&events[0]).await?;
    Ok((
        lines
            .iter()
            .map(hookyard_testkit::log::Line::guest_text)
            .collect(),
        webhook,
    ))
}

fn completed() -> Result<String> {
    Ok(samples::one("topper", "crypto-onramp-completed")?.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn older_and_newer_types_decode_one_event() -> Result<()> {
    let (older, newer) = (guests::test("topper-older")?, guests::test("topper-newer")?);
    let rig = Rig::start(quick(), &[("acme/older", &older), ("acme/newer", &newer)]).await?;
    rig.deliver("topper", &completed()?).await?;
    let events = rig.all_done(1).await?;
    let written: Vec<String> = rig
        .guest_lines(&events[0])
        .await?
        .iter()
        .map(|line| line.guest_text())
        .collect();
    let sides = "100.00 EUR for 0.041872906511240937 ETH";
    assert_eq!(
        written.iter().filter(|line| *line == sides).count(),
        2,
        "{written:#?}"
    );
    let wanted = [
        "older saw completed on attempt 1: event 7c9e6679-7425-40de-944b-e07fc1f90004 order 3f1c7a52-6d7b-4c0e-9b4e-2a8f6c1d9e70 completed",
        "newer saw completed on attempt 1: event 7c9e6679-7425-40de-944b-e07fc1f90004 order 3f1c7a52-6d7b-4c0e-9b4e-2a8f6c1d9e70",
        "sent at None, replay of None",
        "risk known false, promotions None",
        "fee 11.58 EUR for network, waived None",
    ];
    for line in wanted {
        assert!(
            written.iter().any(|given| given == line),
            "no `{line}` in {written:#?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn untyped_handler_gets_bytes_without_credentials() -> Result<()> {
    let body = completed()?;
    let (lines, webhook) = handled("untyped-echo", "topper", &body).await?;
    assert!(lines.contains(&format!("body {body}")), "{lines:#?}");
    for line in [
        "type order:crypto-onramp:completed",
        "key 7c9e6679-7425-40de-944b-e07fc1f90004",
        "attempt 1",
    ] {
        assert!(
            lines.iter().any(|given| given == line),
            "no `{line}` in {lines:#?}"
        );
    }
    assert!(
        lines.contains(&"header content-type: application/json".to_owned()),
        "{lines:#?}"
    );
    assert!(!webhook.body.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn event_is_taken_out_of_its_envelope() -> Result<()> {
    let body = samples::one("tipser", "product-changed")?.body;
    let (lines, _) = handled("untyped-echo", "tipser", &body).await?;
    assert!(lines.contains(&format!("body {body}")), "{lines:#?}");
    assert!(
        lines.contains(&"type product-changed".to_owned()),
        "{lines:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plugin_with_both_handlers_gets_matching_one() -> Result<()> {
    let both = guests::test("typed-and-untyped")?;
    let rig = Rig::start(quick(), &[("acme/both", &both)]).await?;
    let (body, other) = (completed()?, samples::one("topper", "user-created")?.body);
    let order = samples::one("topi", "order-created")?.body;
    for (provider, body) in [("topper", &body), ("topper", &other), ("topi", &order)] {
        rig.deliver(provider, body).await?;
    }
    let events = rig.all_done(3).await?;
    let expected = [
        "typed: 7c9e6679-7425-40de-944b-e07fc1f90004".to_owned(),
        format!("untyped: {} bytes", other.len()),
        format!("untyped: {} bytes", order.len()),
    ];
    for (event, expected) in events.iter().zip(expected) {
        let written: Vec<String> = rig
            .guest_lines(event)
            .await?
            .iter()
            .map(|line| line.guest_text())
            .collect();
        assert_eq!(written, [expected]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_event_type_reaches_other_case() -> Result<()> {
    let books = guests::reference("topper")?;
    let rig = Rig::start(quick(), &[("acme/topper", &books)]).await?;
    let tomorrow = samples::one("topper", "crypto-onramp-completed")?
        .with("/name", "order:crypto-swap:completed");
    rig.deliver("topper", &tomorrow).await?;
    let events = rig.all_done(1).await?;
    assert_eq!(
        events[0].kind.as_deref(),
        Some("order:crypto-swap:completed")
    );
    let lines = rig.guest_lines(&events[0]).await?;
    assert!(
        lines
            .iter()
            .any(|line| line.text.contains("order:crypto-swap:completed")),
        "{lines:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_event_reports_path() -> Result<()> {
    let wrong = guests::test("topper-wrong-types")?;
    let rig = Rig::start(quick(), &[("acme/wrong", &wrong)]).await?;
    rig.deliver("topper", &completed()?).await?;
    let dead = |events: &[hookyard_testkit::events::Event]| {
        events
            .iter()
            .any(|event| event.job("wrong").is_some_and(|job| job.state == "dead"))
    };
    let events = rig
        .host
        .wait_for_events("the event to be given up", dead)
        .await?;
    let outcome = events[0].plugins[0]
        .last_outcome
        .clone()
        .unwrap_or_default();
    assert!(outcome.starts_with("undecodable"), "{outcome}");
    assert!(outcome.contains("$.data.origin.amount"), "{outcome}");
    assert_eq!(events[0].plugins[0].attempts, 1, "a retry cannot succeed");
    Ok(())
}
