//! The pages: one file for each, and the routes to them.

pub(crate) mod shown;
pub(crate) mod filters;
mod frame;
mod selection;
pub(crate) mod body;
pub(crate) mod alone;
mod live;
mod event;
mod course;
mod plugins;
mod plugin;
mod report;
mod sources;
mod advice;
mod deliveries;
mod message;
mod message_selection;
mod replay;
mod change;
mod audit;
mod find;
mod assets;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use http::{HeaderName, HeaderValue};

use crate::problem::Problem;
use crate::{Shared, access};

/// The maximum size of a form, in bytes.
const FORM_MAX: usize = 4 << 10;
/// The maximum number of items of a list.
const ITEMS_MAX: usize = 50;

/// What a page may load and do: nothing but what this host serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types hookyard";

/// The answer of a page.
type Page = Result<Html<String>, Problem>;

/// Returns the routes of all pages.
pub(crate) fn router(shared: Shared) -> Router {
    let pages = Router::new()
        .route("/", get(live::page))
        .route("/find", get(find::find))
        .route("/events/{id}", get(event::page))
        .route("/events/{id}/body", get(event::download))
        .route("/plugins", get(plugins::page))
        .route("/plugins/{tenant}/{name}", get(plugin::page))
        .route("/plugins/{tenant}/{name}/{order}", post(plugin::order))
        .route("/sources", get(sources::list))
        .route("/sources/{tenant}/{name}", get(sources::one))
        .route("/deliveries", get(deliveries::page))
        .route(
            "/destinations/{tenant}/{name}/enable",
            post(deliveries::enable),
        )
        .route("/messages/{id}", get(message::page))
        .route("/messages/{id}/body", get(message::download))
        .route(
            "/replay/events",
            get(replay::events).post(replay::run_events),
        )
        .route(
            "/replay/messages",
            get(replay::messages).post(replay::run_messages),
        )
        .route("/audit", get(audit::page))
        .route("/login", get(alone::login).post(alone::sign_in))
        .route("/logout", post(alone::sign_out))
        .fallback(alone::unknown)
        .layer(from_fn_with_state(shared.clone(), access::gate));

    Router::new()
        .route("/assets/{name}", get(assets::file))
        .merge(pages)
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(from_fn(secure))
        .with_state(shared)
}

/// Adds the headers that every answer has. With the policy `no-referrer`, browsers would send the forms
/// of these pages with `Origin: null`, like a page of a stranger.
async fn secure(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 6] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];

    let mut answer = next.run(request).await;
    for (name, value) in HEADERS {
        let headers = answer.headers_mut();
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    answer
}

/// Writes a page.
fn html(page: &impl Template) -> Page {
    let html = page.render().map_err(|error| Problem::failed(&error))?;
    Ok(Html(html))
}
