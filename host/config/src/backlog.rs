//! `backlog` and `backlog_rate`: what a source's first plugin does with the events that came before it. For all plugins in
//! `[plugins]`, for one in the file beside it.

use super::settings::Backlog;
use crate::document::{Entry, Rate, Section, unknown};

/// Reads what is said of backlogs; what isn't is as in `default`.
pub fn read(section: &Section<'_>, default: Backlog) -> Backlog {
    Backlog {
        is_taken: section
            .entry("backlog")
            .and_then(|entry| is_taken(&entry))
            .unwrap_or(default.is_taken),
        rate: section
            .get("backlog_rate")
            .map_or(default.rate, |Rate(rate)| rate),
    }
}

fn is_taken(entry: &Entry<'_>) -> Option<bool> {
    let name = entry.get::<String>()?;
    match name.as_str() {
        "all" => Some(true),
        "none" => Some(false),
        _ => {
            entry.fault(format_args!(
                "{} (there are all, none)",
                unknown("backlog", &name, ["all", "none"])
            ));
            None
        }
    }
}
