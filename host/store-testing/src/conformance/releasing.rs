//! Releases: the history of revisions, and the orders and blocks of operators.

use std::time::Duration;

use hookyard_model::{PluginRef, Revision, Step, Timestamp};

use hookyard_store::{
    BLOCKS_MAX, Block, Order, REVISIONS_MAX, ReleaseStep, RevisionRecord, STEPS_MAX,
};

use super::support::{at, plugin};
use super::{Case, TestStore, table};

/// A timeout that is only reached if a change goes unnoticed.
const NEVER: Duration = Duration::from_secs(20);

pub(super) const CASES: &[Case] = table![
    release_steps_are_listed_in_order,
    revision_state_is_last_step,
    revision_keeps_last_active_time,
    oldest_steps_go_active_revision_stays,
    new_order_replaces_old_order,
    each_revision_has_its_block,
    oldest_blocks_go,
    releases_keep_plugins_apart,
    order_and_block_wake_waiting_task,
];

fn revision(number: u8) -> Revision {
    Revision::from_sha256([number; 32])
}

fn ship() -> PluginRef {
    plugin("acme/ship")
}

fn step(number: u8, step: Step, second: i64) -> ReleaseStep {
    ReleaseStep {
        revision: Some(revision(number)),
        step,
        at: at(second),
        reason: None,
        report: None,
    }
}

async fn record(store: &TestStore, steps: &[ReleaseStep]) {
    store.record(&ship(), steps).await.expect("a record");
}

async fn revisions(store: &TestStore) -> Vec<RevisionRecord> {
    store.revisions(Some(&ship())).await.expect("the revisions")
}

fn standing(records: &[RevisionRecord]) -> Vec<(Revision, Step, Option<Timestamp>)> {
    records
        .iter()
        .map(|known| (known.revision, known.step, known.served_at))
        .collect()
}

async fn release_steps_are_listed_in_order(store: TestStore) {
    let seen = ReleaseStep {
        revision: None,
        step: Step::Seen,
        at: at(5),
        reason: None,
        report: None,
    };
    let refused = ReleaseStep {
        reason: Some("it's \"bad\"".into()),
        report: Some("line one\nline two, naïve".into()),
        ..step(1, Step::Refused, 5)
    };
    // The times do not order the steps, because clocks may be set back.
    let stored = [
        seen,
        step(1, Step::Settled, 7),
        refused,
        step(2, Step::Settled, 1),
    ];
    record(&store, &stored[..3]).await;
    record(&store, &stored[3..]).await;
    assert_eq!(store.steps(&ship()).await.expect("the steps"), stored);
    assert_eq!(
        store.steps(&plugin("acme/other")).await.expect("the steps"),
        []
    );
}

async fn revision_state_is_last_step(store: TestStore) {
    assert_eq!(revisions(&store).await, []);

    let reason = Some("worse".to_owned());
    let last = ReleaseStep {
        reason: reason.clone(),
        ..step(1, Step::Blocked, 9)
    };

    record(
        &store,
        &[
            step(1, Step::Settled, 1),
            step(2, Step::Compiled, 2),
            step(1, Step::Checked, 3),
            last,
        ],
    )
    .await;

    let known = revisions(&store).await;
    assert_eq!(
        standing(&known),
        [
            (revision(1), Step::Blocked, None),
            (revision(2), Step::Compiled, None)
        ]
    );
    assert_eq!((known[0].at, &known[0].reason), (at(9), &reason));
    assert_eq!(known[1].reason, None);

    record(&store, &[step(1, Step::Settled, 10)]).await;
    assert_eq!(
        revisions(&store).await[0].reason,
        None,
        "a reason is that of its step"
    );
}

async fn revision_keeps_last_active_time(store: TestStore) {
    record(
        &store,
        &[step(1, Step::Active, 1), step(2, Step::Compiled, 2)],
    )
    .await;
    record(
        &store,
        &[step(1, Step::Draining, 3), step(2, Step::Active, 3)],
    )
    .await;
    record(&store, &[step(1, Step::Retired, 4)]).await;

    let expected = [
        (revision(1), Step::Retired, Some(at(1))),
        (revision(2), Step::Active, Some(at(3))),
    ];
    assert_eq!(standing(&revisions(&store).await), expected);

    record(
        &store,
        &[step(2, Step::Blocked, 8), step(1, Step::Active, 8)],
    )
    .await;

    let expected = [
        (revision(1), Step::Active, Some(at(8))),
        (revision(2), Step::Blocked, Some(at(3))),
    ];
    assert_eq!(standing(&revisions(&store).await), expected);
}

