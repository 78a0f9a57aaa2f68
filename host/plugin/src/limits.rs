//! What one attempt may use, and the accountant that holds a store to it.

use std::time::Duration;

use hookyard_inbox::Usage;
use wasmtime::ResourceLimiter;

/// What an attempt of a plugin may use. The default is safe for a small handler in any language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all of the component's memories together, in bytes. The values that the host makes from an
    /// event's JSON are bounded by this as well, and so is what the host holds of the attempt's effects.
    pub memory_max: u64,
    /// Processor time of the guest's code.
    pub cpu_max: Duration,
    /// Time from the start of instantiation to the answer, whatever it is spent on.
    pub wall_max: Duration,
    /// Attempts at once.
    pub concurrency: usize,
    /// Keys that the plugin's key-value store may hold.
    pub kv_keys_max: u64,
    /// Bytes that it may hold: of buckets' names, keys and values.
    pub kv_bytes_max: u64,
    /// Messages that an attempt may send.
    pub outbox_messages_max: usize,
    /// Log lines kept of an attempt.
    pub log_lines_max: usize,
    /// Bytes kept of a log line, and of a reason that a handler gives.
    pub log_line_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: 64 << 20,
            cpu_max: Duration::from_secs(1),
            wall_max: Duration::from_secs(10),
            concurrency: 8,
            kv_keys_max: 100_000,
            kv_bytes_max: 64 << 20,
            outbox_messages_max: 100,
            log_lines_max: 100,
            log_line_bytes_max: 2048,
        }
    }
}

/// What the host spends on one value at most, its share of names included.
const VALUE_BYTES: u64 = 256;

impl Limits {
    /// How much the plugin's store may hold.
    pub(crate) fn quota(&self) -> Usage {
        Usage { keys: self.kv_keys_max, bytes: self.kv_bytes_max }
    }

    /// How many values an event may be decoded to, so that they take no more memory than the guest itself may have.
    pub(crate) fn values_max(&self) -> usize {
        usize::try_from(self.memory_max / VALUE_BYTES).unwrap_or(usize::MAX)
    }
}

/// Elements of all tables together; the largest runtimes have some ten thousand functions.
const TABLE_ELEMENTS_MAX: usize = 200_000;
/// Core instances, memories and tables of one component; the largest runtimes have some dozens.
pub(crate) const INSTANCES_MAX: usize = 100;
pub(crate) const MEMORIES_MAX: usize = 16;
pub(crate) const TABLES_MAX: usize = 32;

/// Grants or denies what the guest asks for, and remembers that it denied memory.
#[derive(Debug)]
pub(crate) struct Accountant {
    memory_max: u64,
    memory_used: u64,
    table_elements_used: usize,
    denied: bool,
}

impl Accountant {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { memory_max: limits.memory_max, memory_used: 0, table_elements_used: 0, denied: false }
    }

    /// Whether the guest was ever denied memory: what it dies of later, it dies of that.
    pub(crate) fn has_denied_memory(&self) -> bool {
        self.denied
    }
}

impl ResourceLimiter for Accountant {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.memory_used.saturating_add(desired.saturating_sub(current) as u64);
        let is_granted = used <= self.memory_max && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.memory_used = used;
        } else {
            self.denied = true;
        }
        Ok(is_granted)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.denied = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.table_elements_used.saturating_add(desired.saturating_sub(current));
        let is_granted = used <= TABLE_ELEMENTS_MAX && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.table_elements_used = used;
        }
        Ok(is_granted)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit() {
        let mut accountant = Accountant::new(&Limits { memory_max: 100, ..Limits::default() });
        let mut grow =
            |current, desired, maximum| accountant.memory_growing(current, desired, maximum).expect("no trap");
        assert!(grow(0, 60, None));
        assert!(grow(0, 40, None));
        assert!(!grow(60, 61, None));
        assert!(accountant.has_denied_memory());
    }

    #[test]
    fn a_grant_leaves_no_trace_of_denial() {
        let mut accountant = Accountant::new(&Limits { memory_max: 100, ..Limits::default() });
        assert!(accountant.memory_growing(0, 100, None).expect("no trap"));
        assert!(!accountant.has_denied_memory());
        assert!(accountant.table_growing(0, TABLE_ELEMENTS_MAX, None).expect("no trap"));
        assert!(!accountant.table_growing(0, 1, None).expect("no trap"));
        assert!(!accountant.has_denied_memory());
    }
}
