//! Claims of messages: due messages are leased, each to one caller.

use hookyard_model::{Delivery, Message, Next, WorkState};

use super::support::{
    claim, claim_message, claim_of, commit, destination, end, failed, id, next_due, numbers,
    record, request, sent, settle, state, to,
};
use crate::conformance::support::{
    LEASE, NO_TOKEN, append, at, claim_of as claim_jobs, event, event_of, message, plugin,
    request as job_request, route, secs, settlement,
};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{MessageLease, MessageSettlement, Settlement};

pub(super) const CASES: &[Case] = table![
    claimed_message_is_whole,
    longest_due_message_is_claimed_first,
    message_claim_is_limited_to_destination,
    leased_message_is_not_claimed,
    expired_message_lease_is_claimed_again,
    extended_message_lease_is_kept,
    given_back_delivery_does_not_count,
    lost_message_lease_changes_nothing,
    waiting_message_is_due_later,
    clock_of_host_counts_for_no_message,
    concurrent_message_claims_share_nothing,
];

async fn claimed_message_is_whole(store: TestStore) {
    let typed = Message {
        event_type: Some("offer.accepted".into()),
        ..message(1)
    };

    commit(&store, 5, [typed.clone(), message(2)]).await;

    let claimed = claim(&store, 9, 50).await;
    assert_eq!(numbers(&claimed), [1, 2]);
    assert_eq!(
        claimed[0].lease,
        MessageLease {
            id: id(1),
            replays: 0,
            delivery: 1,
            token: claimed[0].lease.token,
        }
    );
    assert_eq!(state(&store, 1).await, WorkState::Leased { until: at(110) });
    assert_eq!(claimed[0].destination, destination("acme/shop"));
    assert_eq!(claimed[0].plugin, plugin("acme/ship"));
    assert_eq!(claimed[0].event, event(5).id);
    assert_eq!(
        (&claimed[0].event_type, &claimed[1].event_type),
        (&typed.event_type, &None)
    );
    assert_eq!(claimed[0].body, typed.body);
    assert_eq!(claimed[0].since, at(5));
}

async fn longest_due_message_is_claimed_first(store: TestStore) {
    commit(&store, 1, [message(3), message(1), message(2)]).await;

    let first = claim(&store, 1, 10).await.remove(0);
    assert_eq!(numbers(std::slice::from_ref(&first)), [3]);

    // The message is due again after the two messages that were always due, and before the later
    // message.
    settle(&store, &first.lease, failed(), store.until(20)).await;
    commit(&store, 30, [message(4)]).await;
    assert_eq!(numbers(&claim(&store, 2, 40).await), [1, 2]);
    assert_eq!(numbers(&claim(&store, 0, 40).await), [0; 0]);
    assert_eq!(numbers(&claim(&store, 9, 40).await), [3, 4]);
    assert_eq!(numbers(&claim(&store, 9, 40).await), [0; 0]);
}

async fn message_claim_is_limited_to_destination(store: TestStore) {
    route(
        &store,
        &[("acme/orders", &["ship"]), ("umbrella/orders", &["ship"])],
    )
    .await;
    append(&store, [event(1), event_of("umbrella/orders", 2)]).await;

    let jobs = claim_jobs(
        &store,
        &[job_request("acme/ship", 1), job_request("umbrella/ship", 1)],
        10,
    )
    .await;
    for (job, first) in jobs.iter().zip([1, 3]) {
        let mut settlement = settlement(&job.lease, hookyard_model::Outcome::Done, Next::Done);
        settlement.effects.messages = vec![message(first), to("bank", message(first + 1))];
        store
            .settle(Settlement { ..settlement })
            .await
            .expect("a settlement");
    }

    assert_eq!(numbers(&claim(&store, 9, 20).await), [1]);

    let both = [
        request("acme/bank", 9),
        request("umbrella/shop", 9),
        request("umbrella/nowhere", 9),
    ];
    let claimed = claim_of(&store, &both, 20).await;
    assert_eq!(numbers(&claimed), [2, 3]);
    assert_eq!(claimed[1].destination, destination("umbrella/shop"));
    assert_eq!(claimed[1].plugin, plugin("umbrella/ship"));
    assert_eq!(state(&store, 4).await, WorkState::Pending);
}

