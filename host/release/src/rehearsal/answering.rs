//! Responses to the requests of rehearsed attempts: the stubs of a fixture, or the responses
//! recorded with the event. A rehearsal sends no request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_model::RecordedAnswer;
use hookyard_plugin::{HttpCall, HttpClient, HttpError, HttpFault, request_digest};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::fixture::Stub;
use hookyard_plugin_http as requests;

/// The available responses.
#[derive(Clone)]
pub(super) enum Answers {
    /// Stubs of a fixture. The first stub with the method and URL of a request answers every such
    /// request.
    Stubs(Arc<Vec<Stub>>),
    /// Recorded responses. Each answers one request of an attempt with the same method, URL and
    /// body.
    Recorded(Vec<RecordedAnswer>),
}

impl Answers {
    /// Returns the response to a request, if there is one.
    fn take(&mut self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        match self {
            Self::Stubs(stubs) => {
                let stub = stubs
                    .iter()
                    .find(|stub| stub.method == *request.method() && stub.url == *request.uri());
                stub.map(
                    |Stub {
                         status,
                         headers,
                         body,
                         ..
                     }| response(*status, headers.iter().cloned(), body),
                )
            }
            Self::Recorded(recorded) => {
                let digest = request_digest(request);
                let at = recorded
                    .iter()
                    .position(|answer| answer.request == digest)?;
                let RecordedAnswer {
                    status,
                    headers,
                    body,
                    ..
                } = recorded.remove(at);

                let header = |(name, value): (String, Bytes)| {
                    Some((
                        name.parse::<HeaderName>().ok()?,
                        HeaderValue::from_maybe_shared(value).ok()?,
                    ))
                };
                let headers = headers
                    .into_iter()
                    .filter_map(|pair| header((pair.name, pair.value)));
                Some(response(StatusCode::from_u16(status).ok()?, headers, &body))
            }
        }
    }

    /// Returns the error of a request without a response.
    fn lack(&self) -> &'static str {
        match self {
            Self::Stubs(_) => "a rehearsal sends no requests, and no stub answers this request",
            Self::Recorded(_) => {
                "a rehearsal sends no requests, and no recorded answer matches this request"
            }
        }
    }
}

/// Builds a response.
fn response(
    status: StatusCode,
    headers: impl Iterator<Item = (HeaderName, HeaderValue)>,
    body: &Bytes,
) -> Response<Bytes> {
    let mut answer = Response::new(body.clone());
    *answer.status_mut() = status;

    for (name, value) in headers {
        answer.headers_mut().append(name, value);
    }

    answer
}

/// Answers the granted requests of one attempt. Requests without a response are refused.
pub(super) struct RecordedClient {
    left: Mutex<Answers>,
    lacked_answer: AtomicBool,
    exchanges: Mutex<Vec<Exchange>>,
}

/// A request of a rehearsed attempt, and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The method of the request.
    pub method: Method,
    /// The URL of the request.
    pub url: Uri,
    /// The response. `None` if the request was refused, because no response is available.
    pub answer: Option<Response<Bytes>>,
}

impl RecordedClient {
    pub(super) fn new(answers: Answers) -> Self {
        Self {
            left: Mutex::new(answers),
            lacked_answer: AtomicBool::new(false),
            exchanges: Mutex::default(),
        }
    }

    /// Returns the granted requests so far, in order.
    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.exchanges).clone()
    }

    /// Returns whether a request was refused that an active revision would have sent.
    pub(super) fn lacked_answer(&self) -> bool {
        self.lacked_answer.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl HttpClient for RecordedClient {
    async fn send(&self, call: HttpCall) -> Result<Response<Bytes>, HttpError> {
        requests::check(&call)?;

        let mut left = lock(&self.left);
        let answer = left.take(&call.request);
        lock(&self.exchanges).push(Exchange {
            method: call.request.method().clone(),
            url: call.request.uri().clone(),
            answer: answer.clone(),
        });

        answer.ok_or_else(|| {
            self.lacked_answer.store(true, Ordering::Relaxed);
            HttpError {
                fault: HttpFault::Denied,
                message: left.lack().to_owned(),
            }
        })
    }
}

/// Locks a mutex. No code panics while it holds a lock, so a poisoned lock is still consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use hookyard_model::Header;

    use super::*;

    fn request(method: &str, url: &str, body: &'static str) -> Request<Bytes> {
        Request::builder()
            .method(method)
            .uri(url)
            .body(body.into())
            .expect("a request")
    }

    #[test]
    fn equal_requests_receive_answers_in_order() {
        let (get, post) = (
            request("GET", "https://a.example/", ""),
            request("POST", "https://a.example/", "x"),
        );
        let recorded = |request: &Request<Bytes>, body: &'static str| {
            let header = |value: &'static str| Header {
                name: "x-a".into(),
                value: value.into(),
            };
            let headers = vec![header("1"), header("2")];
            RecordedAnswer {
                request: request_digest(request),
                status: 203,
                headers,
                body: body.into(),
            }
        };

        let mut answers = Answers::Recorded(vec![
            recorded(&get, "first"),
            recorded(&post, "other"),
            recorded(&get, "second"),
        ]);
        let mut body = |request: &Request<Bytes>| {
            let answer = answers.take(request)?;
            assert_eq!(
                (
                    answer.status(),
                    answer.headers().get_all("x-a").iter().count()
                ),
                (StatusCode::NON_AUTHORITATIVE_INFORMATION, 2)
            );
            Some(answer.into_body())
        };

        assert_eq!(body(&request("POST", "https://a.example/", "y")), None);
        assert_eq!(body(&get), Some("first".into()));
        assert_eq!(body(&get), Some("second".into()));
        assert_eq!(body(&get), None);
        assert_eq!(body(&post), Some("other".into()));
    }
}
