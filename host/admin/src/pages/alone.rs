//! The pages without the bar on top: signing in, and problems.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use http::header::{HOST, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::shown::Written;
use super::{Page, html};
use crate::Shared;
use crate::access::{COOKIE_NAME, Peer, SignInError};
use crate::problem::Problem;

/// The page that asks for a token.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    /// Why the last token was not taken.
    fault: Option<&'static str>,
    /// The path of the page to go to.
    next: String,
}

/// The page of a request that failed.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage {
    pub(crate) status: u16,
    pub(crate) title: Written,
    pub(crate) detail: Written,
}

/// The query of the page that asks for a token.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// The form of the page that asks for a token.
#[derive(Debug, Deserialize)]
pub(super) struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

/// Asks for a token.
pub(super) async fn login(Query(Next { next }): Query<Next>) -> Page {
    html(&LoginPage {
        fault: None,
        next: own_path(&next).to_owned(),
    })
}

/// Begins a session for the right token.
pub(super) async fn sign_in(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let next = own_path(&form.next);
    let (status, fault) = match shared.access.sign_in(peer, &form.token) {
        Ok(session) => {
            let cookie = cookie(&session, &headers);
            return ([(SET_COOKIE, cookie)], Redirect::to(next)).into_response();
        }
        Err(SignInError::Wrong) => (StatusCode::UNAUTHORIZED, "This token is not right."),
        Err(SignInError::TooMany) => (
            StatusCode::TOO_MANY_REQUESTS,
            "There were too many wrong tokens. Try again in a minute.",
        ),
    };

    let page = LoginPage {
        fault: Some(fault),
        next: next.to_owned(),
    };
    let mut answer = (status, html(&page)).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        answer.headers_mut().insert(RETRY_AFTER, 60.into());
    }
    answer
}

/// Ends the session.
pub(super) async fn sign_out(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    shared.access.sign_out(&headers);
    let gone = format!("{COOKIE_NAME}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    ([(SET_COOKIE, gone)], Redirect::to("/login")).into_response()
}

/// Answers a request for a page that does not exist.
pub(super) async fn unknown() -> Problem {
    Problem::unknown("There is no such page.")
}

/// Returns the cookie of a session. Browsers send it over plain HTTP only where the listener itself
/// is plain: on this machine.
fn cookie(session: &str, headers: &HeaderMap) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let secure = match name {
        "localhost" | "127.0.0.1" | "[::1]" => "",
        _ => "; Secure",
    };
    format!("{COOKIE_NAME}={session}; HttpOnly; SameSite=Lax; Path=/; Max-Age=604800{secure}")
}

/// Returns the path if it is a page of this host, and the first page otherwise.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/') && !next[1..].starts_with(['/', '\\']);
    let is_plain = next.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    if is_own && is_plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_pages_follow_the_sign_in() {
        for own in ["/", "/plugins/acme/books?x=1"] {
            assert_eq!(own_path(own), own);
        }
        for other in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb",
        ] {
            assert_eq!(own_path(other), "/", "{other:?}");
        }
    }

    #[test]
    fn cookie_is_secure_beyond_loopback() {
        let cookie_for = |host: &str| {
            let host = host.parse().expect("a host");
            cookie("id", &HeaderMap::from_iter([(HOST, host)]))
        };
        assert!(cookie_for("hooks.example:9090").ends_with("; Secure"));
        assert!(!cookie_for("127.0.0.1:9090").contains("Secure"));
        assert!(!cookie_for("[::1]:9090").contains("Secure"));
        assert!(cookie_for("localhost").contains("HttpOnly; SameSite=Lax"));
    }
}