async fn leased_message_is_not_claimed(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    assert_eq!(next_due(&store).await, Some(0));
    let first = claim_message(&store, 10).await;
    assert_eq!(state(&store, 1).await, WorkState::Leased { until: at(70) });
    assert_eq!(next_due(&store).await, Some(60));
    assert_eq!(numbers(&claim(&store, 9, 69).await), [0; 0]);
    let second = claim_message(&store, 70).await;
    assert_eq!((first.lease.delivery, second.lease.delivery), (1, 2));
}

async fn expired_message_lease_is_claimed_again(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    let first = claim_message(&store, 10).await;
    // Nobody else has leased the message.
    sent(&store, &first.lease).await;
    assert_eq!(state(&store, 1).await, WorkState::Done);
    assert_eq!(next_due(&store).await, None);
}

async fn extended_message_lease_is_kept(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let claimed = claim_message(&store, 10).await;
    let leases = [claimed.lease];
    store
        .extend_messages(&leases, secs(490))
        .await
        .expect("an extension");
    store
        .extend_messages(&leases, secs(10))
        .await
        .expect("no lease is shortened");
    assert_eq!(numbers(&claim(&store, 9, 499).await), [0; 0]);
    assert_eq!(numbers(&claim(&store, 9, 500).await), [1]);
}

async fn given_back_delivery_does_not_count(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    let first = claim_message(&store, 10).await;
    store
        .give_back_messages(std::slice::from_ref(&first.lease))
        .await
        .expect("a release");
    assert_eq!(state(&store, 1).await, WorkState::Pending);

    let again = claim_message(&store, 10).await;
    assert_eq!(again.lease.delivery, first.lease.delivery);
}

async fn lost_message_lease_changes_nothing(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let lost = [
        claim_message(&store, 10).await.lease,
        MessageLease {
            id: id(9),
            replays: 0,
            delivery: 1,
            token: NO_TOKEN,
        },
    ];
    let held = claim_message(&store, 1_000).await;
    store
        .extend_messages(&lost, secs(9_000))
        .await
        .expect("nothing is done");
    store
        .give_back_messages(&lost)
        .await
        .expect("nothing is done");
    assert_eq!(
        state(&store, 1).await,
        WorkState::Leased { until: at(1_060) }
    );

    sent(&store, &held.lease).await;
    store
        .extend_messages(&[held.lease], secs(9_000))
        .await
        .expect("nothing is done");
    assert_eq!(state(&store, 1).await, WorkState::Done);
}

async fn waiting_message_is_due_later(store: TestStore) {
    commit(&store, 1, [message(1)]).await;

    let first = claim_message(&store, 10).await;
    settle(&store, &first.lease, failed(), store.until(300)).await;
    assert_eq!(next_due(&store).await, Some(290));
    assert_eq!(numbers(&claim(&store, 9, 299).await), [0; 0]);

    let second = claim_message(&store, 300).await;
    assert_eq!((second.lease.delivery, second.since), (2, at(1)));
    assert_eq!(record(&store, 1).await.summary.deliveries, 2);
}

async fn clock_of_host_counts_for_no_message(store: TestStore) {
    // The attempt that asks for the message ends an hour from now.
    commit(&store, 3_600, [message(1)]).await;
    store.set(10);
    assert_eq!(next_due(&store).await, Some(0));

    let claimed = claim_message(&store, 10).await;
    store.set(20);
    let leases = std::slice::from_ref(&claimed.lease);
    let extended = store.extend_messages(leases, LEASE).await;
    extended.expect("an extension");
    assert_eq!(next_due(&store).await, Some(60));

    let ended = end(&claimed.lease, failed(), store.until(50));
    let delivery = Delivery {
        started_at: at(-3_600),
        ..ended.delivery
    };
    let ended = MessageSettlement { delivery, ..ended };
    store.settle_message(ended).await.expect("a settlement");
    assert_eq!(next_due(&store).await, Some(30));
    assert_eq!(numbers(&claim(&store, 9, 49).await), [0; 0]);
    assert_eq!(numbers(&claim(&store, 9, 50).await), [1]);
}

async fn concurrent_message_claims_share_nothing(store: TestStore) {
    commit(&store, 1, (0..40).map(message)).await;

    let claims = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { numbers(&claim(&store, 7, 10).await) })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.expect("the task ends well"));
    }

    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
}
