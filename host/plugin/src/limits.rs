//! What one attempt may use, and the accountant that holds a store to it.

use std::time::Duration;

use hookyard_model::{Limit, Outcome};
use hookyard_store::{KvUsage, OutboxQuota, OutboxUsage};
use wasmtime::ResourceLimiter;

use crate::budget::Excess;
use crate::host_fault::HostFault;

/// What an attempt of a plugin may use. The default is safe for a small handler in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all of the component's memories together, in bytes. The values that the host makes from an
    /// event's JSON are bounded by this as well, and so is what the host holds of the attempt's effects.
    pub memory_max: u64,
    /// Processor time of the guest's code, and of the host's functions that it calls.
    pub cpu_max: Duration,
    /// Time from the start of instantiation to the answer, whatever it is spent on.
    pub wall_max: Duration,
    /// Attempts at once.
    pub concurrency: usize,
    /// Elements of all tables together.
    pub table_elements_max: u64,
    /// Core instances that the component is made of; as many memories, and as many tables.
    pub instances_max: usize,
    /// Things of the host's, and resources of its own, that the guest may hold at once.
    pub handles_max: usize,
    /// Calls of the host's functions.
    pub host_calls_max: u64,
    /// Bytes that pass between guest and host by these calls, together; see `budget`.
    pub host_bytes_max: u64,
    /// Bytes that the guest may hand to the host at once: in one call, or as its answer.
    pub transfer_max: usize,
    /// Outgoing HTTP requests.
    pub http_requests_max: u64,
    /// Requests that the plugin's attempts may have under way together; more wait.
    pub http_concurrency: usize,
    /// Bytes that the body of a request may have, and that of an answer.
    pub http_body_max: usize,
    /// How often the plugin's key-value store may be read from disk.
    pub kv_reads_max: u64,
    /// Keys that the plugin's key-value store may hold.
    pub kv_keys_max: u64,
    /// Bytes that it may hold: of buckets' names, keys and values.
    pub kv_bytes_max: u64,
    /// Keys of it that an attempt may write.
    pub kv_writes_max: usize,
    /// Bytes that it may write: of buckets' names, keys and values.
    pub kv_write_bytes_max: u64,
    /// Messages that an attempt may send.
    pub outbox_messages_max: usize,
    /// Messages of the plugin that may wait to be sent.
    pub outbox_waiting_max: u64,
    /// Bytes of them.
    pub outbox_waiting_bytes_max: u64,
    /// Messages of all plugins of its tenant that may wait when it sends more.
    pub outbox_tenant_waiting_max: u64,
    /// Bytes of them.
    pub outbox_tenant_waiting_bytes_max: u64,
    /// Log lines kept of an attempt. What is over it is counted and not kept, and is no reason to end the attempt.
    pub log_lines_max: usize,
    /// Bytes kept of a log line, and of a reason that a handler gives.
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
            log_lines_max: 100,
            log_line_max: 2048,
        }
    }
}

/// What the host spends on one value at most, its share of names included.
const VALUE_BYTES: u64 = 256;

impl Limits {
    /// How much the plugin's store may hold.
    pub(crate) fn quota(&self) -> KvUsage {
        KvUsage {
            keys: self.kv_keys_max,
            bytes: self.kv_bytes_max,
        }
    }

    /// How much may wait in the outbox.
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

    /// How many values an event may be decoded to, so that they take no more memory than the guest itself may have.
    pub(crate) fn values_max(&self) -> usize {
        usize::try_from(self.memory_max / VALUE_BYTES).unwrap_or(usize::MAX)
    }
}

/// Grants or denies what the guest's code asks for, and remembers what it denied.
#[derive(Debug)]
pub(crate) struct Accountant {
    memory_max: u64,
    memory_used: u64,
    table_elements_max: u64,
    table_elements_used: u64,
    instances_max: usize,
    denied: Option<Denial>,
}

