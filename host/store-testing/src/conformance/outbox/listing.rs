//! Lists of messages: messages are listed in the order of their commit, and read whole.

use hookyard_model::{Message, WorkState};

use super::support::{
    claim_of, commit, destination, id, keyed, numbers_of, record, request, sent, to,
};
use crate::conformance::support::{at, event, message, messages, plugin};
use crate::conformance::{Case, TestStore, table};
use hookyard_store::{MessagePage, MessageRecord, MessageSelection, MessageSummary};

pub(super) const CASES: &[Case] = table![
    messages_are_listed_by_commit,
    messages_name_their_origin,
    missing_message_is_none,
    unsent_destinations_are_listed,
];

async fn messages_are_listed_by_commit(store: TestStore) {
    assert_eq!(messages(&store).await, []);

    for (number, ids) in (1..).zip([vec![50, 20], vec![], vec![30]]) {
        commit(&store, number, ids.into_iter().map(message)).await;
    }

    assert_eq!(numbers_of(&messages(&store).await), [50, 20, 30]);

    let after = async |number, limit| {
        let page = MessagePage {
            after: Some(id(number)),
            ..MessagePage::first(MessageSelection::default(), limit)
        };
        numbers_of(&store.messages(page).await.expect("the messages"))
    };
    assert_eq!(after(50, 9).await, [20, 30]);
    assert_eq!(after(50, 1).await, [20]);
    assert_eq!(after(30, 9).await, [0; 0]);
    assert_eq!(
        after(25, 9).await,
        [30],
        "a missing id still has a position"
    );
    assert_eq!(after(1, 9).await, [50, 20, 30]);
}

async fn messages_name_their_origin(store: TestStore) {
    let sent = Message {
        event_type: Some("offer.accepted".into()),
        ..keyed(1, "4711")
    };

    commit(&store, 1, [sent.clone()]).await;

    let summary = MessageSummary {
        id: id(1),
        plugin: plugin("acme/ship"),
        event: event(1).id,
        destination: "shop".parse().expect("a name"),
        event_type: sent.event_type,
        created_at: at(1),
        state: WorkState::Pending,
        behind: None,
        deliveries: 0,
        last_result: None,
        ended_at: None,
        body_bytes: 3,
    };
    assert_eq!(messages(&store).await, std::slice::from_ref(&summary));

    let expected = MessageRecord {
        summary,
        ordering_key: sent.ordering_key,
        replays: 0,
        body: sent.body,
        deliveries: Vec::new(),
    };
    assert_eq!(record(&store, 1).await, expected);
}

async fn missing_message_is_none(store: TestStore) {
    commit(&store, 1, [message(1)]).await;
    assert_eq!(store.message(id(2)).await.expect("a read"), None);
}

async fn unsent_destinations_are_listed(store: TestStore) {
    let unsent = async || store.unsent_destinations().await.expect("the destinations");
    assert_eq!(unsent().await, []);

    commit(
        &store,
        1,
        [
            message(1),
            to("bank", keyed(2, "a")),
            to("bank", keyed(3, "a")),
        ],
    )
    .await;
    assert_eq!(
        unsent().await,
        [destination("acme/bank"), destination("acme/shop")]
    );

    for claimed in claim_of(
        &store,
        &[request("acme/bank", 9), request("acme/shop", 9)],
        10,
    )
    .await
    {
        assert_eq!(
            unsent().await,
            [destination("acme/bank"), destination("acme/shop")],
            "under lease"
        );
        if claimed.destination == destination("acme/bank") {
            sent(&store, &claimed.lease).await;
        }
    }

    assert_eq!(
        unsent().await,
        [destination("acme/bank"), destination("acme/shop")]
    );

    sent(
        &store,
        &claim_of(&store, &[request("acme/bank", 9)], 20).await[0].lease,
    )
    .await;
    assert_eq!(unsent().await, [destination("acme/shop")]);
}
