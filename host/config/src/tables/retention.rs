//! The `[retention]` table, and the tables of tenants: how long data is kept.

use std::collections::BTreeMap;

use hookyard_store::RetentionLimits;

use crate::document::{Scalar, Section, Size};
use crate::settings::Retention;

/// The value that means that there is no limit.
const UNLIMITED: &str = "unlimited";

/// Reads `[retention]`. The caller adds the limits of tenants.
pub fn read(section: &Section<'_>) -> Retention {
    let default = Retention::default();
    Retention {
        limits: hookyard_store::Retention {
            fallback: limits(section, default.limits.fallback),
            by_tenant: BTreeMap::new(),
        },
        every: section.get_or("every", default.every),
    }
}

/// Reads the limits of all tenants or of one tenant. Absent keys have the values of `default`.
pub fn limits(section: &Section<'_>, default: RetentionLimits) -> RetentionLimits {
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
