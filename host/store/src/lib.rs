//! The inbox: the one thing that ingress and dispatch share.
//!
//! `Inbox` is the contract, `memory` its simplest backend, `faulty` one that fails on demand, and `conformance` the
//! tests that every backend passes.
//! A backend stores; what a job's next state is, `hookyard_model::apply` decides.

pub mod contract;
pub mod looking;
pub mod outbox;
pub mod releases;
pub mod step;
mod empty;
mod room;
mod usage;

pub use contract::{
    Ahead, Appended, Backlog, BacklogPolicy, Claimed, Discard, Discarded, Discarding, Error,
    EventRecord, EventSummary, Inbox, JobLease, JobRecord, JobSummary, Keep, ListOrder, Page,
    Pruned, Quarantine, Replay, Replayed, Retention, Routes, Selection, Settlement, Tally, Usage,
    Want,
};
pub use empty::EmptyStore;
pub use looking::{Recent, Values};
pub use outbox::{
    ClaimedMessage, Disabled, MessageLease, MessagePage, MessageRecord, MessageReplay,
    MessageSelection, MessageSettlement, MessageSummary, Outbox, Store, WantMessages,
};
pub use releases::{Block, Order, Releases, RevisionRecord, Stepped};
pub use room::{OutboxQuota, Unsent};
