//! The memory that the host holds for requests and answers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::client::{HttpCall, HttpClient, HttpError};
use super::requests::Requests;
use crate::Limits;
use crate::call::budget::{Budget, MemoryExceeded};
use crate::call::calls::Calls;
use crate::call::output::Output;
use crate::terms::Terms;

/// A client that answers each request with its own body.
struct Echo;

#[async_trait]
impl HttpClient for Echo {
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
async fn bodies_count_against_memory_limit() {
    let limits = Limits {
        memory_max: 20,
        ..Limits::default()
    };
    let terms = Terms::limited(limits.clone());
    let budget = Budget::new(&limits);
    let output = Output::new(&terms, &budget);
    let client: Arc<dyn HttpClient> = Arc::new(Echo);
    let requests = Requests::new(&terms, &client, &output, &budget, &Calls::default());
    let send = |body| {
        let sender = requests.sender.clone();
        sender.exchange(request(body), RequestOptions::default())
    };

    let fits = send("12345678").await.expect("sixteen bytes fit");
    assert_eq!(fits.body().as_ref(), b"12345678");
    assert_eq!(budget.refused_hold(), None);

    // The next request fits, but its answer does not. After that, no further request fits.
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

    assert_eq!(budget.refused_hold(), Some(MemoryExceeded { max: 20 }));
    let log = output.take();
    assert!(
        log.len() == 2 && log.iter().all(|line| line.text.contains("memory_max")),
        "{log:?}"
    );
}
