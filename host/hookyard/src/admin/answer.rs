//! What a request of an administrator is answered with.

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::Room;

/// Texts only; what Prometheus reads, it knows by its version.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers a request. Its body, if it has one, is never read.
pub(super) fn answer<B>(request: &Request<B>, room: &Room) -> Response<String> {
    if !may_ask(request, room) {
        let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal(StatusCode::UNAUTHORIZED, "show the admin token: Authorization: Bearer ...", Some(challenge));
    }
    match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET) => text(StatusCode::OK, room.metrics.render()),
        ("/metrics", _) => {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "use GET", Some((ALLOW, HeaderValue::from_static("GET"))))
        }
        _ => refusal(StatusCode::NOT_FOUND, "nothing is served here; there is /metrics", None),
    }
}

fn may_ask<B>(request: &Request<B>, room: &Room) -> bool {
    let Some(token) = &room.token else { return true };
    let shown = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    shown.and_then(bearer).is_some_and(|shown| token.matches(shown))
}

/// The token of an `Authorization: Bearer`, whose scheme's name is written in any case (RFC 9110, 11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn refusal(status: StatusCode, why: &str, header: Option<(HeaderName, HeaderValue)>) -> Response<String> {
    let mut refusal = text(status, format!("{why}\n"));
    refusal.headers_mut().extend(header);
    refusal
}

fn text(status: StatusCode, text: String) -> Response<String> {
    let mut answer = Response::new(text);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, TEXT);
    answer
}

#[cfg(test)]
mod tests {
    use hookyard_verify::Secret;

    use super::*;
    use crate::admin::metrics::Metrics;

    fn status(token: Option<&str>, method: &str, path: &str, authorization: Option<&str>) -> u16 {
        let room = Room { token: token.map(Secret::from), metrics: Metrics::detached() };
        let mut request = Request::builder().method(method).uri(path);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        answer(&request.body(()).expect("a request"), &room).status().as_u16()
    }

    #[test]
    fn metrics_are_served_and_nothing_else() {
        for (method, path, expected) in
            [("GET", "/metrics", 200), ("GET", "/metrics?x=1", 200), ("POST", "/metrics", 405), ("GET", "/", 404)]
        {
            assert_eq!(status(None, method, path, None), expected, "{method} {path}");
        }
    }

    #[test]
    fn only_who_shows_the_token_is_answered() {
        for (authorization, expected) in [
            (None, 401),
            (Some("Bearer secret"), 200),
            (Some("bearer  secret"), 200),
            (Some("Bearer secre"), 401),
            (Some("Bearer secret2"), 401),
            (Some("Bearer"), 401),
            (Some("Basic secret"), 401),
            (Some("secret"), 401),
        ] {
            assert_eq!(status(Some("secret"), "GET", "/metrics", authorization), expected, "{authorization:?}");
        }
        assert_eq!(status(Some("secret"), "GET", "/", None), 401, "who may not ask is told nothing");
    }
}
