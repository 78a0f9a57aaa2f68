//! The `limits` tables: what an attempt of a plugin may use.
//!
//! Limits are in `[plugins.limits]` for all plugins, in `[tenants.<tenant>.limits]` as the maximum
//! for a tenant's plugins, and in the settings file of one plugin.

use std::fmt::Debug;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use hookyard_plugin::Limits;

use crate::document::{Scalar, Section, Size};

/// The maximum limits of a tenant without limits of its own.
pub const UNLIMITED: Limits = Limits {
    memory_max: u64::MAX,
    cpu_max: Duration::MAX,
    wall_max: Duration::MAX,
    concurrency: usize::MAX,
    table_elements_max: u64::MAX,
    instances_max: usize::MAX,
    handles_max: usize::MAX,
    host_calls_max: u64::MAX,
    host_bytes_max: u64::MAX,
    transfer_max: usize::MAX,
    http_requests_max: u64::MAX,
    http_concurrency: usize::MAX,
    http_body_max: usize::MAX,
    kv_reads_max: u64::MAX,
    kv_keys_max: u64::MAX,
    kv_bytes_max: u64::MAX,
    kv_writes_max: usize::MAX,
    kv_write_bytes_max: u64::MAX,
    outbox_messages_max: usize::MAX,
    outbox_waiting_max: u64::MAX,
    outbox_waiting_bytes_max: u64::MAX,
    outbox_tenant_waiting_max: u64::MAX,
    outbox_tenant_waiting_bytes_max: u64::MAX,
    response_bytes_max: usize::MAX,
    log_lines_max: usize::MAX,
    log_line_max: usize::MAX,
};

/// Reads limits. An absent key has the value of `default`, or of `most` if that is less. A value
/// above `most` is a fault.
pub fn read(section: &Section<'_>, default: &Limits, most: &Limits) -> Limits {
    let reader = Reader {
        section,
        default,
        most,
    };
    Limits {
        memory_max: reader.size("memory_max", |it| it.memory_max),
        cpu_max: reader.time("cpu_max", |it| it.cpu_max),
        wall_max: reader.time("wall_max", |it| it.wall_max),
        concurrency: reader.small_count("concurrency", |it| it.concurrency),
        table_elements_max: reader.count("table_elements_max", |it| it.table_elements_max),
        instances_max: reader.small_count("instances_max", |it| it.instances_max),
        handles_max: reader.small_count("handles_max", |it| it.handles_max),
        host_calls_max: reader.count("host_calls_max", |it| it.host_calls_max),
        host_bytes_max: reader.size("host_bytes_max", |it| it.host_bytes_max),
        transfer_max: reader.small_size("transfer_max", |it| it.transfer_max),
        http_requests_max: reader.count("http_requests_max", |it| it.http_requests_max),
        http_concurrency: reader.small_count("http_concurrency", |it| it.http_concurrency),
        http_body_max: reader.small_size("http_body_max", |it| it.http_body_max),
        kv_reads_max: reader.count("kv_reads_max", |it| it.kv_reads_max),
        kv_keys_max: reader.count("kv_keys_max", |it| it.kv_keys_max),
        kv_bytes_max: reader.size("kv_bytes_max", |it| it.kv_bytes_max),
        kv_writes_max: reader.small_count("kv_writes_max", |it| it.kv_writes_max),
        kv_write_bytes_max: reader.size("kv_write_bytes_max", |it| it.kv_write_bytes_max),
        outbox_messages_max: reader.small_count("outbox_messages_max", |it| it.outbox_messages_max),
        outbox_waiting_max: reader.count("outbox_waiting_max", |it| it.outbox_waiting_max),
        outbox_waiting_bytes_max: reader
            .size("outbox_waiting_bytes_max", |it| it.outbox_waiting_bytes_max),
        outbox_tenant_waiting_max: reader.count("outbox_tenant_waiting_max", |it| {
            it.outbox_tenant_waiting_max
        }),
        outbox_tenant_waiting_bytes_max: reader.size("outbox_tenant_waiting_bytes_max", |it| {
            it.outbox_tenant_waiting_bytes_max
        }),
        response_bytes_max: reader.small_size("response_bytes_max", |it| it.response_bytes_max),
        log_lines_max: reader.small_count("log_lines_max", |it| it.log_lines_max),
        log_line_max: reader.small_size("log_line_max", |it| it.log_line_max),
    }
}

/// A table of limits that is being read. Each method takes a key and the field that the key fills.
struct Reader<'r, 'd> {
    section: &'r Section<'d>,
    default: &'r Limits,
    most: &'r Limits,
}

impl Reader<'_, '_> {
    fn size(&self, key: &'static str, field: impl Fn(&Limits) -> u64) -> u64 {
        self.limit(key, |Size(bytes)| bytes, field)
    }

    fn count(&self, key: &'static str, field: impl Fn(&Limits) -> u64) -> u64 {
        self.limit(key, |count: NonZeroU32| count.get().into(), field)
    }

    fn time(&self, key: &'static str, field: impl Fn(&Limits) -> Duration) -> Duration {
        self.limit(key, |time: Duration| time, field)
    }

    fn small_size(&self, key: &'static str, field: impl Fn(&Limits) -> usize) -> usize {
        self.limit(key, Size::in_memory, field)
    }

    fn small_count(&self, key: &'static str, field: impl Fn(&Limits) -> usize) -> usize {
        self.limit(key, NonZeroUsize::get, field)
    }

    fn limit<S: Scalar, T: Copy + PartialOrd + Debug>(
        &self,
        key: &'static str,
        value: impl Fn(S) -> T,
        field: impl Fn(&Limits) -> T,
    ) -> T {
        let (default, most) = (field(self.default), field(self.most));
        let default = if default > most { most } else { default };
        let Some(entry) = self.section.entry(key) else {
            return default;
        };

        match entry.get().map(value) {
            Some(requested) if requested > most => {
                entry.fault(format_args!(
                    "is {requested:?}, but a plugin of this tenant may have at most {most:?}; \
                     lower it, or raise {key} in the tenant's limits in hookyard.toml"
                ));
                default
            }
            requested => requested.unwrap_or(default),
        }
    }
}
