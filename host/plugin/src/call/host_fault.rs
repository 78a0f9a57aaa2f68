//! Faults of the host during an attempt: the operating system has no memory for the plugin, or the
//! store cannot be read.
//!
//! Such a fault says nothing about the plugin. The attempt ends at once, whatever the guest would
//! do with the error, and is retried.

use std::error::Error as StdError;
use std::io;

use hookyard_dispatch::RunError;
use hookyard_model::chain;
use rustix::io::Errno;
use wasmtime::{OutOfMemory, PoolConcurrencyLimitError};

use crate::effects::UnreadableStore;

/// Why the host could not make an attempt, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostFault(String);

impl HostFault {
    /// Returns the host's fault that caused an error, or `None` if the guest caused the error.
    pub(crate) fn of(error: &wasmtime::Error) -> Option<Self> {
        error.chain().find_map(reason).map(Self)
    }
}

fn reason(cause: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(unreadable) = cause.downcast_ref::<UnreadableStore>() {
        return Some(chain(unreadable));
    }

    // Guests have no files and no sockets, so the only thing that the operating system can refuse
    // is memory.
    let is_from_system = cause.is::<Errno>()
        || cause.is::<OutOfMemory>()
        || cause.is::<PoolConcurrencyLimitError>()
        || cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.raw_os_error().is_some());
    is_from_system.then(|| format!("the host has no memory for the plugin: {cause}"))
}

impl From<tokio::task::JoinError> for HostFault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

impl From<HostFault> for RunError {
    fn from(fault: HostFault) -> Self {
        Self::HostFault(fault.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_allocation_is_host_fault() {
        let no_memory = wasmtime::Error::from(Errno::NOMEM).context("failed to allocate");
        let reason = HostFault::of(&no_memory)
            .expect("a fault of the host")
            .to_string();
        assert!(
            reason.starts_with("the host has no memory for the plugin: "),
            "{reason}"
        );

        let no_memory = io::Error::from_raw_os_error(Errno::NOMEM.raw_os_error());
        assert!(HostFault::of(&no_memory.into()).is_some());
        assert!(HostFault::of(&OutOfMemory::new(1).into()).is_some());
    }

    #[test]
    fn guest_error_is_not_host_fault() {
        let trap = wasmtime::Error::from(wasmtime::Trap::UnreachableCodeReached);
        for error in [
            trap.context("while it ran"),
            wasmtime::Error::msg("Memory maximum size exceeded"),
            io::Error::other("a pipe").into(),
        ] {
            assert_eq!(HostFault::of(&error), None);
        }
    }
}
