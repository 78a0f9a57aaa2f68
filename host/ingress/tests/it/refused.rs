//! Refused requests that are kept for the operator.

use std::sync::Arc;
use std::time::Duration;

use hookyard_ingress::{Source, Sources};
use hookyard_model::{RefusedRequest, Timestamp};
use hookyard_schemes::{Credential, Scheme, Secret};
use hookyard_store::{RefusedBounds, RefusedPage, RefusedRequests, RefusedSelection};
use hookyard_store_testing::FaultyStore;
use hookyard_store_testing::faulty::{Call, Fault, When};

use crate::support::{BODY, NoFetch, Running, TOKEN, config, post, send, soon, source, start_with};

const BOUNDS: RefusedBounds = RefusedBounds {
    count_max: 3,
    bytes_max: 1 << 10,
    age_max: Duration::from_secs(3600),
};

/// Starts ingress with a source that keeps refused requests, and one that does not.
async fn start() -> Running {
    let token = || {
        let tokens = vec![Secret::from(TOKEN)];
        Scheme::Static(Credential::Bearer { tokens })
    };
    let sources = Sources::from_iter([
        source("silent", token()),
        Source {
            refused_kept: Some(BOUNDS),
            ..source("kept", token())
        },
    ]);
    let now = Timestamp::from_unix_secs(1_780_000_000);
    start_with(config(), sources, Arc::new(NoFetch), now).await
}

/// Waits until `count` requests are kept, and returns them.
async fn kept(store: &FaultyStore, count: usize) -> Vec<RefusedRequest> {
    let page = RefusedPage::first(RefusedSelection::default(), 100);
    let listed = soon("kept requests", async {
        loop {
            let listed = store.refused(page.clone()).await.expect("a page");
            if listed.len() == count {
                return listed;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;

    let mut requests = Vec::new();
    for summary in listed {
        let request = store.refused_request(summary.id).await.expect("a read");
        requests.push(request.expect("a kept request"));
    }
    requests
}

#[tokio::test]
async fn refused_request_is_kept_without_its_credential() {
    let running = start().await;
    let wrong = "authorization: Bearer someone-elses\r\nx-a: b\r\n";
    let answer = send(running.address, &post("/acme/kept?a=1", wrong, BODY)).await;
    assert_eq!(answer.status, 401);

    let kept = kept(&running.inbox, 1).await;
    let request = &kept[0];
    assert_eq!(request.source.to_string(), "acme/kept");
    assert_eq!(
        (request.status, &*request.reason),
        (401, "wrong-credential")
    );
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/acme/kept");
    assert_eq!(request.query.as_deref(), Some("a=1"));
    assert_eq!(request.body, BODY);
    assert_eq!(request.redacted, ["the header `authorization`"]);
    let headers = format!("{:?}", request.headers);
    assert!(
        headers.contains("x-a") && !headers.contains("someone-elses"),
        "{headers}"
    );
}

#[tokio::test]
async fn only_refusals_of_sources_that_ask_are_kept() {
    let running = start().await;
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    for (path, headers, status) in [
        ("/acme/silent", "", 401),
        ("/acme/kept", &*right, 200),
        ("/acme/nowhere", "", 404),
        ("/acme/kept", "", 401),
    ] {
        let answer = send(running.address, &post(path, headers, BODY)).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let kept = kept(&running.inbox, 1).await;
    assert_eq!(kept[0].reason, "missing-credential");
    assert_eq!(running.inbox.count(Call::KeepRefused), 1);
}

#[tokio::test]
async fn flood_keeps_a_bounded_number() {
    let running = start().await;
    let big = "x".repeat(2 << 10);
    assert_eq!(
        send(running.address, &post("/acme/kept", "", &big))
            .await
            .status,
        401
    );
    for _ in 0..30 {
        assert_eq!(
            send(running.address, &post("/acme/kept", "", BODY))
                .await
                .status,
            401
        );
    }

    kept(&running.inbox, 3).await;
    let written = running.inbox.count(Call::KeepRefused);
    assert!(written < 20, "{written} of 31 were written");
}

#[tokio::test]
async fn nobody_waits_until_a_request_is_kept() {
    let running = start().await;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let fault = Fault::Delay(Arc::clone(&gate));
    running.inbox.on(Call::KeepRefused, 1, When::Before, fault);
    let answer = send(running.address, &post("/acme/kept", "", BODY)).await;
    assert_eq!(answer.status, 401);

    gate.add_permits(1);
    kept(&running.inbox, 1).await;
}
