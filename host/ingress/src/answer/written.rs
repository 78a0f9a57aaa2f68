//! Writes answers as HTTP.

use bytes::Bytes;
use hookyard_model::Response;
use hookyard_schemes::AnswerParts;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;

use super::Answer;

/// Returns the answer that a plugin gave. The response was checked when the plugin gave it, so that
/// each of its headers is valid.
pub(super) fn response_answer(status: StatusCode, response: &Response) -> Answer {
    let mut answer = untyped(status, response.body.clone());
    for header in &response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_maybe_shared(header.value.clone());
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
        .headers_mut()
        .entry(X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    answer
}

pub(super) fn json(status: StatusCode, text: String) -> Answer {
    typed(status, HeaderValue::from_static("application/json"), text)
}

pub(super) fn text(status: StatusCode, text: &'static str) -> Answer {
    typed(status, HeaderValue::from_static("text/plain"), text)
}

/// Returns the answer that the source or the provider gives. Its parts are checked when they are
/// made, so that each of them is a valid header.
pub(super) fn given(status: StatusCode, parts: &AnswerParts) -> Answer {
    let content_type = parts.content_type();
    let mut answer = match content_type.and_then(|given| HeaderValue::from_str(given).ok()) {
        Some(content_type) => typed(status, content_type, parts.body().to_vec()),
        None => untyped(status, Bytes::new()),
    };
    for (name, value) in parts.headers() {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}

fn typed(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Answer {
    let mut answer = untyped(status, body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn untyped(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = http::Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
}