async fn oldest_steps_go_active_revision_stays(store: TestStore) {
    let mut all = vec![step(0, Step::Active, 0)];
    for number in 1..=(STEPS_MAX + 20) {
        let number_of_revision = u8::try_from(number % 100 + 1).expect("a small number");
        all.push(step(
            number_of_revision,
            Step::Refused,
            i64::try_from(number).expect("a small number"),
        ));
    }
    for steps in all.chunks(50) {
        record(&store, steps).await;
    }
    let kept = store.steps(&ship()).await.expect("the steps");
    assert_eq!(kept, all[all.len() - STEPS_MAX..]);
    let known = revisions(&store).await;
    assert_eq!(known.len(), REVISIONS_MAX);
    let latest = all
        .iter()
        .rev()
        .take(REVISIONS_MAX - 1)
        .map(|step| step.revision.expect("each has one"));
    let expected: Vec<_> = latest.chain([revision(0)]).collect();
    assert_eq!(
        known.iter().map(|known| known.revision).collect::<Vec<_>>(),
        expected
    );
}

fn order(of: &str, number: u8, is_pin: bool) -> Order {
    Order {
        plugin: plugin(of),
        revision: revision(number),
        is_pin,
        ordered_at: at(number.into()),
        ordered_by: None,
    }
}

async fn new_order_replaces_old_order(store: TestStore) {
    assert_eq!(store.orders().await.expect("the orders"), []);
    assert!(
        !store
            .withdraw_order(&ship(), None)
            .await
            .expect("an answer")
    );
    for next in [
        order("acme/ship", 1, true),
        order("acme/books", 3, true),
        order("acme/ship", 2, false),
    ] {
        store.order(next, None).await.expect("a order");
    }
    let expected = [order("acme/books", 3, true), order("acme/ship", 2, false)];
    assert_eq!(store.orders().await.expect("the orders"), expected);
    assert!(
        store
            .withdraw_order(&ship(), None)
            .await
            .expect("an answer")
    );
    assert_eq!(store.orders().await.expect("the orders"), expected[..1]);
}

fn block(of: &str, number: u8, reason: &str) -> Block {
    Block {
        plugin: plugin(of),
        revision: revision(number),
        reason: reason.into(),
        since: at(number.into()),
        blocked_by: None,
    }
}

async fn each_revision_has_its_block(store: TestStore) {
    assert_eq!(store.blocks().await.expect("the blocks"), []);
    assert!(!store.unblock(&ship(), None).await.expect("an answer"));
    let stored = [
        block("acme/ship", 1, "first"),
        block("acme/ship", 2, "it's \"worse\""),
        block("umbrella/ship", 1, "theirs"),
    ];
    for block in &stored {
        store.block(block.clone(), None).await.expect("a block");
    }
    assert_eq!(store.blocks().await.expect("the blocks"), stored);
    let again = block("acme/ship", 1, "again");
    store.block(again.clone(), None).await.expect("a block");
    assert_eq!(
        store.blocks().await.expect("the blocks"),
        [stored[1].clone(), again, stored[2].clone()]
    );
    assert!(store.unblock(&ship(), None).await.expect("an answer"));
    assert_eq!(store.blocks().await.expect("the blocks"), stored[2..]);
}

async fn oldest_blocks_go(store: TestStore) {
    let stored: Vec<_> = (0..=u8::try_from(BLOCKS_MAX).expect("a few"))
        .map(|n| block("acme/ship", n, "bad"))
        .collect();
    for block in &stored {
        store.block(block.clone(), None).await.expect("a block");
    }
    assert_eq!(store.blocks().await.expect("the blocks"), stored[1..]);
}

async fn releases_keep_plugins_apart(store: TestStore) {
    for name in ["umbrella/ship", "acme/ship", "acme/books"] {
        store
            .record(
                &plugin(name),
                &[step(1, Step::Active, 1), step(2, Step::Refused, 2)],
            )
            .await
            .expect("a record");
    }

    let all = store.revisions(None).await.expect("all revisions");
    let stored: Vec<_> = all
        .iter()
        .map(|known| (known.plugin.to_string(), known.step))
        .collect();
    let both = |name: &str| {
        [
            (name.to_owned(), Step::Refused),
            (name.to_owned(), Step::Active),
        ]
    };
    assert_eq!(
        stored,
        [both("acme/books"), both("acme/ship"), both("umbrella/ship")].concat()
    );
}

async fn order_and_block_wake_waiting_task(store: TestStore) {
    let wakes = async |what: &str| {
        tokio::time::timeout(NEVER, store.releases_changed())
            .await
            .unwrap_or_else(|_| panic!("{what} wakes"));
    };
    store
        .order(order("acme/ship", 1, true), None)
        .await
        .expect("a order");
    wakes("a order").await;
    store
        .withdraw_order(&ship(), None)
        .await
        .expect("an answer");
    wakes("its end").await;
    store
        .block(block("acme/ship", 1, "bad"), None)
        .await
        .expect("a block");
    wakes("a block").await;
    store.unblock(&ship(), None).await.expect("an answer");
    wakes("its end").await;
}
