//! The audit log tells who changed what, and listeners hear of what was committed.

use hookyard_model::{Next, Outcome, Revision};
use uuid::Uuid;

use super::support::{
    append, at, claim_one, event, message, plugin, route_orders_to_ship, settlement, source,
};
use super::{Case, TestStore, table};
use hookyard_store::{
    AuditEntry, AuditId, AuditPage, AuditSelection, Author, Block, DisabledDestination, Heard,
    Hint, Listener, Order, Tenants,
};

pub(super) const CASES: &[Case] = table![
    entries_are_listed_newest_first,
    audit_filters_narrow_list,
    change_and_entry_are_one,
    listener_hears_of_commits,
    hints_name_their_tenants,
];

fn entry(number: u8, tenant: Option<&str>) -> AuditEntry {
    AuditEntry {
        id: AuditId::from_uuid(Uuid::from_u128(number.into())),
        at: at(number.into()),
        author: Author {
            name: if number.is_multiple_of(2) {
                "ada"
            } else {
                "bob"
            }
            .into(),
            role: "operator".into(),
            from: "10.0.0.4".into(),
        },
        tenant: tenant.map(|tenant| tenant.parse().expect("a name")),
        action: "plugin.rollback".into(),
        target: "acme/books".into(),
        detail: Some(format!("to {number}, \"wrong ledger\"")),
        result: "ok".into(),
    }
}

async fn list(store: &TestStore, page: AuditPage, tenants: &Tenants) -> Vec<AuditEntry> {
    store.audit(page, tenants).await.expect("the log")
}

fn all() -> AuditPage {
    AuditPage::last(AuditSelection::default(), 100)
}

async fn entries_are_listed_newest_first(store: TestStore) {
    let entries = [
        entry(1, Some("acme")),
        entry(2, None),
        entry(3, Some("umbrella")),
    ];
    for entry in &entries {
        store.add_audit(entry.clone()).await.expect("added");
    }
    store
        .add_audit(entries[0].clone())
        .await
        .expect("added again");

    let newest_first: Vec<_> = entries.iter().rev().cloned().collect();
    assert_eq!(list(&store, all(), &Tenants::All).await, newest_first);
    let after = AuditPage {
        after: Some(entries[1].id),
        ..all()
    };
    assert_eq!(list(&store, after, &Tenants::All).await, entries[..1]);
    let one = AuditPage { limit: 1, ..all() };
    assert_eq!(list(&store, one, &Tenants::All).await, entries[2..]);

    let acme = Tenants::from(source("acme/orders").tenant);
    assert_eq!(list(&store, all(), &acme).await, entries[..1]);
    let oldest = AuditPage::first(AuditSelection::default(), 100);
    assert_eq!(list(&store, oldest, &Tenants::All).await, entries);
}

async fn audit_filters_narrow_list(store: TestStore) {
    let pin = AuditEntry {
        action: "plugin.pin".into(),
        target: "acme/ship".into(),
        ..entry(3, Some("acme"))
    };
    let entries = [entry(1, Some("acme")), entry(2, None), pin];
    for entry in &entries {
        store.add_audit(entry.clone()).await.expect("added");
    }

    let none = AuditSelection::default;
    for (selection, expected) in [
        (
            AuditSelection {
                author: Some("bob".into()),
                ..none()
            },
            &[1, 3][..],
        ),
        (
            AuditSelection {
                action: Some("plugin.pin".into()),
                ..none()
            },
            &[3],
        ),
        (
            AuditSelection {
                target: Some("acme/books".into()),
                ..none()
            },
            &[1, 2],
        ),
        (
            AuditSelection {
                tenant: Some(source("acme/orders").tenant),
                ..none()
            },
            &[1, 3],
        ),
        (
            AuditSelection {
                since: Some(at(2)),
                ..none()
            },
            &[2, 3],
        ),
        (
            AuditSelection {
                until: Some(at(2)),
                ..none()
            },
            &[1],
        ),
        (
            AuditSelection {
                author: Some("eve".into()),
                ..none()
            },
            &[],
        ),
    ] {
        let page = AuditPage::first(selection.clone(), 100);
        let found = list(&store, page, &Tenants::All).await;
        let seconds: Vec<_> = found.iter().map(|entry| entry.at).collect();
        let expected: Vec<_> = expected.iter().map(|second| at(*second)).collect();
        assert_eq!(seconds, expected, "{selection:?}");
    }
}

