//! What is recorded of requests stands with the job, until an attempt has more or the event goes.

use std::sync::Arc;

use hookyard_model::{Effects, Event, Header, Outcome, RecordedAnswer, WorkState};

use super::fixtures::{
    append, at, claim_one, event, failed, plugin, route_orders_to_ship, settlement,
};
use hookyard_store::{
    EventSelection, JobLease, Recent, Replay, Retention, RetentionLimits, Settlement, Store,
};

/// Runs the case, and panics where it doesn't hold.
pub async fn run<S: Store + Recent>(make: impl AsyncFn() -> Arc<S>) {
    let inbox = make().await;
    let store: Arc<dyn Store> = inbox.clone();
    let recorded = async |of: &str| {
        inbox
            .answers(event(1).id, &plugin(of))
            .await
            .expect("the answers")
    };
    route_orders_to_ship(&store).await;
    append(&store, [bare(1)]).await;
    assert_eq!(recorded("acme/ship").await, []);

    let first = [answer(1, "first"), answer(1, "second"), answer(2, "")];
    let job = claim_one(&store, 10).await;
    settle(&store, &job.lease, failed(), &first).await;
    assert_eq!(
        recorded("acme/ship").await,
        [],
        "what isn't done records nothing"
    );

    replay(&store).await;
    settle(
        &store,
        &claim_one(&store, 20).await.lease,
        Outcome::Done,
        &first,
    )
    .await;
    assert_eq!(recorded("acme/ship").await, first);
    assert_eq!(
        (
            recorded("acme/audit").await,
            recorded("umbrella/ship").await
        ),
        (Vec::new(), Vec::new())
    );

    // A later attempt's take their place, where it has some.
    replay(&store).await;
    settle(
        &store,
        &claim_one(&store, 30).await.lease,
        Outcome::Done,
        &[],
    )
    .await;
    assert_eq!(recorded("acme/ship").await, first);
    replay(&store).await;
    let third = RecordedAnswer {
        headers: Vec::new(),
        ..answer(3, "third")
    };
    settle(
        &store,
        &claim_one(&store, 40).await.lease,
        Outcome::Done,
        std::slice::from_ref(&third),
    )
    .await;
    assert_eq!(recorded("acme/ship").await, std::slice::from_ref(&third));

    // They count among the bytes of the tenant's events, and go with theirs.
    let of_event = event(1).body.len() as u64;
    let with_answer = of_event + third.body.len() as u64;
    let prune = async |bytes_max| {
        let fallback = RetentionLimits {
            bytes_max: Some(bytes_max),
            ..RetentionLimits::default()
        };
        store
            .prune(
                &Retention {
                    fallback,
                    ..Retention::default()
                },
                at(50),
                100,
            )
            .await
            .expect("a step of pruning")
    };
    assert_eq!(prune(with_answer).await.count, 0);
    let pruned = prune(with_answer - 1).await;
    assert_eq!((pruned.count, pruned.bytes), (1, with_answer));
    assert_eq!(recorded("acme/ship").await, []);
    append(&store, [bare(2)]).await;
    settle(
        &store,
        &claim_one(&store, 50).await.lease,
        Outcome::Done,
        &[],
    )
    .await;
    assert_eq!(
        prune(of_event).await.count,
        0,
        "what was freed is no longer counted"
    );
}

/// Without headers, whose bytes backends may count differently.
fn bare(number: u64) -> Event {
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

async fn settle(
    store: &Arc<dyn Store>,
    lease: &JobLease,
    outcome: Outcome,
    answers: &[RecordedAnswer],
) {
    let next = if outcome == Outcome::Done {
        WorkState::Done
    } else {
        WorkState::Dead
    };
    let effects = Effects {
        answers: answers.to_vec(),
        ..Effects::default()
    };
    store
        .settle(Settlement {
            effects,
            ..settlement(lease, outcome, next)
        })
        .await
        .expect("a settlement");
}

async fn replay(store: &Arc<dyn Store>) {
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
