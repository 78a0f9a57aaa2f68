//! Messages can be listed, inspected and replayed, and a disabled destination waits for the
//! operator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use hookyard_testkit::events::Event;
use hookyard_testkit::eventually;
use hookyard_testkit::guests;
use hookyard_testkit::receiver::{Received, Receiver, Reply};
use hookyard_testkit::site::{Config, Site};
use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Starts a host whose plugin `forwarder` may send to `acme/shop`, which is this receiver.
async fn forwarding_to(receiver: &Receiver) -> Result<Rig> {
    let lines = format!(
        "url = \"{}/hooks\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"shop.secret\" }}]",
        receiver.url()
    );
    let config = quick().section("tenants.acme.destinations.shop", &lines);
    Rig::prepared(
        config,
        &[("acme/forwarder", &guests::test("forwarder")?)],
        |site| {
            site.write(
                "plugins/acme/forwarder.toml",
                "[grants]\ndestinations = [\"shop\"]\n",
            )?;
            site.write("shop.secret", SECRET).map(drop)
        },
    )
    .await
}

/// Forwards an event and returns the received message.
async fn forward(rig: &Rig) -> Result<String> {
    forward_with(rig, &json!({ "forward_to": "shop" })).await
}

/// Forwards an event with these fields.
async fn forward_with(rig: &Rig, fields: &Value) -> Result<String> {
    let mut body: Value = serde_json::from_str(&fresh_payment().1)?;
    for (name, value) in fields.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let body = body.to_string();
    rig.deliver("topper", &body).await?;
    Ok(body)
}