async fn change_and_entry_are_one(store: TestStore) {
    let books = plugin("acme/books");
    let nothing = store.unblock(&books, Some(entry(9, None))).await;
    assert!(!nothing.expect("an answer"));
    let nothing = store.withdraw_order(&books, Some(entry(9, None))).await;
    assert!(!nothing.expect("an answer"));
    assert_eq!(
        list(&store, all(), &Tenants::All).await,
        [],
        "nothing was changed"
    );

    let order = Order {
        plugin: books.clone(),
        revision: Revision::from_sha256([1; 32]),
        is_pin: true,
        ordered_at: at(1),
        ordered_by: Some("ada".into()),
    };
    store
        .order(order.clone(), Some(entry(1, None)))
        .await
        .expect("an order");
    assert_eq!(store.orders().await.expect("the orders"), [order]);
    let block = Block {
        plugin: books.clone(),
        revision: Revision::from_sha256([2; 32]),
        reason: "by hand".into(),
        since: at(1),
        blocked_by: Some("bob".into()),
    };
    store
        .block(block.clone(), Some(entry(2, None)))
        .await
        .expect("a block");
    assert_eq!(store.blocks().await.expect("the blocks"), [block]);
    assert!(
        store
            .withdraw_order(&books, Some(entry(3, None)))
            .await
            .expect("an answer")
    );
    assert!(
        store
            .unblock(&books, Some(entry(4, None)))
            .await
            .expect("an answer")
    );

    let destination = shop();
    let disabled = DisabledDestination {
        destination: destination.clone(),
        reason: "gone".into(),
        since: at(1),
    };
    store.disable(disabled).await.expect("disabled");
    for (number, was_disabled) in [(5, true), (6, false)] {
        let enabled = store.enable(&destination, Some(entry(number, None))).await;
        assert_eq!(enabled.expect("an answer"), was_disabled);
    }

    let oldest = AuditPage::first(AuditSelection::default(), 100);
    let expected = [1, 2, 3, 4, 5].map(|number| entry(number, None));
    assert_eq!(list(&store, oldest, &Tenants::All).await, expected);
}

fn shop() -> hookyard_model::DestinationRef {
    hookyard_model::DestinationRef {
        tenant: source("acme/orders").tenant,
        name: "shop".parse().expect("a name"),
    }
}

/// Returns the next hint.
async fn next(listener: &mut Listener) -> Hint {
    match listener.next().await {
        Some(Heard::Hint(hint)) => hint,
        other => panic!("no hint but {other:?}"),
    }
}

async fn listener_hears_of_commits(store: TestStore) {
    route_orders_to_ship(&store).await;
    append(&store, [event(1)]).await;

    let mut listener = store.listen();
    append(&store, [event(2), event(2)]).await;
    let job = claim_one(&store, 10).await;
    let mut end = settlement(&job.lease, Outcome::Done, Next::Done);
    end.effects.messages = vec![message(7)];
    store.settle(end).await.expect("a settlement");
    store
        .add_audit(entry(1, Some("acme")))
        .await
        .expect("added");

    let mut heard = Vec::new();
    loop {
        let hint = next(&mut listener).await;
        let is_last = matches!(hint, Hint::Audit(_));
        heard.push(hint);
        if is_last {
            break;
        }
    }
    let stored = Hint::Event {
        id: event(2).id,
        source: source("acme/orders"),
    };
    assert_eq!(
        heard[0], stored,
        "only what came after the listener, and once"
    );
    let of_job = Hint::Job {
        event: event(1).id,
        plugin: plugin("acme/ship"),
    };
    let jobs = heard.iter().filter(|hint| **hint == of_job);
    assert_eq!(jobs.count(), 2, "leased, then settled: {heard:?}");
    let of_message = Hint::Message {
        id: message(7).id,
        destination: shop(),
    };
    assert!(heard.contains(&of_message), "{heard:?}");
    assert_eq!(heard.len(), 5, "{heard:?}");
}

async fn hints_name_their_tenants(store: TestStore) {
    let mut listener = store.listen();
    append(&store, [event(1)]).await;
    assert_eq!(
        next(&mut listener).await.tenant(),
        Some(&source("acme/orders").tenant)
    );

    let lost = Revision::from_sha256([1; 32]);
    store
        .retry_failed(&plugin("acme/ship"), lost)
        .await
        .expect("nothing failed");
    store.add_figures(Vec::new()).await.expect("added");
    while next(&mut listener).await != Hint::Figures {}
}
