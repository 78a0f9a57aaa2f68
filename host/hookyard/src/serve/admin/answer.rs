//! What a request of an administrator is answered with.
//!
//! A page in an administrator's browser can send requests here as well. A page that had its own name resolved to this
//! listener's address (DNS rebinding) is told by `Host`, and other pages by `Origin`. Addresses are as good as the
//! listener's own in `Host`: nobody can have them resolved to something else.

use std::net::IpAddr;

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::Room;

const NO_HOST: &str = "say in one Host header where the request goes";
const OTHER_HOST: &str = "sent to a name that isn't this listener's: use its address or localhost, or add the name to `hosts` in [admin]";
const OTHER_ORIGIN: &str = "sent by a page of another origin, which may ask for nothing here";

/// Texts only; what Prometheus reads, it knows by its version.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers a request. Its body, if it has one, is never read.
pub(super) fn answer<B>(request: &Request<B>, room: &Room) -> Response<String> {
    let Some(host) = host(request) else {
        return refusal(StatusCode::BAD_REQUEST, NO_HOST, None);
    };
    if !is_ours(&host, room)
        || request
            .uri()
            .authority()
            .is_some_and(|authority| !is_ours(authority, room))
    {
        return refusal(StatusCode::MISDIRECTED_REQUEST, OTHER_HOST, None);
    }
    if request
        .headers()
        .get_all(ORIGIN)
        .iter()
        .any(|origin| !is_of(origin, &host))
    {
        return refusal(StatusCode::FORBIDDEN, OTHER_ORIGIN, None);
    }
    if !may_ask(request, room) {
        let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal(
            StatusCode::UNAUTHORIZED,
            "show the admin token: Authorization: Bearer ...",
            Some(challenge),
        );
    }
    match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET) => text(StatusCode::OK, room.metrics.render()),
        ("/metrics", _) => refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "use GET",
            Some((ALLOW, HeaderValue::from_static("GET"))),
        ),
        _ => refusal(
            StatusCode::NOT_FOUND,
            "nothing is served here; there is /metrics",
            None,
        ),
    }
}

/// The one `Host` of a request.
fn host<B>(request: &Request<B>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = Authority::try_from(hosts.next()?.as_bytes()).ok()?;
    (hosts.next().is_none() && !host.as_str().contains('@')).then_some(host)
}

fn is_ours(host: &Authority, room: &Room) -> bool {
    let name = host.host();
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_same = |other: &str| name.eq_ignore_ascii_case(other);
    address.parse::<IpAddr>().is_ok()
        || is_same("localhost")
        || room.hosts.iter().any(|host| is_same(host))
}

/// Whether a page of this origin was served from there. Before the host there may be something that does TLS.
fn is_of(origin: &HeaderValue, host: &Authority) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
}

fn may_ask<B>(request: &Request<B>, room: &Room) -> bool {
    let Some(token) = &room.token else {
        return true;
    };
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    shown
        .and_then(bearer)
        .is_some_and(|shown| token.matches(shown))
}

/// The token of an `Authorization: Bearer`, whose scheme's name is written in any case (RFC 9110, 11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn refusal(
    status: StatusCode,
    why: &str,
    header: Option<(HeaderName, HeaderValue)>,
) -> Response<String> {
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
    use hookyard_schemes::Secret;

    use super::*;
    use crate::serve::metrics::Metrics;

    fn status(token: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let hosts = vec!["metrics.example".to_owned()];
        let room = Room {
            token: token.map(Secret::from),
            hosts,
            metrics: Metrics::detached(),
        };
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        answer(&request.body(()).expect("a request"), &room)
            .status()
            .as_u16()
    }

    #[test]
    fn metrics_are_served_and_nothing_else() {
        for (method, path, expected) in [
            ("GET", "/metrics", 200),
            ("GET", "/metrics?x=1", 200),
            ("POST", "/metrics", 405),
            ("GET", "/", 404),
        ] {
            assert_eq!(
                status(None, method, path, &[("host", "127.0.0.1:9090")]),
                expected,
                "{method} {path}"
            );
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
            let mut headers = vec![("host", "localhost")];
            headers.extend(authorization.map(|shown| ("authorization", shown)));
            assert_eq!(
                status(Some("secret"), "GET", "/metrics", &headers),
                expected,
                "{authorization:?}"
            );
        }
        let told = status(Some("secret"), "GET", "/", &[("host", "localhost")]);
        assert_eq!(told, 401, "who may not ask is told nothing");
    }

    #[test]
    fn pages_of_others_are_answered_nothing() {
        let check = |headers: &[(&str, &str)], expected: u16| {
            assert_eq!(
                status(None, "GET", "/metrics", headers),
                expected,
                "{headers:?}"
            );
        };
        for ours in [
            "localhost",
            "LOCALHOST:9090",
            "127.0.0.1",
            "[::1]:9090",
            "10.0.0.7:1",
            "Metrics.example:9090",
        ] {
            check(&[("host", ours)], 200);
        }
        for others in [
            "evil.example",
            "localhost.evil.example:9090",
            "127.0.0.1.evil.example",
            "metrics",
        ] {
            check(&[("host", others)], 421);
        }
        for odd in [
            &[][..],
            &[("host", "localhost"), ("host", "localhost")],
            &[("host", "a@localhost")],
            &[("host", "")],
        ] {
            check(odd, 400);
        }
        let from = |origin| [("host", "localhost:9090"), ("origin", origin)];
        check(&from("http://localhost:9090"), 200);
        check(&from("https://localhost:9090"), 200);
        for others in ["http://localhost:8080", "http://evil.example", "null", ""] {
            check(&from(others), 403);
        }
        let host = ("host", "localhost");
        assert_eq!(
            status(None, "GET", "http://evil.example/metrics", &[host]),
            421
        );
        assert_eq!(
            status(None, "GET", "http://localhost/metrics", &[host]),
            200
        );
    }
}
