//! The `[ingress]` table: how senders reach the host.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::document::{Section, Size};
use crate::settings::{Ingress, OverloadLimits, RefusedSettings};

/// The maximum number of refused requests that are kept for each source.
const REFUSED_KEPT_MAX: usize = 1000;

/// Reads the table. `shutdown_timeout` is the value of the top-level key.
pub fn read(section: &Section<'_>, shutdown_timeout: Duration) -> Ingress {
    let Ingress {
        server: default,
        body_max,
        overload,
        refused,
    } = Ingress::default();

    let server = hookyard_ingress::Config {
        listen: section.get_or("listen", default.listen),
        buffered_max: section.size_or("buffered_max", default.buffered_max),
        header_max: section.size_or("header_max", default.header_max),
        header_timeout: section.get_or("header_timeout", default.header_timeout),
        body_timeout: section.get_or("body_timeout", default.body_timeout),
        idle_timeout: section.get_or("idle_timeout", default.idle_timeout),
        store_timeout: section.get_or("store_timeout", default.store_timeout),
        connections_max: section.positive_or("connections_max", default.connections_max),
        streams_max: section
            .get("streams_max")
            .map_or(default.streams_max, NonZeroU32::get),
        retry_after: section.get_or("retry_after", default.retry_after),
        shutdown_timeout,
    };
    Ingress {
        server,
        body_max: section.size_or("body_max", body_max),
        overload: OverloadLimits {
            unhandled_max: section
                .get("unhandled_max")
                .map(|max: NonZeroUsize| max.get() as u64),
            overload_time: section.get_or("overload_time", overload.overload_time),
        },
        refused: RefusedSettings {
            refused_kept: refused_kept(section, refused.refused_kept),
            refused_bytes_max: section
                .get("refused_bytes_max")
                .map_or(refused.refused_bytes_max, |Size(bytes)| bytes),
            refused_age_max: section.get_or("refused_age_max", refused.refused_age_max),
        },
    }
}

/// Reads the number of refused requests that are kept for each source, or for one source.
pub fn refused_kept(section: &Section<'_>, default: usize) -> usize {
    let Some(entry) = section.entry("refused_kept") else {
        return default;
    };
    let count = entry.get().unwrap_or(default);
    if count > REFUSED_KEPT_MAX {
        entry.fault(format_args!(
            "must be at most {REFUSED_KEPT_MAX}; write 0 to keep no refused requests"
        ));
    }
    count
}
