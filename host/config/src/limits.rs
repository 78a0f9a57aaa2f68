//! What an attempt may use, as it's written in `hookyard.toml` and beside a plugin.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::time::Duration;

use hookyard_plugin::Limits;

use crate::document::{Scalar, Section, Size};

/// Where a tenant's plugins may have whatever the host gives.
pub const BOUNDLESS: Limits = Limits {
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
    log_lines_max: usize::MAX,
    log_line_max: usize::MAX,
};

/// Reads limits. What isn't said is as in `defaults`, or as in `most` where that is less; to ask for more is a fault.
pub fn read(section: &Section<'_>, defaults: &Limits, most: &Limits) -> Limits {
    let (d, m) = (defaults, most);
    let size = |key, default, most| one(section, key, |Size(bytes)| bytes, default, most);
    let count = |key, default, most| {
        one(
            section,
            key,
            |it: NonZeroU32| u64::from(it.get()),
            default,
            most,
        )
    };
    let time = |key, default, most| one(section, key, |it: Duration| it, default, most);
    let size_here =
        |key, default: usize, most: usize| usize_of(size(key, default as u64, most as u64));
    let count_here =
        |key, default: usize, most: usize| usize_of(count(key, default as u64, most as u64));
    Limits {
        memory_max: size("memory_max", d.memory_max, m.memory_max),
        cpu_max: time("cpu_max", d.cpu_max, m.cpu_max),
        wall_max: time("wall_max", d.wall_max, m.wall_max),
        concurrency: count_here("concurrency", d.concurrency, m.concurrency),
        table_elements_max: count(
            "table_elements_max",
            d.table_elements_max,
            m.table_elements_max,
        ),
        instances_max: count_here("instances_max", d.instances_max, m.instances_max),
        handles_max: count_here("handles_max", d.handles_max, m.handles_max),
        host_calls_max: count("host_calls_max", d.host_calls_max, m.host_calls_max),
        host_bytes_max: size("host_bytes_max", d.host_bytes_max, m.host_bytes_max),
        transfer_max: size_here("transfer_max", d.transfer_max, m.transfer_max),
        http_requests_max: count(
            "http_requests_max",
            d.http_requests_max,
            m.http_requests_max,
        ),
        http_concurrency: count_here("http_concurrency", d.http_concurrency, m.http_concurrency),
        http_body_max: size_here("http_body_max", d.http_body_max, m.http_body_max),
        kv_reads_max: count("kv_reads_max", d.kv_reads_max, m.kv_reads_max),
        kv_keys_max: count("kv_keys_max", d.kv_keys_max, m.kv_keys_max),
        kv_bytes_max: size("kv_bytes_max", d.kv_bytes_max, m.kv_bytes_max),
        kv_writes_max: count_here("kv_writes_max", d.kv_writes_max, m.kv_writes_max),
        kv_write_bytes_max: size(
            "kv_write_bytes_max",
            d.kv_write_bytes_max,
            m.kv_write_bytes_max,
        ),
        outbox_messages_max: count_here(
            "outbox_messages_max",
            d.outbox_messages_max,
            m.outbox_messages_max,
        ),
        outbox_waiting_max: count(
            "outbox_waiting_max",
            d.outbox_waiting_max,
            m.outbox_waiting_max,
        ),
        outbox_waiting_bytes_max: size(
            "outbox_waiting_bytes_max",
            d.outbox_waiting_bytes_max,
            m.outbox_waiting_bytes_max,
        ),
        outbox_tenant_waiting_max: count(
            "outbox_tenant_waiting_max",
            d.outbox_tenant_waiting_max,
            m.outbox_tenant_waiting_max,
        ),
        outbox_tenant_waiting_bytes_max: size(
            "outbox_tenant_waiting_bytes_max",
            d.outbox_tenant_waiting_bytes_max,
            m.outbox_tenant_waiting_bytes_max,
        ),
        log_lines_max: count_here("log_lines_max", d.log_lines_max, m.log_lines_max),
        log_line_max: size_here("log_line_max", d.log_line_max, m.log_line_max),
    }
}

fn one<S: Scalar, T: Copy + PartialOrd + Debug>(
    section: &Section<'_>,
    key: &'static str,
    value: impl Fn(S) -> T,
    default: T,
    most: T,
) -> T {
    let default = if default > most { most } else { default };
    let Some(entry) = section.entry(key) else {
        return default;
    };
    match entry.get().map(value) {
        Some(asked) if asked > most => {
            entry.fault(format_args!(
                "asks for {asked:?}, and a plugin of this tenant may have {most:?}; ask for less, or raise {key} in the \
                 tenant's limits in hookyard.toml"
            ));
            default
        }
        asked => asked.unwrap_or(default),
    }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
