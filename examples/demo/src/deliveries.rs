//! Sends every sample event of the four senders, signed, and prints what the typed handlers did
//! with it.

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_any_activation, is_attempt, is_guest};
use hookyard_testkit::log::Line;
use hookyard_testkit::samples;
use hookyard_testkit::senders::SOURCES;
use hookyard_testkit::sns::SignatureVersion;

use crate::paper::{Paper, cut, plain, quiet, verdict};
use crate::stage::Stage;

/// An acknowledged event.
struct Sent {
    name: String,
    status: u16,
    event: String,
}

pub(crate) async fn show(stage: &Stage, paper: &mut Paper) -> Result<String> {
    paper.section("Four senders, all their events, correctly signed");
    subscribe(stage, paper).await?;
    let mut count = 0;
    for (provider, path) in SOURCES {
        paper.gap();
        paper.say(&format!(
            "{provider} to /{path}, handled by {}",
            handler(stage, provider)
        ));
        let mut sent = Vec::new();
        for sample in samples::of(provider)? {
            let answer = stage
                .post(provider, &stage.senders.sign(provider, &sample.body)?)
                .await?;
            let name = format!("{provider} {}", sample.name);
            paper.expect(answer.is_accepted(), || {
                format!("{name} was answered {} {}", answer.status, answer.text())
            });
            sent.push(Sent {
                name,
                status: answer.status,
                event: answer.says("event"),
            });
        }
        count += sent.len();
        tell(stage, paper, provider, &sent).await?;
    }
    Ok(format!(
        "{count} events of 4 senders accepted, each handled by the typed handler of its plugin."
    ))
}

/// Confirms the subscription, because Amazon SNS asks first.
async fn subscribe(stage: &Stage, paper: &mut Paper) -> Result<()> {
    let sns = &stage.senders.tipser;
    let (message, token) = sns.subscription_confirmation();
    let answer = stage
        .post("tipser", &sns.sign(message, SignatureVersion::V1))
        .await?;
    let confirmed = sns
        .confirmations()
        .iter()
        .any(|target| target.ends_with(&token));
    paper.say("tipser's topic asks for a confirmation of the subscription");
    let words = if confirmed {
        "confirmed at the SubscribeURL"
    } else {
        "not confirmed"
    };
    paper.table(&[vec![
        verdict(answer.status.to_string(), answer.is_accepted()),
        verdict(words, confirmed),
    ]]);
    paper.expect(confirmed && answer.is_accepted(), || {
        "the subscription was not confirmed".into()
    });
    Ok(())
}

async fn tell(stage: &Stage, paper: &mut Paper, provider: &str, sent: &[Sent]) -> Result<()> {
    let is_attempted = |event: &Event| {
        event
            .job(provider)
            .is_some_and(|job| job.last_outcome.is_some())
    };
    let ours = |event: &Event| sent.iter().any(|sent| sent.event == event.id);
    let all = |events: &[Event]| {
        events
            .iter()
            .filter(|event| ours(event) && is_attempted(event))
            .count()
            == sent.len()
    };
    let events = stage
        .host
        .wait_for_events(&format!("every event of {provider} to be handled"), all)
        .await?;
    let mut rows = vec![
        ["", "event", "answer", "on the handler's log"]
            .map(quiet)
            .to_vec(),
    ];
    for Sent {
        name,
        status,
        event,
    } in sent
    {
        let event = events
            .iter()
            .find(|listed| listed.id == *event)
            .context("the list has every acknowledged event")?;
        let job = event.job(provider).context("the plugin has a job for it")?;
        paper.expect(job.state == "done", || {
            format!("{name} has the outcome {:?}", job.last_outcome)
        });
        let outcome = job.last_outcome.as_deref().unwrap_or_default();
        rows.push(vec![
            verdict(status.to_string(), *status == 200),
            plain(event.kind.clone().unwrap_or_default()),
            verdict(cut(outcome, 40), job.state == "done"),
            quiet(cut(&written(stage, &event.id).await?, 96)),
        ]);
    }
    paper.table(&rows);
    Ok(())
}

/// Returns the handlers of the provider's plugin, as the host logged them.
fn handler(stage: &Stage, provider: &str) -> String {
    let plugin = format!("acme/{provider}");
    let lines = stage.host.log().lines();
    let active = lines
        .iter()
        .rfind(|line| is_any_activation(line) && line.text_of("plugin") == plugin);
    active
        .map(|line| format!("{} of {plugin}", line.text_of("handlers")))
        .unwrap_or(plugin)
}

/// Returns the handler's log, shortened to one line.
async fn written(stage: &Stage, event: &str) -> Result<String> {
    let is_about = |line: &Line| line.text_of("event") == event;
    // The host logs an attempt after it is settled, and the guest's lines just before.
    stage
        .host
        .wait_for_log("the line of an attempt", |line| {
            is_attempt(line) && is_about(line)
        })
        .await?;
    let lines = stage
        .host
        .log()
        .lines()
        .into_iter()
        .filter(|line| is_guest(line) && is_about(line));
    let lines: Vec<String> = lines.map(|line| line.guest_text()).collect();
    Ok(match lines.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first}  (+{})", rest.len()),
    })
}
