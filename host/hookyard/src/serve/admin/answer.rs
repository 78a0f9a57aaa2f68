//! The answer to a request on the administrators' listener.
//!
//! A web page in an administrator's browser can send requests to the listener, too. `Host` exposes
//! a page that had its own name resolved to the listener's address (DNS rebinding), and `Origin`
//! exposes any other page. `Host` may contain any address, because nobody can have an address
//! resolved to something else.

use std::net::IpAddr;

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use super::Service;

const NO_HOST: &str = "the request needs one valid Host header";
const OTHER_HOST: &str = "the Host header does not name this listener: use its address or \
                          localhost, or add the name to `hosts` in [admin]";
const OTHER_ORIGIN: &str = "requests from web pages of another origin are not allowed";
const NO_TOKEN: &str = "the admin token is required: Authorization: Bearer ...";

/// The type of all answers. Prometheus requires the version.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Returns the refusal of a request that does not name this listener, or that a page of another
/// origin sent.
pub(super) fn refused<B>(request: &Request<B>, service: &Service) -> Option<Response<String>> {
    let Some(host) = host(request) else {
        return Some(refusal(StatusCode::BAD_REQUEST, NO_HOST, None));
    };
    let mut authorities = request.uri().authority().into_iter().chain([&host]);
    if authorities.any(|authority| !is_own_host(authority, service)) {
        return Some(refusal(StatusCode::MISDIRECTED_REQUEST, OTHER_HOST, None));
    }

    let mut origins = request.headers().get_all(ORIGIN).iter();
    let is_foreign = origins.any(|origin| !is_same_origin(origin, &host));
    is_foreign.then(|| refusal(StatusCode::FORBIDDEN, OTHER_ORIGIN, None))
}

/// Answers a request for the metrics. The body of the request is never read.
pub(super) fn metrics<B>(request: &Request<B>, service: &Service) -> Response<String> {
    if !is_authorized(request, service) {
        let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal(StatusCode::UNAUTHORIZED, NO_TOKEN, Some(challenge));
    }
    match *request.method() {
        Method::GET => text(StatusCode::OK, service.metrics.render()),
        _ => refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "use GET",
            Some((ALLOW, HeaderValue::from_static("GET"))),
        ),
    }
}

/// Returns the host that the request names, if exactly one valid `Host` header does.
fn host<B>(request: &Request<B>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = Authority::try_from(hosts.next()?.as_bytes()).ok()?;
    (hosts.next().is_none() && !host.as_str().contains('@')).then_some(host)
}

/// Returns whether this listener answers requests to `host`.
fn is_own_host(host: &Authority, service: &Service) -> bool {
    let name = host.host();
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);

    let is_same = |other: &str| name.eq_ignore_ascii_case(other);
    address.parse::<IpAddr>().is_ok()
        || is_same("localhost")
        || service.hosts.iter().any(|host| is_same(host))
}

/// Returns whether a page of this origin was served from `host`. The scheme is not compared: a
/// proxy that ends TLS can be in front of the listener.
fn is_same_origin(origin: &HeaderValue, host: &Authority) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
}

/// Returns whether the request contains the token, if the listener requires one.
fn is_authorized<B>(request: &Request<B>, service: &Service) -> bool {
    let authorization = request.headers().get(AUTHORIZATION);
    let given = authorization.and_then(|value| bearer(value.as_bytes()));
    service.grants.allow_metrics(given)
}

/// Returns the token of an `Authorization: Bearer` header. The name of the scheme is
/// case-insensitive (RFC 9110, section 11.1).
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn refusal(
    status: StatusCode,
    reason: &str,
    header: Option<(HeaderName, HeaderValue)>,
) -> Response<String> {
    let mut refusal = text(status, format!("{reason}\n"));
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
    use std::sync::Arc;

    use hookyard_admin::{Grant, Grants};
    use hookyard_schemes::Secret;

    use super::*;
    use crate::serve::health::Health;
    use crate::serve::metrics::Metrics;

    fn status(token: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let hosts = vec!["metrics.example".to_owned()];
        let mut grants = Grants::default();
        if let Some(token) = token {
            grants.add(Secret::from(token), Grant::administrator("ada"));
        }
        let service = Service {
            grants: Arc::new(grants),
            hosts,
            metrics: Metrics::detached(),
            health: Health::detached(),
        };
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let request = request.body(()).expect("a request");
        let refused = refused(&request, &service);
        let answer = refused.unwrap_or_else(|| metrics(&request, &service));
        answer.status().as_u16()
    }

    #[test]
    fn metrics_are_read_with_get() {
        for (method, path, expected) in [
            ("GET", "/metrics", 200),
            ("GET", "/metrics?x=1", 200),
            ("POST", "/metrics", 405),
        ] {
            assert_eq!(
                status(None, method, path, &[("host", "127.0.0.1:9090")]),
                expected,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn token_is_required() {
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
    }

    #[test]
    fn other_hosts_and_origins_are_refused() {
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
