//! Requests that wait for their event: answered by a plugin, after the plugins, or in any case in
//! time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hookyard_testkit::events::Event;
use hookyard_testkit::guests::{self, Guest};
use hookyard_testkit::host::{Host, Start, crashing_binary};
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::log::Line;
use hookyard_testkit::senders::Senders;
use hookyard_testkit::site::{Config, Site};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::rig::{Rig, fresh_payment, hookyard, quick, stdout_of};

const PATH: &str = "/acme/asked";
/// The time within which an answer did not wait for a timeout, which is longer in these tests.
const SOON: Duration = Duration::from_secs(10);

/// Returns a configuration with the source `acme/asked`, which has these lines.
fn asking(lines: &str) -> Config {
    let source = format!("provider = \"topper\"\nscheme = \"unverified\"\n{lines}");
    quick().source("acme/asked", &source)
}

/// Starts a host with the plugin `acme/bot`, whose requests wait for 30 seconds.
async fn rig_of(ack: &str, guest: &str) -> Result<Rig> {
    let lines = format!("ack = \"{ack}\"\nack_timeout = \"30s\"");
    Rig::start(asking(&lines), &[("acme/bot", &guests::test(guest)?)]).await
}

/// Sends a new event. Returns its key and the answer.
async fn ask(rig: &Rig) -> Result<(String, Answer)> {
    let (key, body) = fresh_payment();
    Ok((key, post(rig, &body).await?))
}

async fn post(rig: &Rig, body: &str) -> Result<Answer> {
    let webhook = Webhook::json(body.to_owned());
    rig.client.post(rig.host.address(), PATH, &webhook).await
}

/// Checks that an answer is that of a stored event.
#[track_caller]
fn assert_stored(answer: &Answer) {
    let found = (answer.status, answer.says("status"));
    assert_eq!(found, (200, "stored".to_owned()), "{}", answer.text());
}

/// Returns how the wait of an event ended, from the log.
async fn waited(rig: &Rig, key: &str) -> Result<String> {
    let is_request = |line: &Line| line.message() == "accepted" && line.text_of("key") == key;
    let line = rig.host.wait_for_log("the request", is_request).await?;
    Ok(line.text_of("waited"))
}

async fn is_done(rig: &Rig, key: &str) -> Result<Event> {
    let is_done = |event: &Event| event.key == key && event.is_done_by("bot");
    let events = rig
        .host
        .wait_for_events("the event to be done", |events| events.iter().any(is_done))
        .await?;
    events.into_iter().find(is_done).context("the event")
}

