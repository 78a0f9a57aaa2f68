//! The log line that each request leaves: the request and its outcome.
//!
//! A line never contains a body, a secret, or the part of a path that may be a secret. Text from
//! the sender is logged as a quoted string, so that a line break in it does not start a new line.

use hookyard_model::visible;

use crate::answer::{self, Accepted, Refused, StoredEvent};
use crate::near_miss::NearMiss;
use crate::source::Route;
use crate::wait::Waited;

/// The part of a path that is logged, in bytes.
const PATH_BYTES_MAX: usize = 130;

/// What is known of a request when it ends.
pub(crate) struct RequestSummary<'a> {
    pub(crate) peer: &'a str,
    pub(crate) path: &'a str,
    /// The size of the body, in bytes; zero if the body was not read completely.
    pub(crate) body_bytes: usize,
    pub(crate) route: Option<&'a Route<'a>>,
    /// The source that was probably meant, if there is no route and the near miss gets a line.
    pub(crate) near_miss: Option<NearMiss>,
}

macro_rules! log {
    ($level:ident, $request:expr, $route:expr, $($rest:tt)*) => {
        tracing::$level!(
            target: "hookyard::ingress",
            tenant = $route.source.name.tenant.as_str(),
            source = $route.source.name.name.as_str(),
            provider = $route.source.provider.name.as_str(),
            bytes = $request.body_bytes,
            peer = %$request.peer,
            $($rest)*
        )
    };
}

/// Logs the end of a request.
pub(crate) fn request(outcome: &Result<Accepted, Refused>, request: &RequestSummary<'_>) {
    let Some(route) = request.route else {
        log_unknown_route(outcome, request);
        return;
    };

    let (status, reason) = (answer::status(outcome).as_u16(), answer::reason(outcome));
    match outcome {
        Ok(Accepted::Stored(event)) => log_event(event, false, request, route),
        Ok(Accepted::Repeat(event)) => log_event(event, true, request, route),
        Ok(Accepted::RepeatDiffers(event)) => log_differing_repeat(event, request, route),
        Ok(Accepted::Confirmed { topic }) => {
            log!(
                info,
                request,
                route,
                topic = visible(topic),
                "confirmed a subscription"
            );
        }
        Ok(Accepted::Noticed { what }) => {
            log!(info, request, route, what, "noticed; nothing to store");
        }
        Ok(Accepted::Handshake {
            verified,
            is_learnt: false,
            ..
        }) => log!(info, request, route, verified, "answered a handshake"),
        Ok(Accepted::Handshake { .. }) => log!(
            info,
            request,
            route,
            show = format!("hookyard handshakes {}", route.source.name),
            "answered a handshake, and kept the secret that it brought"
        ),
        // Anybody can cause any number of these.
        Ok(Accepted::Described) => log!(debug, request, route, "described"),
        Err(refused) => {
            let detail = || visible(&refused.detail());
            log!(
                warn,
                request,
                route,
                status,
                reason,
                detail = detail(),
                "refused"
            );
        }
    }
}

/// Logs a request to an unknown path. Anybody can cause any number of these, so they stay below the
/// default level; near misses have a limited rate.
fn log_unknown_route(outcome: &Result<Accepted, Refused>, request: &RequestSummary<'_>) {
    let (status, reason) = (answer::status(outcome).as_u16(), answer::reason(outcome));
    let (peer, place) = (request.peer, loggable_path(request.path));

    match &request.near_miss {
        Some(NearMiss {
            meant,
            differs,
            left_out,
        }) => tracing::warn!(
            target: "hookyard::ingress",
            %peer, place, status, reason, meant = format!("/{meant}"), differs, left_out, "refused"
        ),
        None => {
            tracing::debug!(target: "hookyard::ingress", %peer, place, status, reason, "refused");
        }
    }
}

fn log_event(event: &StoredEvent, repeat: bool, request: &RequestSummary<'_>, route: &Route<'_>) {
    let event_type = event.event_type.as_deref().unwrap_or_default();
    log!(
        info, request, route,
        event = %event.id, "type" = event_type, key = event.key.as_str(), repeat,
        waited = event.waited.as_ref().map(Waited::name),
        "accepted"
    );
}

/// Logs a request that was not stored, although it may be another event than the stored one.
fn log_differing_repeat(event: &StoredEvent, request: &RequestSummary<'_>, route: &Route<'_>) {
    log!(
        warn, request, route,
        event = %event.id, key = event.key.as_str(), reason = "repeat-differs",
        detail = "the event with this key is stored with another body, and this body is not stored; \
                  if they are two events, the `key` of the provider does not distinguish them",
        "repeat"
    );
}

/// Returns the first two segments of a path. A third segment may be a secret that was sent to a
/// mistyped address.
fn loggable_path(path: &str) -> &str {
    let end = path
        .match_indices('/')
        .nth(2)
        .map_or(path.len(), |(index, _)| index);
    // Paths are ASCII, but this function does not depend on it.
    path.get(..end.min(PATH_BYTES_MAX)).unwrap_or_default()
}
