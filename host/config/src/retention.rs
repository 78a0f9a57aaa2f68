//! `[retention]`, and a tenant's own: how long events are kept.

use std::time::Duration;

use hookyard_store::RetentionLimits;

use crate::document::{Scalar, Section, Size};

/// What is written for no limit.
const UNLIMITED: &str = "unlimited";

/// `[retention]`: what is kept, and how often it's seen to.
pub fn read(section: &Section<'_>) -> (RetentionLimits, Duration) {
    (
        keep(section, RetentionLimits::default()),
        section.get("every").unwrap_or(Duration::from_secs(60)),
    )
}

/// What is kept; what isn't said is as in `default`.
pub fn keep(section: &Section<'_>, default: RetentionLimits) -> RetentionLimits {
    RetentionLimits {
        age_max: limit(section, "age_max", default.age_max),
        bytes_max: limit(section, "bytes_max", default.bytes_max.map(Size))
            .map(|Size(bytes)| bytes),
        unrouted_max_age: limit(section, "unrouted_max_age", default.unrouted_max_age),
        unsent_max_age: limit(section, "unsent_max_age", default.unsent_max_age),
    }
}

fn limit<T: Scalar>(section: &Section<'_>, key: &'static str, default: Option<T>) -> Option<T> {
    match section.entry(key) {
        None => default,
        Some(entry) if entry.as_text() == Some(UNLIMITED) => None,
        Some(entry) => entry.get(),
    }
}
