//! Recorded answers: the store keeps the answers to a plugin's HTTP requests with the job.

use hookyard_model::{Effects, Event, Header, Next, Outcome, RecordedAnswer};
use hookyard_store::{
    EventSelection, PruneSummary, Replay, Retention, RetentionLimits, Settlement,
};

use super::support::{
    append, at, claim_one, event, failed, plugin, route_orders_to_ship, settlement,
};
use super::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    answers_of_done_attempt_are_recorded,
    later_answers_replace_earlier_ones,
    recorded_answers_count_as_bytes,
];

async fn answers_of_done_attempt_are_recorded(store: TestStore) {
    prepare(&store).await;
    assert_eq!(recorded(&store, "acme/ship").await, []);

    let answers = [answer(1, "first"), answer(1, "second"), answer(2, "")];
    attempt(&store, 10, failed(), &answers).await;
    assert_eq!(
        recorded(&store, "acme/ship").await,
        [],
        "a failed attempt records nothing"
    );

    replay(&store).await;
    attempt(&store, 20, Outcome::Done, &answers).await;
    assert_eq!(recorded(&store, "acme/ship").await, answers);
    assert_eq!(recorded(&store, "acme/audit").await, []);
    assert_eq!(recorded(&store, "umbrella/ship").await, []);
}

async fn later_answers_replace_earlier_ones(store: TestStore) {
    prepare(&store).await;
    let first = [answer(1, "first"), answer(2, "second")];
    attempt(&store, 10, Outcome::Done, &first).await;

    replay(&store).await;
    attempt(&store, 20, Outcome::Done, &[]).await;
    assert_eq!(
        recorded(&store, "acme/ship").await,
        first,
        "an attempt without answers replaces nothing"
    );

    replay(&store).await;
    let later = [without_headers(answer(3, "third"))];
    attempt(&store, 30, Outcome::Done, &later).await;
    assert_eq!(recorded(&store, "acme/ship").await, later);
}

async fn recorded_answers_count_as_bytes(store: TestStore) {
    prepare(&store).await;
    let answers = [answer(1, "first"), without_headers(answer(3, "third"))];
    attempt(&store, 10, Outcome::Done, &answers[..1]).await;
    replay(&store).await;
    attempt(&store, 20, Outcome::Done, &answers[1..]).await;

    let of_event = event(1).body.len() as u64;
    let with_answer = of_event + answers[1].body.len() as u64;
    assert_eq!(prune(&store, with_answer).await.count, 0);

    let pruned = prune(&store, with_answer - 1).await;
    assert_eq!((pruned.count, pruned.bytes), (1, with_answer));
    assert_eq!(recorded(&store, "acme/ship").await, []);

    append(&store, [bare_event(2)]).await;
    attempt(&store, 50, Outcome::Done, &[]).await;
    assert_eq!(
        prune(&store, of_event).await.count,
        0,
        "removed answers are no longer counted"
    );
}

async fn prepare(store: &TestStore) {
    route_orders_to_ship(store).await;
    append(store, [bare_event(1)]).await;
}

/// Returns an event without headers, because backends may count the bytes of headers differently.
fn bare_event(number: u64) -> Event {
    Event {
        headers: Vec::new(),
        ..event(number)
    }
}

fn answer(request: u8, body: &'static str) -> RecordedAnswer {
    let headers = vec![Header {
        name: "x-number".into(),
        value: vec![request, 0xff].into(),
    }];

    RecordedAnswer {
        request: [request; 32],
        status: 203,
        headers,
        body: body.into(),
    }
}

fn without_headers(answer: RecordedAnswer) -> RecordedAnswer {
    RecordedAnswer {
        headers: Vec::new(),
        ..answer
    }
}

async fn recorded(store: &TestStore, of: &str) -> Vec<RecordedAnswer> {
    store
        .answers(event(1).id, &plugin(of))
        .await
        .expect("the answers")
}

/// Claims the job at second `now` and settles it with an outcome and answers.
async fn attempt(store: &TestStore, now: i64, outcome: Outcome, answers: &[RecordedAnswer]) {
    let job = claim_one(store, now).await;
    let next = if outcome == Outcome::Done {
        Next::Done
    } else {
        Next::Dead
    };
    let effects = Effects {
        answers: answers.to_vec(),
        ..Effects::default()
    };

    store
        .settle(Settlement {
            effects,
            ..settlement(&job.lease, outcome, next)
        })
        .await
        .expect("a settlement");
}

async fn replay(store: &TestStore) {
    let selection = EventSelection {
        ids: vec![event(1).id],
        ..EventSelection::default()
    };
    let replay = Replay {
        selection,
        revision: None,
        rate: None,
        now: at(10),
        dry_run: false,
    };

    store.replay(replay).await.expect("a replay");
}

async fn prune(store: &TestStore, bytes_max: u64) -> PruneSummary {
    let limits = RetentionLimits {
        bytes_max: Some(bytes_max),
        ..RetentionLimits::default()
    };
    let retention = Retention {
        fallback: limits,
        ..Retention::default()
    };

    store
        .prune(&retention, at(50), 100)
        .await
        .expect("a step of pruning")
}
