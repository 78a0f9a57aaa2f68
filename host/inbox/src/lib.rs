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
mod insist;
mod room;
mod usage;

pub mod memory;
pub mod faulty;

pub mod conformance;

pub use contract::{
    Ahead, Appended, Backlog, BacklogPolicy, Claimed, Discard, Discarded, Discarding, Error,
    EventRecord, EventSummary, Inbox, JobRecord, JobRef, JobSummary, Keep, Order, Page, Pruned,
    Quarantine, Replay, Replayed, Retention, Routes, Selection, Settlement, Tally, Usage, Want,
};
pub use faulty::Faulty;
pub use insist::insist;
pub use looking::{Recent, Values};
pub use memory::MemoryInbox;
pub use outbox::{
    ClaimedMessage, Disabled, MessageLease, MessagePage, MessageRecord, MessageReplay,
    MessageSelection, MessageSettlement, MessageSummary, Outbox, Store, WantMessages,
};
pub use releases::{Ban, Releases, RevisionRecord, Stepped, Wish};
pub use room::{OutboxQuota, Unsent};