#[tokio::test(flavor = "multi_thread")]
async fn response_has_status_headers_and_body() -> Result<()> {
    let rig = rig_of("responder", "responder").await?;
    let (key, body) = fresh_payment();
    let answer = post(&rig, &body).await?;
    let repeat = post(&rig, &body).await?;

    for answer in [&answer, &repeat] {
        assert_eq!(
            (answer.status, answer.text()),
            (201, format!("handled {key}"))
        );
        assert_eq!(answer.headers["x-attempt"], "1");
    }
    assert_eq!(waited(&rig, &key).await?, "responded");

    let event = is_done(&rig, &key).await?;
    let shown = stdout_of(&rig.site, &["events", "show", &event.id]).await?;
    let expected = format!(
        "answered by plugin bot with 201\n  x-attempt: 1\n  answer ({} bytes)",
        8 + key.len()
    );
    assert!(shown.contains(&expected), "{shown}");
    let metrics = rig.metrics().await?;
    for series in [
        r#"hookyard_waits_total{tenant="acme",source="asked",result="responded"} 1"#,
        r#"hookyard_responses_total{tenant="acme",plugin="bot",result="counted"} 1"#,
        r#"hookyard_requests_total{status="201",reason="responded"} 1"#,
    ] {
        assert!(metrics.contains(series), "{series} in\n{metrics}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn handled_request_waits_for_every_plugin() -> Result<()> {
    let lines = "ack = \"handled\"\nack_timeout = \"30s\"";
    let (bot, echo) = (guests::test("sleeper")?, guests::test("untyped-echo")?);
    let plugins: [(&str, &Guest); 2] = [("acme/bot", &bot), ("acme/echo", &echo)];
    let rig = Rig::start(asking(lines), &plugins).await?;

    let began = Instant::now();
    let (key, answer) = ask(&rig).await?;

    assert!(began.elapsed() >= Duration::from_millis(150));
    assert_eq!(
        (answer.status, answer.says("status")),
        (200, "handled".into())
    );
    let event = is_done(&rig, &key).await?;
    assert!(event.is_done_by("echo"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempt_falls_back_and_is_made_again() -> Result<()> {
    for (ack, guest) in [
        ("handled", "retry-then-done"),
        ("responder", "responds-then-traps"),
    ] {
        let rig = rig_of(ack, guest).await?;
        let began = Instant::now();
        let (key, answer) = ask(&rig).await?;

        assert_stored(&answer);
        assert!(began.elapsed() < SOON, "the failure ends the wait");
        assert_eq!(waited(&rig, &key).await?, "retry");
        let event = is_done(&rig, &key).await?;
        assert!(event.job("bot").context("the job")?.attempts > 1);
        let shown = stdout_of(&rig.site, &["events", "show", &event.id]).await?;
        assert!(!shown.contains("answered by"), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_event_falls_back() -> Result<()> {
    let rig = rig_of("handled", "reject").await?;
    let (key, answer) = ask(&rig).await?;
    assert_stored(&answer);
    assert_eq!(waited(&rig, &key).await?, "dead");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn late_response_is_dropped_and_the_event_handled() -> Result<()> {
    let lines = "ack = \"responder\"\nack_timeout = \"100ms\"";
    let late = guests::test("responds-late")?;
    let rig = Rig::start(asking(lines), &[("acme/bot", &late)]).await?;

    let (key, answer) = ask(&rig).await?;

    assert_stored(&answer);
    assert_eq!(waited(&rig, &key).await?, "late");
    is_done(&rig, &key).await?;
    let is_dropped = |line: &Line| {
        line.message().starts_with("a response was dropped") && line.text_of("reason") == "late"
    };
    rig.host
        .wait_for_log("the late response", is_dropped)
        .await?;
    let metrics = rig.metrics().await?;
    let series = r#"hookyard_responses_total{tenant="acme",plugin="bot",result="late"} 1"#;
    assert!(metrics.contains(series), "{metrics}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_a_plugin_is_answered_at_once() -> Result<()> {
    let lines = "ack = \"responder\"\nack_timeout = \"30s\"\nresponder = \"missing\"";
    let bot = guests::test("responder")?;
    let rig = Rig::start(asking(lines), &[("acme/bot", &bot)]).await?;

    let began = Instant::now();
    let (key, answer) = ask(&rig).await?;

    assert_stored(&answer);
    assert!(began.elapsed() < SOON);
    assert_eq!(waited(&rig, &key).await?, "unrouted");
    // Nobody asks the plugin for a response, so that it rejects the event.
    let is_dead = |event: &Event| event.job("bot").is_some_and(|job| job.state == "dead");
    rig.host
        .wait_for_events("the rejection", |events| events.iter().any(is_dead))
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn host_says_which_responses_it_does_not_accept() -> Result<()> {
    let rig = rig_of("responder", "responds-wrongly").await?;
    let (key, answer) = ask(&rig).await?;
    assert_eq!((answer.status, answer.text().as_str()), (200, "right"));

    let event = is_done(&rig, &key).await?;
    let said: Vec<_> = rig.guest_lines(&event).await?;
    let said: Vec<_> = said.iter().map(Line::guest_text).collect();
    assert_eq!(
        said,
        [
            "invalid: 199 is not a status of a response; use one from 200 to 599",
            "invalid: a response with the status 204 has no body; leave the body out, or use 200",
            "invalid: the header content-length is set by the host alone",
            "too much: the body of a response may have 65536 bytes",
            "ok",
            "already",
        ]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plugin_learns_that_nobody_asks() -> Result<()> {
    let rig = rig_of("handled", "responds-wrongly").await?;
    let (key, answer) = ask(&rig).await?;
    assert_eq!(
        (answer.status, answer.says("status")),
        (200, "handled".into())
    );

    let event = is_done(&rig, &key).await?;
    let said = rig.guest_lines(&event).await?;
    assert!(
        said.iter().all(|line| line.guest_text() == "not asked"),
        "{said:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_wait_side_by_side() -> Result<()> {
    let rig = rig_of("responder", "responder").await?;
    let mut asking = JoinSet::new();
    for _ in 0..64 {
        let (key, body) = fresh_payment();
        let (client, address) = (rig.client.clone(), rig.host.address());
        asking.spawn(async move {
            let answer = client.post(address, PATH, &Webhook::json(body)).await;
            (key, answer)
        });
    }

    while let Some(answered) = asking.join_next().await {
        let (key, answer) = answered?;
        let answer = answer?;
        let expected = (201, format!("handled {key}"));
        assert_eq!((answer.status, answer.text()), expected);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_answers_requests_that_wait() -> Result<()> {
    let rig = rig_of("responder", "responds-late").await?;
    let (key, body) = fresh_payment();
    let (client, address) = (rig.client.clone(), rig.host.address());
    let request =
        tokio::spawn(async move { client.post(address, PATH, &Webhook::json(body)).await });
    let is_there = |events: &[Event]| events.iter().any(|event| event.key == key);
    rig.host.wait_for_events("the event", is_there).await?;

    rig.host.ask_to_end()?;

    assert_stored(&request.await??);
    let (ended, log) = rig.host.wait().await?;
    assert_eq!(ended.code(), Some(0), "{}", log.tail(30));
    let stopping = |line: &Line| line.text_of("waited") == "stopping";
    assert!(log.lines().iter().any(stopping), "{}", log.tail(30));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_before_the_answer_loses_no_response() -> Result<()> {
    let mut site = Site::temporary()?;
    let senders = Senders::new().await?;
    let lines = "ack = \"responder\"\nack_timeout = \"30s\"";
    let config = senders.introduce(&mut site, asking(lines))?;
    site.configure(&config)?;
    let bot = guests::test("responder")?;
    site.install("acme/bot", &bot)?;

    let crash = (
        "HOOKYARD_CRASH_AT".to_owned(),
        "settle-committed:1".to_owned(),
    );
    let binary = tokio::task::spawn_blocking(crashing_binary).await??;
    let mut host = match Host::start_with(&site, binary, &[crash]).await? {
        Start::Listening(host) => *host,
        Start::Ended(status, log) => bail!("the host ended ({status}): {}", log.tail(30)),
    };
    host.wait_for_revision("acme/bot", &bot.revision()).await?;
    let (key, body) = fresh_payment();
    let webhook = Webhook::json(body);
    let client = Client::http1();
    assert!(client.post(host.address(), PATH, &webhook).await.is_err());
    host.ended().await?;

    let host = Host::start(&site).await?;
    let answer = client.post(host.address(), PATH, &webhook).await?;
    assert_eq!(
        (answer.status, answer.text()),
        (201, format!("handled {key}"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_responder() -> Result<()> {
    let rig = rig_of("responder", "responder").await?;
    let findings = async || {
        let done = hookyard(&rig.site, &["check", "--json"]).await?;
        let lines = done.stdout.lines();
        let lines = lines.map(|line| Ok(serde_json::from_str::<Value>(line)?));
        lines.collect::<Result<Vec<_>>>()
    };
    let says = |findings: &[Value], verdict: &str, text: &str| {
        findings.iter().any(|finding| {
            let said = finding["text"].as_str().unwrap_or_default();
            finding["verdict"] == verdict && said.contains(text)
        })
    };

    let found = findings().await?;
    let one = "source /acme/asked: plugin bot answers its requests";
    assert!(says(&found, "ok", one), "{found:?}");

    rig.site
        .install("acme/other", &guests::test("responds-late")?)?;
    let found = findings().await?;
    let two = "the plugins bot, other can respond";
    assert!(says(&found, "note", two), "{found:?}");
    Ok(())
}
