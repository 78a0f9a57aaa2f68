//! The last refused requests of each source.

use bytes::Bytes;
use hookyard_model::{Header, RefusedId, RefusedRequest};
use hookyard_store::{
    PruneSummary, RefusedBounds, RefusedLimits, RefusedPage, RefusedSelection, RefusedSummary,
};
use uuid::Uuid;

use super::support::{at, secs, source};
use super::{Case, TestStore, table};

pub(super) const CASES: &[Case] = table![
    refused_request_keeps_its_bytes,
    refused_requests_of_source_are_bounded,
    refused_requests_are_selected,
    refused_requests_are_paged,
    refused_requests_are_pruned_in_steps,
];

const BOUNDS: RefusedBounds = RefusedBounds {
    count_max: 3,
    bytes_max: 1 << 20,
    age_max: secs(60),
};

/// Returns a request that arrived at second `number` and was refused for a reason.
fn request(from: &str, number: u64, reason: &str) -> RefusedRequest {
    RefusedRequest {
        id: id(number),
        source: source(from),
        provider: "topi".into(),
        received_at: at(number.cast_signed()),
        peer: "192.0.2.7:4711".into(),
        status: 401,
        reason: reason.into(),
        detail: format!("refused: {reason}"),
        method: "POST".into(),
        path: format!("/{from}"),
        query: None,
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
        redacted: Vec::new(),
    }
}

fn id(number: u64) -> RefusedId {
    RefusedId::from_uuid(Uuid::from_u64_pair(number, 7))
}

async fn keep(store: &TestStore, request: RefusedRequest) {
    let kept = store.keep_refused(request, BOUNDS).await;
    kept.expect("a kept request");
}

/// Returns the numbers of the requests on a page.
async fn numbers(store: &TestStore, page: RefusedPage) -> Vec<u64> {
    let found = store.refused(page).await.expect("a page");
    let number = |request: &RefusedSummary| request.id.as_uuid().as_u64_pair().0;
    found.iter().map(number).collect()
}

async fn all(store: &TestStore) -> Vec<u64> {
    let page = RefusedPage::first(RefusedSelection::default(), 100);
    numbers(store, page).await
}

async fn refused_request_keeps_its_bytes(store: TestStore) {
    let header = |name: &str, value: &'static [u8]| Header {
        name: name.into(),
        value: Bytes::from_static(value),
    };
    let request = RefusedRequest {
        query: Some("a=%20&a".into()),
        headers: vec![header("x-a", b"\xff"), header("x-a", b"")],
        body: Bytes::from_static(b"\x00\xff\r\n"),
        redacted: vec!["the header `authorization`".into()],
        ..request("acme/orders", 1, "bad-signature")
    };
    keep(&store, request.clone()).await;

    let found = store.refused_request(id(1)).await.expect("a read");
    assert_eq!(found.as_ref(), Some(&request));
    assert_eq!(store.refused_request(id(2)).await.expect("a read"), None);
    let page = RefusedPage::first(RefusedSelection::default(), 10);
    let listed = store.refused(page).await.expect("a page");
    assert_eq!(listed, [RefusedSummary::of(&request)]);
}

async fn refused_requests_of_source_are_bounded(store: TestStore) {
    keep(&store, request("acme/orders", 1, "bad-signature")).await;
    keep(&store, request("acme/payments", 2, "missing-header")).await;
    for number in 3..6 {
        keep(&store, request("acme/orders", number, "missing-header")).await;
    }
    assert_eq!(all(&store).await, [1, 2, 4, 5]);

    keep(&store, request("acme/orders", 62, "stale-timestamp")).await;
    assert_eq!(all(&store).await, [2, 4, 5, 62], "1 is too old");
}

async fn refused_requests_are_selected(store: TestStore) {
    keep(&store, request("acme/orders", 1, "bad-signature")).await;
    keep(&store, request("acme/payments", 2, "bad-signature")).await;
    keep(&store, request("umbrella/orders", 3, "missing-header")).await;

    let any = RefusedSelection::default;
    let cases = [
        (any(), vec![1, 2, 3]),
        (
            RefusedSelection {
                ids: vec![id(1), id(3), id(9)],
                ..any()
            },
            vec![1, 3],
        ),
        (
            RefusedSelection {
                id_range: Some(id(2)..=id(3)),
                ..any()
            },
            vec![2, 3],
        ),
        (
            RefusedSelection {
                tenant: Some(source("acme/orders").tenant),
                ..any()
            },
            vec![1, 2],
        ),
        (
            RefusedSelection {
                source: Some(source("acme/orders").name),
                ..any()
            },
            vec![1, 3],
        ),
        (
            RefusedSelection {
                reason: Some("missing-header".into()),
                ..any()
            },
            vec![3],
        ),
        (
            RefusedSelection {
                since: Some(at(2)),
                until: Some(at(3)),
                ..any()
            },
            vec![2],
        ),
    ];
    for (selection, expected) in cases {
        let page = RefusedPage::first(selection.clone(), 100);
        assert_eq!(numbers(&store, page).await, expected, "{selection:?}");
    }
}

async fn refused_requests_are_paged(store: TestStore) {
    for number in 1..4 {
        keep(&store, request("acme/orders", number, "bad-signature")).await;
    }

    let oldest = RefusedPage::first(RefusedSelection::default(), 2);
    assert_eq!(numbers(&store, oldest.clone()).await, [1, 2]);
    let after = RefusedPage {
        after: Some(id(2)),
        ..oldest
    };
    assert_eq!(numbers(&store, after).await, [3]);

    let newest = RefusedPage::last(RefusedSelection::default(), 2);
    assert_eq!(numbers(&store, newest.clone()).await, [3, 2]);
    let after = RefusedPage {
        after: Some(id(2)),
        ..newest
    };
    assert_eq!(numbers(&store, after).await, [1]);
}

async fn refused_requests_are_pruned_in_steps(store: TestStore) {
    for number in 1..4 {
        keep(&store, request("acme/orders", number, "bad-signature")).await;
        let number = number + 10;
        keep(&store, request("acme/payments", number, "bad-signature")).await;
    }
    let limits = RefusedLimits {
        by_source: [(source("acme/payments"), BOUNDS)].into(),
    };

    let step = async |now: i64| {
        let pruned = store.prune_refused(&limits, at(now), 2).await;
        let PruneSummary { count, bytes, more } = pruned.expect("a step");
        assert_eq!(bytes, count * request("acme/orders", 1, "x").bytes());
        (count, more)
    };
    assert_eq!(step(20).await, (2, true));
    assert_eq!(step(20).await, (1, false));
    assert_eq!(step(20).await, (0, false));
    assert_eq!(all(&store).await, [11, 12, 13]);

    let payments = request("acme/payments", 1, "x").bytes();
    let pruned = store.prune_refused(&limits, at(72), 100).await;
    let pruned = pruned.expect("a step");
    assert_eq!((pruned.count, pruned.bytes), (1, payments), "11 is too old");
    assert_eq!(all(&store).await, [12, 13]);
}
