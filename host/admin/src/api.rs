//! The admin API: JSON at `/api/v1`, described by OpenAPI at `/api/v1/openapi.json`.
//!
//! [`routes`] lists every endpoint once: the router, the role that an endpoint asks for, and the
//! description are made of the same list. Each resource has a file. A handler reads its query, asks
//! the store or the host, and answers one of the [views](crate::views). What belongs to a tenant
//! that the token does not name is unknown (404), as if it did not exist.

mod fault;
mod query;
mod cursor;
mod route;
mod routes;
mod openapi;
mod selection;
mod events;
mod messages;
mod plugins;
mod sources;
mod destinations;
mod tenants;
mod audit;
mod stats;
mod stream;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::Method;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use crate::Shared;
use fault::Fault;
use hookyard_model::Role;

pub use openapi::document;

/// The maximum size of the body of a request, in bytes.
const BODY_MAX: usize = 64 << 10;
/// The path below which all endpoints are.
const PREFIX: &str = "/api/v1";

/// The answer of an endpoint.
type Answer<T> = Result<Json<T>, Fault>;

/// Returns the router of all endpoints.
pub(crate) fn router(shared: Shared) -> Router {
    let description = Arc::new(document());
    let described = move || {
        let description = Arc::clone(&description);
        async move { Json(serde_json::Value::clone(&description)) }
    };

    let mut router = Router::new().route("/openapi.json", axum::routing::get(described));
    for route in routes::all() {
        let role = route.role;
        let guard = from_fn(move |request, next| require(role, request, next));
        router = router.route(route.path, route.handler.layer(guard));
    }
    let api = router
        .fallback(|| async {
            Fault::unknown("no endpoint has this path; see /api/v1/openapi.json")
        })
        .method_not_allowed_fallback(|| async { Fault::wrong_method() })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(shared.clone(), gate))
        .with_state(shared);
    Router::new().nest(PREFIX, api)
}

/// Lets requests pass that have a token or a session, and that no page of another origin sent.
async fn gate(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    let viewer = match shared.access.admit(&request) {
        Ok(viewer) => viewer,
        Err(refused) => return refusal(refused),
    };
    if is_change && shared.access.is_read_only() {
        return Fault::read_only().into_response();
    }
    request.extensions_mut().insert(viewer);
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    answer
}

fn refusal(refused: crate::access::Refused) -> Response {
    let mut answer = Fault::from(refused).into_response();
    if answer.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer");
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// Lets requests pass whose token has this role, or one that includes it.
async fn require(role: Role, request: Request, next: Next) -> Response {
    let viewer = request.extensions().get::<crate::access::Viewer>();
    let is_allowed = viewer.is_some_and(|viewer| viewer.grant.role >= role);
    if !is_allowed {
        return Fault::not_allowed(role).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
