//! Faults of the host in the middle of an attempt: the system has no memory for the plugin, or its store can't be read.
//!
//! They say nothing of the plugin. The attempt ends at once, whatever the guest would make of it, and is made again.

use std::error::Error as StdError;
use std::io;

use hookyard_dispatch::Unrun;
use hookyard_model::chain;
use rustix::io::Errno;
use wasmtime::{OutOfMemory, PoolConcurrencyLimitError};

use crate::effects::Unreadable;

/// Why the host could not make an attempt, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostFault(String);

impl HostFault {
    /// The host's fault that an error comes from, if it does.
    pub(crate) fn of(error: &wasmtime::Error) -> Option<Self> {
        error.chain().find_map(reason).map(Self)
    }
}

fn reason(cause: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(unreadable) = cause.downcast_ref::<Unreadable>() {
        return Some(chain(unreadable));
    }

    // Guests have no files and no sockets, so what the system refuses is memory.
    let is_of_the_system = cause.is::<Errno>()
        || cause.is::<OutOfMemory>()
        || cause.is::<PoolConcurrencyLimitError>()
        || cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.raw_os_error().is_some());
    is_of_the_system.then(|| format!("the host has no memory for it: {cause}"))
}

impl From<tokio::task::JoinError> for HostFault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

impl From<HostFault> for Unrun {
    fn from(fault: HostFault) -> Self {
        Self::HostFault(fault.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_the_hosts_fault_and_what_a_guest_does_is_not() {
        let refused = wasmtime::Error::from(Errno::NOMEM).context("failed to allocate");
        let reason = HostFault::of(&refused)
            .expect("the host's fault")
            .to_string();
        assert!(
            reason.starts_with("the host has no memory for it: "),
            "{reason}"
        );

        let io = io::Error::from_raw_os_error(Errno::NOMEM.raw_os_error());
        assert!(HostFault::of(&io.into()).is_some());
        assert!(HostFault::of(&OutOfMemory::new(1).into()).is_some());

        let trap =
            wasmtime::Error::from(wasmtime::Trap::UnreachableCodeReached).context("while it ran");
        assert_eq!(HostFault::of(&trap), None);
        assert_eq!(
            HostFault::of(&wasmtime::Error::msg("Memory maximum size exceeded")),
            None
        );
        assert_eq!(HostFault::of(&io::Error::other("a pipe").into()), None);
    }
}
