//! The `[plugins]` table: the plugin folder, and what plugins may use.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hookyard_plugin::{CacheLimits, CompileLimits};

use crate::document::{Entry, Rate, Section, Size, unknown};
use crate::grants::{self, GrantSettings};
use crate::limits::{self, UNLIMITED};
use crate::references::Resolver;
use crate::settings::{Backlog, BacklogChoice, Compile, Plugins, Windows};

/// Reads the table.
///
/// The caller adds the limits and grants of tenants, which are in the tenants' own tables.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Plugins {
    let default = Plugins::default();
    let folder = |key, default: PathBuf| resolver.resolve(&section.get_or(key, default));

    Plugins {
        folder: folder("folder", default.folder),
        cache: folder("cache", default.cache),
        revisions: folder("revisions", default.revisions),
        tenant_count_max: section.positive_or("tenant_count_max", default.tenant_count_max),
        file_max: section.get_or("file_max", Size(default.file_max)).0,
        rescan: section.get_or("rescan", default.rescan),
        windows: Windows {
            settle: section.get_or("settle", default.windows.settle),
            removal: section.get_or("removal", default.windows.removal),
        },
        compile: section.table("compile", compile),
        limits: section.table("limits", |section| {
            limits::read(section, &default.limits, &UNLIMITED)
        }),
        tenant_limits: BTreeMap::new(),
        grants: GrantSettings::new(
            &section.table("grants", |section| grants::read(section, None, resolver)),
        ),
        backlog: backlog(section, default.backlog),
    }
}

/// Reads `[plugins.compile]`.
fn compile(section: &Section<'_>) -> Compile {
    let default = Compile::default();
    let limits = CompileLimits {
        memory_max: section
            .get_or("memory_max", Size(default.limits.memory_max))
            .0,
        cpu_max: section.get_or("cpu_max", default.limits.cpu_max),
        wall_max: section.get_or("wall_max", default.limits.wall_max),
    };
    Compile {
        limits,
        concurrency: section.positive_or("concurrency", default.concurrency),
        cache: cache_limits(section, default.cache),
    }
}

fn cache_limits(section: &Section<'_>, default: CacheLimits) -> CacheLimits {
    let size = |key, default| section.get_or(key, Size(default)).0;
    CacheLimits {
        unused_max: size("unused_max", default.unused_max),
        unused_age: section.get_or("unused_age", default.unused_age),
        functions_max: size("functions_max", default.functions_max),
    }
}

/// Reads `backlog` and `backlog_rate`, which are in `[plugins]` for all plugins and in the settings
/// file of one plugin.
pub fn backlog(section: &Section<'_>, default: Backlog) -> Backlog {
    let choice = section
        .entry("backlog")
        .and_then(|entry| backlog_choice(&entry));
    let Rate(backlog_rate) = section.get_or("backlog_rate", Rate(default.backlog_rate));

    Backlog {
        backlog: choice.unwrap_or(default.backlog),
        backlog_rate,
    }
}

fn backlog_choice(entry: &Entry<'_>) -> Option<BacklogChoice> {
    let name = entry.get::<String>()?;
    match name.as_str() {
        "all" => Some(BacklogChoice::All),
        "none" => Some(BacklogChoice::None),
        _ => {
            let message = unknown("backlog", &name, ["all", "none"]);
            entry.fault(format_args!("{message} (must be \"all\" or \"none\")"));
            None
        }
    }
}
