//! The one event that each request leaves in the log: what it was, and what became of it.
//!
//! Never a body, a secret, or the part of a path that may be one. What the sender wrote is logged as quoted strings,
//! so that a line break in it starts no line.

use std::net::SocketAddr;

use hookyard_model::visible;

use crate::answer::{Accepted, Refused, Stored};
use crate::near_miss::NearMiss;
use crate::source::Route;

/// What a request was, as far as it is known.
pub(crate) struct About<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) path: &'a str,
    pub(crate) bytes: usize,
    pub(crate) route: Option<&'a Route<'a>>,
    /// Without a route: what was probably meant, if it gets a line.
    pub(crate) near_miss: Option<NearMiss>,
}

macro_rules! log {
    ($level:ident, $about:expr, $route:expr, $($rest:tt)*) => {
        tracing::$level!(
            target: "hookyard::ingress",
            tenant = $route.source.source.tenant.as_str(),
            source = $route.source.source.name.as_str(),
            provider = $route.source.provider.name.as_str(),
            bytes = $about.bytes,
            peer = %$about.peer,
            $($rest)*
        )
    };
}

/// Logs a request that has come to its end.
pub(crate) fn request(outcome: &Result<Accepted, Refused>, about: &About<'_>) {
    count(outcome);
    let Some(route) = about.route else {
        unknown_route(about);
        return;
    };
    match outcome {
        Ok(accepted) => accepted_request(accepted, about, route),
        Err(refused) => {
            let (status, detail) = (refused.status().as_u16(), visible(&refused.detail()));
            log!(
                warn,
                about,
                route,
                status,
                reason = refused.reason(),
                detail,
                "refused"
            );
        }
    }
}

/// Anybody can cause these, in any number, so they stay below the default level. Near misses have a bounded rate.
fn unknown_route(about: &About<'_>) {
    let (place, reason) = (place(about.path), Refused::NotFound.reason());
    match &about.near_miss {
        Some(NearMiss {
            meant,
            differs,
            left_out,
        }) => tracing::warn!(
            target: "hookyard::ingress",
            peer = %about.peer, place, status = 404, reason, meant = format!("/{meant}"), differs, left_out, "refused"
        ),
        None => {
            tracing::debug!(target: "hookyard::ingress", peer = %about.peer, place, status = 404, reason, "refused");
        }
    }
}

const REQUESTS: &str = "hookyard_requests_total";

/// Says what the metric is, to whoever records it.
pub fn describe_metrics() {
    metrics::describe_counter!(
        REQUESTS,
        "Requests of senders that were answered, by status and reason."
    );
}

fn count(outcome: &Result<Accepted, Refused>) {
    let (status, reason) = match outcome {
        Ok(Accepted::Stored(_)) => (200, "stored"),
        Ok(Accepted::Repeat(_)) => (200, "repeat"),
        Ok(Accepted::Confirmed { .. }) => (200, "confirmed"),
        Ok(Accepted::Noticed { .. }) => (200, "noticed"),
        Err(refused) => (refused.status().as_u16(), refused.reason()),
    };
    metrics::counter!(REQUESTS, "status" => status.to_string(), "reason" => reason).increment(1);
}

fn accepted_request(accepted: &Accepted, about: &About<'_>, route: &Route<'_>) {
    match accepted {
        Accepted::Stored(stored) => event(stored, false, about, route),
        Accepted::Repeat(stored) => event(stored, true, about, route),
        Accepted::Confirmed { topic } => {
            log!(
                info,
                about,
                route,
                topic = visible(topic),
                "confirmed a subscription"
            );
        }
        Accepted::Noticed { what } => log!(info, about, route, what, "noticed; nothing to store"),
    }
}

fn event(stored: &Stored, repeat: bool, about: &About<'_>, route: &Route<'_>) {
    let event_type = stored.event_type.as_deref().unwrap_or_default();
    log!(
        info, about, route,
        event = %stored.id, "type" = event_type, key = stored.key.as_str(), repeat,
        "accepted"
    );
}

/// The first two segments of a path; a third may be a secret that was sent to a mistyped address.
fn place(path: &str) -> &str {
    const LENGTH_MAX: usize = 130;
    let end = path
        .match_indices('/')
        .nth(2)
        .map_or(path.len(), |(index, _)| index);
    // Paths are ASCII, but nothing here depends on it.
    path.get(..end.min(LENGTH_MAX)).unwrap_or_default()
}
