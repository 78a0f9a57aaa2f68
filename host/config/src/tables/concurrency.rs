//! The `[dispatch]` and `[delivery]` tables, which have the same keys.

use crate::document::Section;
use crate::settings::Concurrency;

/// Reads one of the tables.
pub fn read(section: &Section<'_>) -> Concurrency {
    let concurrency_max =
        section.positive_or("concurrency_max", Concurrency::default().concurrency_max);
    let default = Concurrency::new(concurrency_max);

    Concurrency {
        concurrency_max,
        tenant_concurrency_max: section
            .positive_or("tenant_concurrency_max", default.tenant_concurrency_max),
        lease: section.get_or("lease", default.lease),
    }
}