async fn list(site: &Site, filters: &[&str]) -> Result<Vec<Value>> {
    let lines = stdout_of(
        site,
        &[&["outbox", "list", "--json", "--oldest-first"], filters].concat(),
    )
    .await?;
    Ok(lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

/// Waits until the messages, in order, are in these states.
async fn wait_for_states(site: &Site, expected: &[&str]) -> Result<Vec<Value>> {
    eventually(&format!("messages to be {expected:?}"), || async {
        let messages = list(site, &[]).await?;
        let are = messages
            .iter()
            .map(|message| message["state"].as_str())
            .eq(expected.iter().map(|it| Some(*it)));
        Ok(are.then_some(messages))
    })
    .await
}

fn id_of(message: &Value) -> Result<&str> {
    message["id"].as_str().context("a message has an id")
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_message_is_replayed_with_its_id() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.answer_next(StatusCode::UNPROCESSABLE_ENTITY);
    let rig = forwarding_to(&receiver).await?;
    let body = forward(&rig).await?;
    let site = &rig.site;
    wait_for_states(site, &["dead"]).await?;
    forward(&rig).await?;
    let messages = wait_for_states(site, &["dead", "done"]).await?;
    let id = id_of(&messages[0])?;
    assert_eq!(
        (&messages[0]["last_result"], &messages[0]["deliveries"]),
        (&"refused: 422".into(), &1.into())
    );

    find(
        site,
        messages[0]["event"]
            .as_str()
            .context("the message has no event")?,
    )
    .await?;
    let shown: Value =
        serde_json::from_str(&stdout_of(site, &["outbox", "show", id, "--json"]).await?)?;
    assert_eq!(
        (&shown["body"], &shown["destination"]),
        (&body.as_str().into(), &"shop".into())
    );
    assert_eq!(
        (
            &shown["deliveries"][0]["result"],
            &shown["deliveries"][0]["number"]
        ),
        (&"refused".into(), &1.into())
    );
    assert!(
        shown["deliveries"][0]["answer"]["headers"]
            .as_array()
            .is_some_and(|headers| !headers.is_empty()),
        "{shown}"
    );
    let text = stdout_of(site, &["outbox", "show", id]).await?;
    assert!(
        text.contains("ms: refused: 422\n") && text.contains(&body),
        "{text}"
    );
    let event = stdout_of(
        site,
        &[
            "events",
            "show",
            messages[0]["event"].as_str().unwrap_or_default(),
        ],
    )
    .await?;
    assert!(
        event.ends_with(&format!("\nmessages\n  {id} of forwarder to shop: dead\n")),
        "{event}"
    );

    refuse_what_is_wrong(site, id).await?;
    let answer = stdout_of(
        site,
        &[
            "outbox", "replay", "--state", "dead", "--rate", "50", "--json",
        ],
    )
    .await?;
    assert_eq!(answer, "{\"messages\":1,\"leased\":0,\"dry_run\":false}\n");
    wait_for_states(site, &["done", "done"]).await?;
    assert_eq!(
        stdout_of(site, &["outbox", "replay", id]).await?,
        "1 message will be delivered again\n"
    );
    let received = receiver
        .wait_for("the message to come twice more", |received| {
            received.len() == 4
        })
        .await?;
    let came = received
        .iter()
        .filter(|it| it.header("webhook-id") == id)
        .collect::<Vec<&Received>>();
    assert_eq!(came.len(), 3, "the message has the same id each time");
    came.iter().try_for_each(|it| it.verify(SECRET))?;
    wait_for_states(site, &["done", "done"]).await?;
    let shown: Value =
        serde_json::from_str(&stdout_of(site, &["outbox", "show", id, "--json"]).await?)?;
    let deliveries = shown["deliveries"]
        .as_array()
        .context("deliveries")?
        .iter()
        .map(|it| (&it["replay"], &it["number"], &it["result"]));
    let expected = [(0, 1, "refused"), (1, 1, "sent"), (2, 1, "sent")];
    assert_eq!(
        deliveries.map(|it| format!("{it:?}")).collect::<Vec<_>>(),
        {
            expected.map(|(replay, number, result)| {
                format!("(Number({replay}), Number({number}), String({result:?}))")
            })
        }
    );
    Ok(())
}

/// Returns a host with one dead message of this event and one sent message.
#[tokio::test(flavor = "multi_thread")]
async fn blocked_message_names_the_message_ahead() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.answer_next(StatusCode::SERVICE_UNAVAILABLE);
    let rig = forwarding_to(&receiver).await?;
    let site = &rig.site;
    let about = |number: u32| json!({ "forward_to": "shop", "about": "4711", "number": number });
    forward_with(&rig, &about(1)).await?;
    let first = wait_for_states(site, &["waiting"]).await?.remove(0);
    forward_with(&rig, &about(2)).await?;
    let messages = wait_for_states(site, &["waiting", "pending"]).await?;
    assert!(
        first["until"].is_string() && first["behind"].is_null(),
        "{first}"
    );
    let behind = &messages[1]["behind"];
    assert_eq!(
        (&behind["id"], &behind["state"]),
        (&first["id"], &"waiting".into())
    );
    assert!(behind["until"].is_string(), "{behind}");

    let waits = format!("pending behind {}, which is ", id_of(&first)?);
    let shown = stdout_of(site, &["outbox", "show", id_of(&messages[1])?]).await?;
    assert!(shown.contains(&waits), "{shown}");
    wait_for_states(site, &["done", "done"]).await?;
    Ok(())
}

/// Starts a host whose plugin may have two waiting messages, with a receiver that accepts nothing
/// yet.
async fn nearly_full(receiver: &Receiver, more: Config) -> Result<Rig> {
    let lines = format!(
        "url = \"{}/hooks\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"shop.secret\" }}]\n\
         retry = {{ schedule = [\"200ms\"], attempts_max = 1000 }}",
        receiver.url()
    );
    let config = more
        .plugins("settle = \"50ms\"")
        .section(
            "retry",
            "attempts_max = 1\ndelay_first = \"50ms\"\ndelay_max = \"200ms\"",
        )
        .section("quarantine", "events_min = 1")
        .section("tenants.acme.destinations.shop", &lines);
    Rig::prepared(
        config,
        &[("acme/forwarder", &guests::test("forwarder")?)],
        |site| {
            site.write(
                "plugins/acme/forwarder.toml",
                "[grants]\ndestinations = [\"shop\"]\n[limits]\noutbox_waiting_max = 2\n",
            )?;
            site.write("shop.secret", SECRET).map(drop)
        },
    )
    .await
}

fn states_of(events: &[Event], state: &str) -> usize {
    events
        .iter()
        .filter_map(|event| event.job("forwarder"))
        .filter(|job| job.state == state)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn full_outbox_loses_no_event() -> Result<()> {
    let is_open = Arc::new(AtomicBool::new(false));
    let answer = Arc::clone(&is_open);
    let receiver = Receiver::start_with(move || {
        if answer.load(Ordering::Relaxed) {
            Reply::Status(StatusCode::NO_CONTENT)
        } else {
            Reply::Status(StatusCode::SERVICE_UNAVAILABLE)
        }
    })
    .await?;
    let rig = nearly_full(&receiver, Config::new()).await?;
    for _ in 0..6 {
        forward(&rig).await?;
    }
    // Two messages wait. The attempts of the other events are repeated, although each event may
    // have only one attempt.
    let waits = |events: &[Event]| {
        let jobs = events.iter().filter_map(|event| event.job("forwarder"));
        states_of(events, "done") == 2
            && jobs
                .filter(|job| job.state != "done")
                .all(|job| job.attempts > 2)
    };
    let events = rig
        .host
        .wait_for_events("the outbox to be full", waits)
        .await?;
    let full = events
        .iter()
        .filter_map(|event| event.job("forwarder"))
        .filter(|job| job.state != "done");
    for job in full {
        assert_eq!(
            job.last_outcome.as_deref(),
            Some("exceeded: used up outbox_waiting_max of 2")
        );
    }
    assert_eq!(states_of(&events, "dead") + states_of(&events, "held"), 0);
    assert_eq!(
        list(&rig.site, &[]).await?.len(),
        2,
        "no more than may wait"
    );
    let usage = stdout_of(&rig.site, &["outbox", "usage", "--json"]).await?;
    let usage = usage
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<Value>, _>>()?;
    assert_eq!(
        (
            &usage[0]["tenant"],
            &usage[0]["plugin"],
            &usage[0]["messages"]
        ),
        (&"acme".into(), &Value::Null, &2.into())
    );
    assert_eq!(
        (&usage[1]["plugin"], &usage[1]["messages"]),
        (&"forwarder".into(), &2.into())
    );
    let table = stdout_of(&rig.site, &["outbox", "usage"]).await?;
    assert!(
        table.contains("acme/forwarder") && table.starts_with("OF"),
        "{table}"
    );

    is_open.store(true, Ordering::Relaxed);
    rig.all_done(6).await?;
    wait_for_states(&rig.site, &["done"; 6]).await?;
    assert_eq!(
        stdout_of(&rig.site, &["outbox", "usage", "--json"]).await?,
        ""
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unsent_messages_obey_retention() -> Result<()> {
    let receiver = Receiver::start_with(|| Reply::Status(StatusCode::SERVICE_UNAVAILABLE)).await?;
    let config = Config::new().section("retention", "unsent_max_age = \"2s\"\nevery = \"200ms\"");
    let rig = nearly_full(&receiver, config).await?;
    for _ in 0..4 {
        forward(&rig).await?;
    }
    rig.all_done(4).await?;
    wait_for_states(&rig.site, &[]).await?;
    Ok(())
}

async fn find(site: &Site, event: &str) -> Result<()> {
    for (filters, expected) in [
        (&[][..], 2),
        (&["--state", "dead"], 1),
        (
            &[
                "--state",
                "dead",
                "--destination",
                "acme/shop",
                "--plugin",
                "forwarder",
                "--since",
                "1h",
            ],
            1,
        ),
        (&["--state", "pending"], 0),
        (&["--until", "1h"], 0),
        (&["--type", "no.such"], 0),
        (&["--event", event], 1),
        (&["--limit", "1"], 1),
    ] {
        assert_eq!(list(site, filters).await?.len(), expected, "{filters:?}");
    }
    let table = stdout_of(site, &["outbox", "list"]).await?;
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].starts_with("ID ") && lines[0].ends_with(" STATE"),
        "{table}"
    );
    assert!(
        lines[2].ends_with("  (untyped)  forwarder  dead after 1 (refused: 422)"),
        "{table}"
    );
    Ok(())
}

async fn refuse_what_is_wrong(site: &Site, id: &str) -> Result<()> {
    let nothing_named = hookyard(site, &["outbox", "replay"]).await?;
    assert_eq!(nothing_named.code, Some(2));
    assert!(
        nothing_named.stderr.contains("--all"),
        "{}",
        nothing_named.stderr
    );
    let unknown = "00000000-0000-7000-8000-000000000000";
    for command in [
        &["outbox", "show", unknown][..],
        &["outbox", "replay", id, unknown],
    ] {
        let done = hookyard(site, command).await?;
        assert_eq!(done.code, Some(1), "{command:?}");
        assert!(
            done.stderr
                .contains(&format!("no message {unknown} is stored")),
            "{}",
            done.stderr
        );
    }
    let counted = stdout_of(site, &["outbox", "replay", "--all", "--dry-run"]).await?;
    assert_eq!(counted, "2 messages would be delivered again\n");
    assert_eq!(
        list(site, &["--state", "dead"]).await?.len(),
        1,
        "neither a refusal nor a dry run changes anything"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_destination_stays_disabled_until_enabled() -> Result<()> {
    let receiver = Receiver::start().await?;
    receiver.answer_next(StatusCode::GONE);
    let rig = forwarding_to(&receiver).await?;
    let site = &rig.site;
    forward(&rig).await?;
    wait_for_states(site, &["dead"]).await?;
    let second = forward(&rig).await?;
    let messages = wait_for_states(site, &["dead", "pending"]).await?;
    assert!(
        messages
            .iter()
            .all(|message| message["disabled"].is_string()),
        "{messages:?}"
    );
    let table = stdout_of(site, &["outbox", "list"]).await?;
    let last = table.lines().last().unwrap_or_default();
    assert!(last.starts_with("acme/shop is disabled since "), "{table}");
    assert!(
        last.ends_with("; `hookyard outbox enable acme/shop` enables it again"),
        "{table}"
    );
    assert_eq!(receiver.received().len(), 1);
    let id = id_of(&messages[0])?;
    let again = stdout_of(site, &["outbox", "replay", id, "--dry-run"]).await?;
    assert_eq!(
        again,
        format!("1 message would be delivered again\n{last}\n"),
        "and not yet"
    );

    let enabled = stdout_of(site, &["outbox", "enable", "acme/shop"]).await?;
    assert_eq!(
        enabled,
        "acme/shop is enabled; its messages will be delivered\n"
    );
    let received = receiver
        .wait_for("what had to wait", |received| received.len() == 2)
        .await?;
    assert_eq!(received[1].body, second);
    let messages = wait_for_states(site, &["dead", "done"]).await?;
    assert!(
        messages.iter().all(|message| message["disabled"].is_null()),
        "{messages:?}"
    );
    assert_eq!(
        stdout_of(site, &["outbox", "enable", "acme/shop"]).await?,
        "acme/shop is not disabled\n"
    );
    assert!(
        !stdout_of(site, &["outbox", "list"])
            .await?
            .contains("is disabled since")
    );
    Ok(())
}
