//! Requests that wait for the jobs of their events. The tests play the part of dispatch.

use std::sync::Arc;
use std::time::Duration;

use hookyard_ingress::{Config, Source, Sources, WaitRule};
use hookyard_model::{
    Attempt, Effects, EventId, Header, Next, Outcome, PluginName, Response, Revision, Timestamp,
};
use hookyard_schemes::Scheme;
use hookyard_store::{
    JobEnd, JobRequest, Jobs, KvUsage, OutboxQuota, Routes, Routing, Settlement, Wanted,
};
use hookyard_store_testing::faulty::{Call, Fault, When};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use crate::support::{
    Answer, BODY, NoFetch, Running, WAITS_MAX, closed, config, connect, post, send, soon, source,
    start_with,
};

const LONG: Duration = Duration::from_secs(60);

fn waiting(name: &str, wanted: Wanted, time_max: Duration) -> Source {
    Source {
        wait: Some(WaitRule { wanted, time_max }),
        ..source(name, Scheme::Unverified)
    }
}

fn plugin(name: &str) -> PluginName {
    name.parse().expect("a name")
}

/// Starts ingress with sources that wait: `handled`, `answered` for any response, `named` for the
/// response of `ship`, and `hasty`, which gives up at once. Each is routed to `ship`.
async fn start() -> Running {
    start_configured(config()).await
}

async fn start_configured(config: Config) -> Running {
    let of = Some(plugin("ship"));
    let sources = [
        waiting("handled", Wanted::Outcomes, LONG),
        waiting("answered", Wanted::Response { of: None }, LONG),
        waiting("named", Wanted::Response { of }, LONG),
        waiting("hasty", Wanted::Outcomes, Duration::ZERO),
    ];
    let names: Vec<_> = sources.iter().map(|source| source.name.clone()).collect();
    let now = Timestamp::from_unix_secs(1_780_000_000);
    let running = start_with(config, Sources::from_iter(sources), Arc::new(NoFetch), now).await;

    let routes = names
        .into_iter()
        .map(|name| (name, [plugin("ship")].into()));
    let routes = Routes(routes.collect());
    running.inbox.route(routes).await.expect("a route");
    running
}

/// Sends an event in a task of its own.
fn sending(running: &Running, path: &'static str, number: u32) -> JoinHandle<Answer> {
    let body = BODY.replace("evt-1", &format!("evt-{number}"));
    let address = running.address;
    tokio::spawn(async move { send(address, &post(path, "", &body)).await })
}

/// Waits until an event is stored, and settles its job as done, with or without a response.
async fn handle(running: &Running, response: Option<Response>) -> EventId {
    let ship = running.inbox.routes().await.expect("routes");
    let tenant = ship.0.keys().next().expect("a source").tenant.clone();
    let request = JobRequest {
        plugin: hookyard_model::PluginRef {
            tenant,
            name: plugin("ship"),
        },
        limit: 1,
    };
    let claiming = async {
        loop {
            let claimed = running
                .inbox
                .claim(std::slice::from_ref(&request), LONG)
                .await;
            if let Some(job) = claimed.expect("a claim").pop() {
                return job;
            }
            tokio::task::yield_now().await;
        }
    };
    let job = soon("a job", claiming).await;

    let event = job.lease.event;
    let effects = Effects {
        response: response.clone(),
        ..Effects::default()
    };
    let settlement = Settlement {
        attempt: Attempt {
            number: job.lease.attempt,
            revision: Revision::from_sha256([1; 32]),
            started_at: job.due,
            duration: Duration::ZERO,
            outcome: Outcome::Done,
            log: Vec::new(),
            used: None,
        },
        lease: job.lease,
        next: Next::Done,
        failed_on_probation: false,
        is_spared: false,
        effects,
        quota: KvUsage { keys: 0, bytes: 0 },
        outbox: OutboxQuota::default(),
    };
    running
        .inbox
        .settle(settlement)
        .await
        .expect("a settlement");
    running
        .waits
        .report(event, &plugin("ship"), JobEnd::Done(response));
    event
}

fn teapot() -> Response {
    let header = |name: &str, value: &'static str| Header {
        name: name.into(),
        value: value.into(),
    };
    Response {
        status: 418,
        headers: vec![header("x-pot", "round"), header("x-pot", "brown")],
        body: "short and stout".into(),
    }
}

