//! What the host holds of requests and answers.

use std::sync::Arc;

use hookyard_model::{MessageId, Outcome};
use hookyard_store_testing::MemoryStore;

use super::*;
use crate::effects::Buffer;
use crate::{Limits, Parts};

/// Answers each request with its own body.
struct Echo;

#[async_trait]
impl Http for Echo {
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError> {
        Ok(Response::new(call.request.into_body()))
    }
}

fn request(body: &'static str) -> Request<WasiBody> {
    let body = Full::new(Bytes::from_static(body.as_bytes()))
        .map_err(|never| match never {})
        .boxed_unsync();
    Request::post("https://api.example.com/")
        .body(body)
        .expect("a request")
}

#[tokio::test]
async fn bodies_count_against_memory_with_the_effects() {
    let limits = Limits {
        memory_max: 20,
        ..Limits::default()
    };
    let terms = Terms::limited(limits.clone());
    let parts = Parts {
        values: Arc::new(MemoryStore::new()),
        message_ids: Arc::new(|| MessageId::from_uuid(uuid::Uuid::from_u128(7))),
        http: Arc::new(Echo),
        stage: None,
    };
    let effects = Buffer::new(parts, terms.plugin.clone(), &limits);
    let output = Output::new(&terms, &effects.budget);
    let requests = Requests::new(&terms, effects.http(), &output, &effects.budget);
    let send = |body| {
        requests
            .sender
            .clone()
            .exchange(request(body), RequestOptions::default())
    };

    let fits = send("12345678").await.expect("sixteen bytes");
    assert_eq!(
        (fits.body().as_ref(), effects.denial()),
        (&b"12345678"[..], None)
    );
    // There is room for the next request, and none for its answer; then for no request either.
    let answer = send("123").await;
    assert!(
        matches!(answer, Err(Error::HttpResponseBodySize(None))),
        "{answer:?}"
    );
    let refused = send("12").await;
    assert!(
        matches!(refused, Err(Error::HttpRequestBodySize(None))),
        "{refused:?}"
    );

    assert_eq!(effects.denial(), Some(Outcome::OutOfMemory { max: 20 }));
    let log = output.take();
    assert!(
        log.len() == 2 && log.iter().all(|line| line.text.contains("memory_max")),
        "{log:?}"
    );
}
