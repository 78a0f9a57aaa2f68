//! The limits of an attempt.

use std::time::Duration;

use hookyard_store::{KvUsage, OutboxQuota, OutboxUsage};

/// The host's largest expense for one decoded value, including its share of names, in bytes.
const VALUE_BYTES: u64 = 256;

/// What an attempt of a plugin may use. The defaults are safe for a small handler in any language.
///
/// Each field has the name of its key in `[plugins.limits]` and in a plugin settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of all linear memories of the component together, in bytes.
    ///
    /// This also bounds the values that the host decodes from an event's JSON, and what the host
    /// holds of the attempt's effects.
    pub memory_max: u64,
    /// The maximum processor time of the guest's code and of the host functions that it calls.
    pub cpu_max: Duration,
    /// The maximum time from the start of instantiation to the result of the handler, including
    /// waiting.
    pub wall_max: Duration,
    /// The maximum number of attempts at the same time.
    pub concurrency: usize,
    /// The maximum number of elements of all tables together.
    pub table_elements_max: u64,
    /// The maximum number of core instances in the component. It is also the maximum number of
    /// memories and of tables.
    pub instances_max: usize,
    /// The maximum number of handles that the guest may hold at once: to the host's resources and
    /// to its own.
    pub handles_max: usize,
    /// The maximum number of calls to host functions.
    pub host_calls_max: u64,
    /// The maximum number of bytes that all calls to host functions together pass between guest and
    /// host.
    pub host_bytes_max: u64,
    /// The maximum number of bytes that the guest may pass to the host at once: in one call, or as
    /// its result.
    pub transfer_max: usize,
    /// The maximum number of outgoing HTTP requests.
    pub http_requests_max: u64,
    /// The maximum number of requests that all attempts of the plugin may have in flight together.
    /// Further requests wait.
    pub http_concurrency: usize,
    /// The maximum size of the body of a request, and of the body of an answer, in bytes.
    pub http_body_max: usize,
    /// The maximum number of reads from the plugin's stored values.
    pub kv_reads_max: u64,
    /// The maximum number of keys that the plugin may store.
    pub kv_keys_max: u64,
    /// The maximum size of everything that the plugin stores, in bytes: names of buckets, keys and
    /// values.
    pub kv_bytes_max: u64,
    /// The maximum number of keys that an attempt may write.
    pub kv_writes_max: usize,
    /// The maximum size of everything that an attempt writes, in bytes: names of buckets, keys and
    /// values.
    pub kv_write_bytes_max: u64,
    /// The maximum number of messages that an attempt may send.
    pub outbox_messages_max: usize,
    /// The maximum number of the plugin's messages that may wait for delivery.
    pub outbox_waiting_max: u64,
    /// The maximum size of the plugin's messages that wait for delivery, in bytes.
    pub outbox_waiting_bytes_max: u64,
    /// The maximum number of waiting messages of all plugins of the tenant, checked when this
    /// plugin sends.
    pub outbox_tenant_waiting_max: u64,
    /// The maximum size of the waiting messages of all plugins of the tenant, in bytes, checked
    /// when this plugin sends.
    pub outbox_tenant_waiting_bytes_max: u64,
    /// The maximum size of the body of a response to a request, in bytes.
    pub response_bytes_max: usize,
    /// The maximum number of log lines that are kept for an attempt. Further lines are counted and
    /// dropped; they do not end the attempt.
    pub log_lines_max: usize,
    /// The maximum size of a log line, and of a reason that a handler gives, in bytes. The rest is
    /// cut off.
    pub log_line_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: 64 << 20,
            cpu_max: Duration::from_secs(1),
            wall_max: Duration::from_secs(10),
            concurrency: 8,
            table_elements_max: 100_000,
            instances_max: 100,
            handles_max: 1024,
            host_calls_max: 250_000,
            host_bytes_max: 64 << 20,
            transfer_max: 4 << 20,
            http_requests_max: 20,
            http_concurrency: 8,
            http_body_max: 1 << 20,
            kv_reads_max: 10_000,
            kv_keys_max: 100_000,
            kv_bytes_max: 64 << 20,
            kv_writes_max: 250,
            kv_write_bytes_max: 4 << 20,
            outbox_messages_max: 100,
            outbox_waiting_max: 10_000,
            outbox_waiting_bytes_max: 64 << 20,
            outbox_tenant_waiting_max: 50_000,
            outbox_tenant_waiting_bytes_max: 256 << 20,
            response_bytes_max: 64 << 10,
            log_lines_max: 100,
            log_line_max: 2048,
        }
    }
}

impl Limits {
    /// Returns the plugin's quota of stored values.
    pub(crate) fn quota(&self) -> KvUsage {
        KvUsage {
            keys: self.kv_keys_max,
            bytes: self.kv_bytes_max,
        }
    }

    /// Returns the quotas of messages that wait for delivery.
    pub(crate) fn outbox_quota(&self) -> OutboxQuota {
        OutboxQuota {
            plugin: OutboxUsage {
                messages: self.outbox_waiting_max,
                bytes: self.outbox_waiting_bytes_max,
            },
            tenant: OutboxUsage {
                messages: self.outbox_tenant_waiting_max,
                bytes: self.outbox_tenant_waiting_bytes_max,
            },
        }
    }

    /// Returns the maximum number of values that an event may be decoded to, so that these values
    /// take no more memory than the guest itself may have.
    pub(crate) fn values_max(&self) -> usize {
        usize::try_from(self.memory_max / VALUE_BYTES).unwrap_or(usize::MAX)
    }
}