/// What the guest asked for in vain. What it dies of later, it dies of that.
#[derive(Debug, Clone, Copy)]
enum Denial {
    Memory,
    TableElements,
}

impl Accountant {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_max: limits.memory_max,
            memory_used: 0,
            table_elements_max: limits.table_elements_max,
            table_elements_used: 0,
            instances_max: limits.instances_max,
            denied: None,
        }
    }

    /// What a guest failed of that was denied something before.
    pub(crate) fn denial(&self) -> Option<Outcome> {
        let max = self.table_elements_max;
        self.denied.map(|denied| match denied {
            Denial::Memory => Outcome::OutOfMemory {
                max: self.memory_max,
            },
            Denial::TableElements => Excess {
                limit: Limit::TableElements,
                max,
            }
            .into(),
        })
    }

    /// The guest met a maximum of its own, unless it was granted what the system then refused: that ends the attempt, for a
    /// guest that lives with it would come to something else than it should.
    fn grow_failed(&mut self, error: wasmtime::Error, denied: Denial) -> wasmtime::Result<()> {
        if HostFault::of(&error).is_some() {
            return Err(error);
        }
        self.denied = Some(denied);
        Ok(())
    }

    /// Linear memory that the guest has; it never has less than before.
    pub(crate) fn memory_used(&self) -> u64 {
        self.memory_used
    }
}

impl ResourceLimiter for Accountant {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self
            .memory_used
            .saturating_add(desired.saturating_sub(current) as u64);
        let is_granted =
            used <= self.memory_max && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.memory_used = used;
        } else {
            self.denied = Some(Denial::Memory);
        }
        Ok(is_granted)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(error, Denial::Memory)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self
            .table_elements_used
            .saturating_add(desired.saturating_sub(current) as u64);
        let is_granted =
            used <= self.table_elements_max && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.table_elements_used = used;
        } else {
            self.denied = Some(Denial::TableElements);
        }
        Ok(is_granted)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(error, Denial::TableElements)
    }

    fn instances(&self) -> usize {
        self.instances_max
    }

    fn tables(&self) -> usize {
        self.instances_max
    }

    fn memories(&self) -> usize {
        self.instances_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit() {
        let mut accountant = Accountant::new(&Limits {
            memory_max: 100,
            ..Limits::default()
        });
        let mut grow = |current, desired, maximum| {
            accountant
                .memory_growing(current, desired, maximum)
                .expect("no trap")
        };
        assert!(grow(0, 60, None));
        assert!(grow(0, 40, None));
        assert!(!grow(60, 61, None));
        assert_eq!(accountant.denial(), Some(Outcome::OutOfMemory { max: 100 }));
        assert_eq!(accountant.memory_used(), 100);
    }

    #[test]
    fn what_the_system_refuses_is_no_denial() {
        let mut accountant = Accountant::new(&Limits::default());
        assert!(
            accountant
                .memory_grow_failed(rustix::io::Errno::NOMEM.into())
                .is_err()
        );
        assert_eq!(accountant.denial(), None);

        accountant
            .memory_grow_failed(wasmtime::Error::msg("Memory maximum size exceeded"))
            .expect("no trap");
        assert!(matches!(
            accountant.denial(),
            Some(Outcome::OutOfMemory { .. })
        ));
    }

    #[test]
    fn tables_share_another_and_a_grant_leaves_no_trace() {
        let mut accountant = Accountant::new(&Limits {
            table_elements_max: 10,
            ..Limits::default()
        });
        let mut grow = |current, desired| {
            let is_granted = accountant
                .table_growing(current, desired, None)
                .expect("no trap");
            (is_granted, accountant.denial())
        };
        assert_eq!(grow(0, 6), (true, None));
        assert_eq!(grow(0, 4), (true, None));
        let denied = Outcome::Exceeded {
            limit: Limit::TableElements,
            max: 10,
        };
        assert_eq!(grow(6, 7), (false, Some(denied)));
    }
}
