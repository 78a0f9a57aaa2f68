//! Selections of messages: a list has what the selection matches and nothing else.

use hookyard_model::{DeliveryResult, Message, Next, Outcome};

use super::support::{claim, commit, failed, id, keyed, numbers_of, sent, settle, to};
use crate::conformance::support::{
    append, at, claim_of as claim_jobs, event, event_of, message, request as job_request, route,
    settlement,
};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{ListOrder, MessagePage, MessageSelection};

pub(super) const CASES: &[Case] = table![message_selection_filters_list];

/// Stores messages. Messages 1 to 4 to `acme/shop` are done, dead, waiting and leased; 5 goes to
/// `acme/bank`, 6 is of another tenant, and 7 of another plugin.
async fn prepare(store: &TestStore) {
    let typed = Message {
        event_type: Some("offer.accepted".into()),
        ..message(2)
    };

    commit(store, 1, [message(1), typed]).await;

    let with_text = Message {
        body: (&b"\xff 4711 \x00"[..]).into(),
        ..message(4)
    };

    commit(store, 2, [keyed(3, "a"), with_text, to("bank", message(5))]).await;

    let claimed = claim(store, 9, 10).await;
    sent(store, &claimed[0].lease).await;
    settle(store, &claimed[1].lease, DeliveryResult::Gone, Next::Dead).await;
    settle(store, &claimed[2].lease, failed(), store.until(100)).await;
    route(
        store,
        &[("acme/orders", &["audit"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(store, [event_of("umbrella/orders", 3), event(4)]).await;

    for job in claim_jobs(
        store,
        &[
            job_request("umbrella/ship", 1),
            job_request("acme/audit", 1),
        ],
        10,
    )
    .await
    {
        let mut settlement = settlement(&job.lease, Outcome::Done, Next::Done);
        let number = if job.lease.plugin.tenant.as_str() == "umbrella" {
            6
        } else {
            7
        };
        settlement.attempt.started_at = at(number);
        settlement.effects.messages = vec![message(number.unsigned_abs().into())];
        store.settle(settlement).await.expect("a settlement");
    }
}

async fn message_selection_filters_list(store: TestStore) {
    prepare(&store).await;

    let all = MessageSelection::default;
    let state = |name: &str| MessageSelection {
        states: vec![name.into()],
        ..all()
    };

    let tenant = |name: &str| MessageSelection {
        tenant: Some(name.parse().expect("a name")),
        ..all()
    };
    let shop = || Some("shop".parse().expect("a name"));
    let cases: Vec<(MessageSelection, &[u128])> = vec![
        (all(), &[1, 2, 3, 4, 5, 6, 7]),
        (
            MessageSelection {
                ids: vec![id(5), id(2), id(99)],
                ..all()
            },
            &[2, 5],
        ),
        (tenant("acme"), &[1, 2, 3, 4, 5, 7]),
        (tenant("umbrella"), &[6]),
        (tenant("nobody"), &[]),
        (
            MessageSelection {
                destination: shop(),
                ..all()
            },
            &[1, 2, 3, 4, 6, 7],
        ),
        (
            MessageSelection {
                destination: shop(),
                ..tenant("umbrella")
            },
            &[6],
        ),
        (
            MessageSelection {
                plugin: Some("audit".parse().expect("a name")),
                ..all()
            },
            &[7],
        ),
        (
            MessageSelection {
                event_type: Some("offer.accepted".into()),
                ..all()
            },
            &[2],
        ),
        (
            MessageSelection {
                event: Some(event(2).id),
                ..all()
            },
            &[3, 4, 5],
        ),
        (
            MessageSelection {
                event: Some(event(2).id),
                ..state("waiting")
            },
            &[3],
        ),
        (state("pending"), &[5, 6, 7]),
        (state("leased"), &[4]),
        (state("waiting"), &[3]),
        (state("done"), &[1]),
        (state("dead"), &[2]),
        (
            MessageSelection {
                destination: shop(),
                ..state("dead")
            },
            &[2],
        ),
        (state("held"), &[]),
        (
            MessageSelection {
                states: vec!["dead".into(), "waiting".into()],
                ..all()
            },
            &[2, 3],
        ),
        (
            MessageSelection {
                id_range: Some(id(3)..=id(5)),
                ..all()
            },
            &[3, 4, 5],
        ),
        (
            MessageSelection {
                id_range: Some(id(3)..=id(5)),
                ..state("pending")
            },
            &[5],
        ),
        (
            MessageSelection {
                text: Some("4711".into()),
                ..all()
            },
            &[4],
        ),
        (
            MessageSelection {
                text: Some("4712".into()),
                ..all()
            },
            &[],
        ),
        (
            MessageSelection {
                since: Some(at(2)),
                ..tenant("acme")
            },
            &[3, 4, 5, 7],
        ),
        (
            MessageSelection {
                until: Some(at(2)),
                ..all()
            },
            &[1, 2],
        ),
        (
            MessageSelection {
                since: Some(at(2)),
                until: Some(at(7)),
                ..all()
            },
            &[3, 4, 5, 6],
        ),
    ];
    for (selection, expected) in cases {
        let page = MessagePage::first(selection, 99);
        assert_eq!(
            numbers_of(&store.messages(page.clone()).await.expect("a list")),
            expected,
            "{page:?}"
        );
        let newest = MessagePage {
            order: ListOrder::NewestFirst,
            ..page.clone()
        };
        let listed = numbers_of(&store.messages(newest).await.expect("a list"));
        assert_eq!(
            listed,
            expected.iter().rev().copied().collect::<Vec<_>>(),
            "{page:?}"
        );
        let page = MessagePage {
            after: Some(id(3)),
            limit: 2,
            ..page
        };
        let later: Vec<_> = expected
            .iter()
            .copied()
            .filter(|number| *number > 3)
            .take(2)
            .collect();
        assert_eq!(
            numbers_of(&store.messages(page.clone()).await.expect("a list")),
            later,
            "{page:?}"
        );
        let page = MessagePage {
            order: ListOrder::NewestFirst,
            ..page
        };
        let earlier: Vec<_> = expected
            .iter()
            .copied()
            .rev()
            .filter(|number| *number < 3)
            .take(2)
            .collect();
        assert_eq!(
            numbers_of(&store.messages(page.clone()).await.expect("a list")),
            earlier,
            "{page:?}"
        );
    }
}
