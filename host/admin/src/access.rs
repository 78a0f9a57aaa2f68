//! Who may look: the token of the listener, sessions, and the checks of every request.
//!
//! A program shows the token as `Authorization: Bearer`. A person signs in with the token once, and
//! then has a session in a cookie. A request that changes something must come from a page of this
//! host: browsers say so in `Sec-Fetch-Site` or `Origin`. A request with the token itself is
//! exempt, because browsers never add that header by themselves.

mod grants;
mod pace;
mod session;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use hookyard_model::{Clock, Role, Timestamp};
use hookyard_store::{Author, Tenants};
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method};

use crate::Shared;
use crate::pages::filters::path;
use crate::problem::Problem;

pub use grants::{Grant, Grants};

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
    /// What the viewer may see and do.
    pub(crate) grant: Arc<Grant>,
    /// The tenants that the viewer may see.
    pub(crate) tenants: Tenants,
    /// Who the audit log names for a change.
    pub(crate) author: Author,
}

/// The tokens, the sessions, and the pace of attempts to sign in.
pub(crate) struct Access {
    grants: Arc<Grants>,
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
    pub(crate) fn new(grants: Arc<Grants>, clock: Arc<dyn Clock>) -> Self {
        Self {
            grants,
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
        let given = given.trim().as_bytes();
        let grant = self
            .grants
            .of_everybody()
            .or_else(|| self.grants.of_token(given));
        let Some(grant) = grant else {
            self.failed(peer.0, now);
            return Err(SignInError::Wrong);
        };
        Ok(self.sessions.begin(grant, now))
    }

    fn failed(&self, peer: IpAddr, now: Timestamp) {
        self.pace.failed(peer, now);
        tracing::warn!(target: "hookyard::admin", %peer, "a wrong token was given");
    }

    /// Returns whether nobody may change anything.
    pub(crate) fn is_read_only(&self) -> bool {
        self.grants.is_read_only
    }

    /// Ends the session of the request.
    pub(crate) fn sign_out(&self, headers: &HeaderMap) {
        if let Some(id) = session_id(headers) {
            self.sessions.end(id);
        }
    }

    /// Returns whether the viewer may change something with a page.
    pub(crate) fn may_change(&self, viewer: &Viewer) -> bool {
        viewer.grant.role >= Role::Operator && !self.is_read_only()
    }

    /// Returns the viewer of a request of the API, or why the request is refused.
    ///
    /// A right token is always let in. The pace bounds wrong ones.
    pub(crate) fn admit(&self, request: &Request) -> Result<Viewer, Refused> {
        let (headers, peer) = (request.headers(), peer(request));
        let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
        let given = bearer(headers);
        if is_change && given.is_none() && !is_from_own_page_or_program(headers) {
            return Err(Refused::Forged);
        }
        if let Some(viewer) = self.viewer(headers, peer) {
            return Ok(viewer);
        }
        if given.is_some() {
            let now = self.clock.now();
            if !self.pace.allows(peer, now) {
                return Err(Refused::TooMany);
            }
            self.failed(peer, now);
        }
        Err(Refused::NotSignedIn)
    }

    /// Returns the viewer of a request, if the request may be answered.
    fn viewer(&self, headers: &HeaderMap, peer: IpAddr) -> Option<Viewer> {
        let viewer = |has_session, grant: Arc<Grant>| Viewer {
            has_session,
            tenants: grant.tenants.clone(),
            author: Author {
                name: grant.name.clone(),
                role: grant.role.to_string(),
                from: peer.to_string(),
            },
            grant,
        };
        let by_token = || bearer(headers).and_then(|given| self.grants.of_token(given));
        if let Some(grant) = self.grants.of_everybody().or_else(by_token) {
            return Some(viewer(false, grant));
        }
        let grant = self
            .sessions
            .grant(session_id(headers)?, self.clock.now())?;
        Some(viewer(true, grant))
    }
}

/// Why a request of the API is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The request has neither a valid token nor a session.
    NotSignedIn,
    /// A page of another origin sent the request.
    Forged,
    /// There were too many wrong tokens.
    TooMany,
}

/// Returns the address that a request came from.
fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0)
}

/// Returns whether a page of this host sent the request, or a program without a cookie. Browsers add
/// `Origin` or `Sec-Fetch-Site` to every request that changes something.
fn is_from_own_page_or_program(headers: &HeaderMap) -> bool {
    let is_from_browser = ["sec-fetch-site", "origin", "cookie"]
        .iter()
        .any(|name| headers.contains_key(*name));
    !is_from_browser || is_from_own_page(headers)
}

/// Lets requests pass to the pages, with the [`Viewer`] as an extension.
pub(crate) async fn gate(
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    if is_change && bearer(headers).is_none() && !is_from_own_page(headers) {
        return Problem::forged().into_response();
    }

    let is_open = matches!(request.uri().path(), "/login" | "/logout");
    match shared.access.viewer(headers, peer(&request)) {
        Some(viewer) if is_open => {
            request.extensions_mut().insert(viewer);
        }
        Some(viewer) if !viewer.grant.has_pages() => return Problem::no_pages().into_response(),
        Some(viewer) if is_change && !shared.access.may_change(&viewer) => {
            return Problem::not_allowed().into_response();
        }
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
