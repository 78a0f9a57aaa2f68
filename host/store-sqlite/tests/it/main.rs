//! Tests of the SQLite store through its public interface: on files that are opened and reopened.

mod batches;
mod conformance;
mod equivalence;
mod files;
mod group_commit;
mod handover;
mod opening;
mod outbox;
mod persistence;
mod releases;
mod reopening;
mod second_process;
mod support;
