//! The reasons for which a store does not do what it was asked to do.

use hookyard_model::{Key, Limit};

use crate::{JobLease, MessageLease};

/// The reason for which a call to a store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue of writes is full. Nothing was stored, and a retry may soon succeed.
    #[error("the store's write queue is full")]
    Busy,
    /// The job is no longer under the given lease.
    #[error("the lease on the job of event {} for plugin {} (attempt {}) is lost", .0.event, .0.plugin, .0.attempt)]
    LeaseLost(JobLease),
    /// The message is no longer under the given lease.
    #[error("the lease on message {} (delivery {}) is lost", .0.id, .0.delivery)]
    MessageLeaseLost(MessageLease),
    /// Another attempt has changed a key since this attempt read it.
    #[error("`{}` in bucket `{}` was changed by another attempt", .0.key, .0.bucket)]
    Conflict(Key),
    /// The effects of an attempt would exceed the quota of the plugin's key-value store or of the
    /// outbox.
    #[error("the effects of the attempt exceed a quota: {} is {max}", .limit.name())]
    OverQuota {
        /// The limit that would be exceeded.
        limit: Limit,
        /// The value of the limit.
        max: u64,
    },
    /// The database failed. Nothing that the call wrote was kept.
    #[error("the store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer of the database was lost: what the call asked for may have been done or not.
    ///
    /// The same call again resolves this: an append by the id of its event, a settlement by the
    /// token of its lease.
    #[error("the store gave no answer; the call may have been done or not")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database holds something that the store did not write.
    #[error("the store holds {what} that cannot be read back")]
    Corrupt {
        /// The part of the record that cannot be read.
        what: String,
    },
}
