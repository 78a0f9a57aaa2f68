//! The administrators' pages: what a host has received, what it does, and what an operator changes.
//!
//! [`Admin`] answers every request of the administrators' listener except for the metrics. It reads
//! the store through its traits and asks the running host through [`Host`], so this crate contains
//! neither WebAssembly nor the configuration. [`access`] decides who may look; [`pages`] has one
//! file for each page, whose HTML is in `templates/`. `api` has the JSON API for programs.
//!
//! A GET changes nothing. Every page works without JavaScript.

pub mod host;
pub mod views;

mod access;
mod api;
mod audit;
mod pages;
mod problem;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::IntoResponse;
use hookyard_model::Clock;
use hookyard_store::Store;
use http::{Request, Response};
use tower::ServiceExt;

pub use access::{Grant, Grants};
pub use api::document;
pub use axum::body::Body;
pub use host::Host;

use access::{Access, Peer};
use problem::Problem;

/// The maximum time for an answer. A search through very many events ends here.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// What the pages work with.
pub struct Parts {
    /// The events, messages and releases.
    pub store: Arc<dyn Store>,
    /// The running host.
    pub host: Arc<dyn Host>,
    /// The clock of the host.
    pub clock: Arc<dyn Clock>,
    /// The tokens, and what each allows. Without tokens, everybody who reaches the listener is an
    /// administrator.
    pub grants: Arc<Grants>,
}

/// The administrators' pages.
pub struct Admin {
    router: Router,
}

/// What every handler gets.
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) access: Access,
}

/// The state of the router.
pub(crate) type Shared = Arc<Inner>;

impl Admin {
    /// Builds the pages.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            store,
            host,
            clock,
            grants,
        } = parts;
        let inner = Arc::new(Inner {
            access: Access::new(grants, Arc::clone(&clock)),
            store,
            host,
            clock,
        });
        Self {
            router: pages::router(Arc::clone(&inner)).merge(api::router(inner)),
        }
    }

    /// Answers a request from `peer`. The caller has checked that the request names this listener
    /// (`Host`), and that no page of another origin sent it (`Origin`).
    pub async fn answer(&self, request: Request<Body>, peer: IpAddr) -> Response<Body> {
        let mut request = request;
        request.extensions_mut().insert(Peer(peer));
        let answer = self.router.clone().oneshot(request);
        match tokio::time::timeout(ANSWER_TIME_MAX, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            Err(_) => Problem::too_slow(ANSWER_TIME_MAX).into_response(),
        }
    }
}

#[cfg(test)]
mod tests;
