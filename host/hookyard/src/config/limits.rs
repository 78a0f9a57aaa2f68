//! What an attempt may use, as it's written in `hookyard.toml` and beside a plugin.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use hookyard_plugin::Limits;

use crate::document::{Section, Size};

/// Reads limits; what isn't said is as in `defaults`.
pub(crate) fn read(section: &Section<'_>, defaults: &Limits) -> Limits {
    let count = |key, default| section.get(key).map_or(default, NonZeroUsize::get);
    let time = |key, default| section.get::<Duration>(key).unwrap_or(default);
    let line_max = section.get("log_line_max").and_then(|Size(bytes)| usize::try_from(bytes).ok());
    Limits {
        memory_max: section.get("memory_max").map_or(defaults.memory_max, |Size(bytes)| bytes),
        cpu_max: time("cpu_max", defaults.cpu_max),
        wall_max: time("wall_max", defaults.wall_max),
        concurrency: count("concurrency", defaults.concurrency),
        kv_keys_max: section.get("kv_keys_max").map_or(defaults.kv_keys_max, |keys: NonZeroU32| keys.get().into()),
        kv_bytes_max: section.get("kv_bytes_max").map_or(defaults.kv_bytes_max, |Size(bytes)| bytes),
        outbox_messages_max: count("outbox_messages_max", defaults.outbox_messages_max),
        log_lines_max: count("log_lines_max", defaults.log_lines_max),
        log_line_bytes_max: line_max.unwrap_or(defaults.log_line_bytes_max),
    }
}
