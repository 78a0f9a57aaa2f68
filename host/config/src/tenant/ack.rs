//! The keys `ack`, `ack_timeout` and `responder` of a source: when its requests are answered.

use std::time::Duration;

use hookyard_ingress::WaitRule;
use hookyard_model::PluginName;
use hookyard_store::Wanted;

use crate::document::{Entry, Section, unknown};

const STORED: &str = "stored";
const HANDLED: &str = "handled";
const RESPONDER: &str = "responder";

/// The time that a request waits if the source has no `ack_timeout`: senders that want a response
/// want one within three seconds.
const TIME_DEFAULT: Duration = Duration::from_secs(2);
/// The longest time that a request may wait.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Reads what the requests of a source wait for. `None` if they are answered once the event is
/// stored.
pub(super) fn read(section: &Section<'_>) -> Option<WaitRule> {
    let ack = section.entry("ack");
    let name = ack.as_ref().and_then(Entry::get::<String>);
    let responder = section.entry("responder");
    let timeout = section.entry("ack_timeout");

    let wanted = match name.as_deref() {
        None | Some(STORED) => None,
        Some(HANDLED) => Some(Wanted::Outcomes),
        Some(RESPONDER) => Some(Wanted::Response {
            of: responder.as_ref().and_then(plugin),
        }),
        Some(other) => {
            let names = [STORED, HANDLED, RESPONDER];
            let message = unknown("acknowledgement", other, names);
            if let Some(ack) = &ack {
                ack.fault(format_args!(
                    "{message} (choose one of {})",
                    names.join(", ")
                ));
            }
            return None;
        }
    };

    if let Some(responder) = responder.filter(|_| !matches!(wanted, Some(Wanted::Response { .. })))
    {
        responder.fault("has no effect; add `ack = \"responder\"`, or remove the key");
    }
    if let (None, Some(timeout)) = (&wanted, &timeout) {
        timeout.fault(
            "has no effect; add `ack = \"handled\"` or `ack = \"responder\"`, or remove the key",
        );
    }
    Some(WaitRule {
        wanted: wanted?,
        time_max: timeout.as_ref().and_then(time).unwrap_or(TIME_DEFAULT),
    })
}

fn plugin(entry: &Entry<'_>) -> Option<PluginName> {
    let name = PluginName::new(&entry.get::<String>()?);
    name.map_err(|error| entry.fault(error)).ok()
}

fn time(entry: &Entry<'_>) -> Option<Duration> {
    let time = entry.get::<Duration>()?;
    if time > TIME_MAX {
        entry.fault(format_args!(
            "is longer than {} s, the longest time that a request may wait",
            TIME_MAX.as_secs()
        ));
    }
    Some(time)
}
