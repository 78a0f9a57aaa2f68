//! Holds a store to its limits of memory, table elements and instances.

use hookyard_model::{Limit, Outcome};
use wasmtime::ResourceLimiter;

use super::budget::LimitExceeded;
use super::host_fault::HostFault;
use crate::Limits;

/// Grants or denies the growth of memories and tables, and remembers the denials.
#[derive(Debug)]
pub(super) struct Accountant {
    memory_max: u64,
    memory_used: u64,
    table_elements_max: u64,
    table_elements_used: u64,
    instances_max: usize,
    denial: Option<Denial>,
}

/// What the guest was denied last. If the guest fails later, this is the reason.
#[derive(Debug, Clone, Copy)]
enum Denial {
    Memory,
    TableElements,
}

impl Accountant {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_max: limits.memory_max,
            memory_used: 0,
            table_elements_max: limits.table_elements_max,
            table_elements_used: 0,
            instances_max: limits.instances_max,
            denial: None,
        }
    }

    /// Forgets the denials of the call before. Memories and tables count as long as they exist.
    pub(super) fn begin(&mut self) {
        self.denial = None;
    }

    /// Returns the outcome of a guest that failed after it was denied something.
    pub(super) fn denial(&self) -> Option<Outcome> {
        match self.denial? {
            Denial::Memory => Some(Outcome::OutOfMemory {
                max: self.memory_max,
            }),
            Denial::TableElements => {
                let exceeded = LimitExceeded {
                    limit: Limit::TableElements,
                    max: self.table_elements_max,
                };
                Some(exceeded.into())
            }
        }
    }

    /// Returns the size of all linear memories together, in bytes. Memories never shrink.
    pub(super) fn memory_used(&self) -> u64 {
        self.memory_used
    }

    /// Handles a growth that was granted and failed.
    ///
    /// The guest usually met a maximum that the component itself declares, and may go on. If the
    /// operating system had no memory, the attempt ends: a guest that goes on would have another
    /// outcome than it should have.
    fn grow_failed(&mut self, error: wasmtime::Error, denial: Denial) -> wasmtime::Result<()> {
        if HostFault::of(&error).is_some() {
            return Err(error);
        }
        self.denial = Some(denial);
        Ok(())
    }
}

/// The growth of a memory or a table that the guest asks for, in bytes or elements.
struct Growth {
    current: usize,
    desired: usize,
    /// The maximum that the component itself declares.
    declared_max: Option<usize>,
}

impl Growth {
    /// Returns the new total of all memories or tables if the growth is within the limits.
    fn total(&self, used: u64, used_max: u64) -> Option<u64> {
        let total = used.saturating_add(self.desired.saturating_sub(self.current) as u64);
        let is_granted =
            total <= used_max && self.declared_max.is_none_or(|max| self.desired <= max);
        is_granted.then_some(total)
    }
}

impl ResourceLimiter for Accountant {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        declared_max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = Growth {
            current,
            desired,
            declared_max,
        };

        let Some(total) = growth.total(self.memory_used, self.memory_max) else {
            self.denial = Some(Denial::Memory);
            return Ok(false);
        };
        self.memory_used = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(error, Denial::Memory)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        declared_max: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = Growth {
            current,
            desired,
            declared_max,
        };

        let Some(total) = growth.total(self.table_elements_used, self.table_elements_max) else {
            self.denial = Some(Denial::TableElements);
            return Ok(false);
        };
        self.table_elements_used = total;
        Ok(true)
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
        let mut grow = |current, desired| {
            accountant
                .memory_growing(current, desired, None)
                .expect("growing does not trap")
        };

        assert!(grow(0, 60));
        assert!(grow(0, 40));
        assert!(!grow(60, 61));
        assert_eq!(accountant.denial(), Some(Outcome::OutOfMemory { max: 100 }));
        assert_eq!(accountant.memory_used(), 100);
    }

    #[test]
    fn tables_share_one_limit() {
        let mut accountant = Accountant::new(&Limits {
            table_elements_max: 10,
            ..Limits::default()
        });
        let mut grow = |current, desired| {
            let is_granted = accountant
                .table_growing(current, desired, None)
                .expect("growing does not trap");
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

    #[test]
    fn failed_allocation_ends_the_attempt() {
        let mut accountant = Accountant::new(&Limits::default());
        let no_memory = rustix::io::Errno::NOMEM.into();
        assert!(accountant.memory_grow_failed(no_memory).is_err());
        assert_eq!(accountant.denial(), None);

        accountant
            .memory_grow_failed(wasmtime::Error::msg("Memory maximum size exceeded"))
            .expect("the guest may go on");
        assert!(matches!(
            accountant.denial(),
            Some(Outcome::OutOfMemory { .. })
        ));
    }
}
