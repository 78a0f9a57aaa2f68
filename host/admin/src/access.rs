//! Who may look: the token of the listener, sessions, and the checks of every request.
//!
//! A program shows the token as `Authorization: Bearer`. A person signs in with the token once, and
//! then has a session in a cookie. A request that changes something must come from a page of this
//! host: browsers say so in `Sec-Fetch-Site` or `Origin`. A request with the token itself is
//! exempt, because browsers never add that header by themselves.

mod pace;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use hookyard_model::Clock;
use hookyard_schemes::Secret;
use hookyard_store::{Author, Tenants};
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};

use crate::Shared;
use crate::pages::filters::path;
use crate::problem::Problem;

use pace::Pace;
use session::Sessions;

/// The name of the cookie.
pub(crate) const COOKIE_NAME: &str = "hookyard";

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The person or program that a page is for. Only this module makes one.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    /// Whether a cookie signs the viewer in.
    pub(crate) has_session: bool,
    /// The tenants that the viewer may see.
    pub(crate) tenants: Tenants,
    /// Who the audit log names for a change.
    pub(crate) author: Author,
}

/// The token, the sessions, and the pace of attempts to sign in.
pub(crate) struct Access {
    token: Option<Secret>,
    sessions: Sessions,
    pace: Pace,
    clock: Arc<dyn Clock>,
}

/// Why an attempt to sign in failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SignInError {
    /// The token is wrong.
    Wrong,
    /// There were too many wrong tokens.
    TooMany,
}

impl Access {
    pub(crate) fn new(token: Option<Secret>, clock: Arc<dyn Clock>) -> Self {
        Self {
            token,
            sessions: Sessions::default(),
            pace: Pace::default(),
            clock,
        }
    }

    /// Returns the id of a new session for the right token.
    pub(crate) fn sign_in(&self, peer: Peer, given: &str) -> Result<String, SignInError> {
        let now = self.clock.now();
        if !self.pace.allows(peer.0, now) {
            return Err(SignInError::TooMany);
        }
        match &self.token {
            Some(token) if !token.matches(given.trim().as_bytes()) => {
                self.pace.failed(peer.0, now);
                tracing::warn!(target: "hookyard::admin", peer = %peer.0, "a wrong token was given");
                Err(SignInError::Wrong)
            }
            _ => Ok(self.sessions.begin(now)),
        }
    }

    /// Ends the session of the request.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        if let Some(id) = session_id(headers) {
            self.sessions.end(id);
        }
    }

    /// Returns the viewer of a request, if the request may be answered.
    fn viewer(&self, headers: &HeaderMap, peer: Peer) -> Option<Viewer> {
        let viewer = |has_session, name: &str| Viewer {
            has_session,
            tenants: Tenants::All,
            author: Author {
                name: name.to_owned(),
                role: "admin".to_owned(),
                from: peer.0.to_string(),
            },
        };
        let Some(token) = &self.token else {
            return Some(viewer(false, "anybody"));
        };
        if bearer(headers).is_some_and(|given| token.matches(given)) {
            return Some(viewer(false, "token"));
        }
        let is_live =
            session_id(headers).is_some_and(|id| self.sessions.is_live(id, self.clock.now()));
        is_live.then(|| viewer(true, "token"))
    }
}

/// Lets requests pass to the pages, with the [`Viewer`] as an extension.
pub(crate) async fn gate(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    if is_change && bearer(headers).is_none() && !is_from_own_page(headers) {
        return Problem::forged().into_response();
    }

    let is_open = request.uri().path() == "/login";
    match shared.access.viewer(headers, peer) {
        Some(viewer) => {
            request.extensions_mut().insert(viewer);
        }
        None if is_open => {}
        None if is_change => return Problem::not_signed_in().into_response(),
        None => {
            let wanted = request.uri().path_and_query();
            let wanted = wanted.map_or("/", |wanted| wanted.as_str()).to_owned();
            return Redirect::to(&path("/login", &[("next", wanted)])).into_response();
        }
    }
    next.run(request).await
}

/// Returns whether a browser says that a page of this host sent the request.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }

    let text = |value: Option<&HeaderValue>| {
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (origin, host) = (text(headers.get(ORIGIN)), text(headers.get(HOST)));
    let authority = origin
        .as_deref()
        .and_then(|origin| origin.split_once("://"));
    authority.is_some_and(|(_, authority)| {
        host.is_some_and(|host| authority.eq_ignore_ascii_case(&host))
    })
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}

fn session_id(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}