#[tokio::test]
async fn handled_event_is_answered_after_its_jobs() {
    let running = start().await;
    let request = sending(&running, "/acme/handled", 1);

    let event = handle(&running, None).await;

    let answer = request.await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        format!(r#"{{"status":"handled","event":"{event}"}}"#)
    );
}

#[tokio::test]
async fn response_is_the_answer_and_a_repeat_gets_it_again() {
    let running = start().await;
    let request = sending(&running, "/acme/answered", 1);
    handle(&running, Some(teapot())).await;

    let first = request.await.expect("an answer");
    let repeat = sending(&running, "/acme/answered", 1)
        .await
        .expect("an answer");

    for answer in [first, repeat] {
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (418, "short and stout")
        );
        assert!(answer.head.contains("x-pot: round"), "{}", answer.head);
        assert!(answer.head.contains("x-pot: brown"), "{}", answer.head);
        let nosniff = "x-content-type-options: nosniff";
        assert!(answer.head.contains(nosniff), "{}", answer.head);
    }
}

#[tokio::test]
async fn failed_job_falls_back_at_once() {
    let running = start().await;
    for (number, end) in (1..).zip([JobEnd::Retried, JobEnd::Dead, JobEnd::NotRun]) {
        let request = sending(&running, "/acme/named", number);
        let stored = async {
            while running.stored().await.len() < number as usize {
                tokio::task::yield_now().await;
            }
        };
        soon("the event", stored).await;
        let event = running.stored().await.pop().expect("an event").id;
        running.waits.report(event, &plugin("ship"), end);

        let answer = soon("the fallback", request).await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(
            answer.body.contains(r#""status":"stored""#),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn late_outcome_falls_back() {
    let running = start().await;
    let answer = sending(&running, "/acme/hasty", 1)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains(r#""status":"stored""#),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn event_without_jobs_is_not_waited_for() {
    let running = start().await;
    let none = Routes::default();
    running.inbox.route(none).await.expect("a route");

    let answer = soon("the fallback", sending(&running, "/acme/answered", 1)).await;
    assert!(
        answer
            .expect("an answer")
            .body
            .contains(r#""status":"stored""#)
    );
}

#[tokio::test]
async fn unreadable_jobs_fall_back() {
    let running = start().await;
    let error = Fault::Answer(|| hookyard_store::Error::Busy);
    running.inbox.on_next(Call::Events, 1, When::Before, error);

    let answer = soon("the fallback", sending(&running, "/acme/answered", 1)).await;
    assert!(
        answer
            .expect("an answer")
            .body
            .contains(r#""status":"stored""#)
    );
}

#[tokio::test]
async fn more_requests_than_may_wait_fall_back() {
    let running = start().await;
    let waiting: Vec<_> = (1..=WAITS_MAX as u32)
        .map(|number| sending(&running, "/acme/handled", number))
        .collect();
    running.begun(WAITS_MAX).await;

    let answer = soon("the fallback", sending(&running, "/acme/handled", 99)).await;
    assert!(
        answer
            .expect("an answer")
            .body
            .contains(r#""status":"stored""#)
    );
    assert!(waiting.iter().all(|request| !request.is_finished()));
}

#[tokio::test]
async fn shutdown_answers_at_once() {
    let running = start().await;
    let request = sending(&running, "/acme/answered", 1);
    running.begun(1).await;

    running.stop.send(()).expect("it runs");

    let answer = soon("the fallback", request).await.expect("an answer");
    assert!(
        answer.body.contains(r#""status":"stored""#),
        "{}",
        answer.body
    );
    soon("the end", running.ended).await.expect("it ends well");
}

#[tokio::test]
async fn connection_that_waits_may_be_evicted() {
    let running = start_configured(Config {
        connections_max: 1,
        ..config()
    })
    .await;
    let mut first = connect(running.address).await;
    let request = post("/acme/handled", "", BODY);
    first.write_all(request.as_bytes()).await.expect("written");
    running.begun(1).await;

    let others = async {
        let mut number = 2;
        while sending(&running, "/acme/hasty", number)
            .await
            .expect("an answer")
            .status
            != 200
        {
            number += 1;
        }
    };

    soon("another connection", others).await;
    soon("the first connection to be closed", closed(&mut first)).await;
}
