//! The audit log: who changed what, when, and from where.

use async_trait::async_trait;
use hookyard_model::{TenantName, Timestamp};
use uuid::Uuid;

use crate::{Error, Page, Tenants};

/// The number of entries that are kept. The oldest entries beyond it are removed.
pub const AUDIT_ENTRIES_MAX: usize = 100_000;
/// The number of days for which an entry is kept.
pub const AUDIT_DAYS_MAX: u64 = 400;

/// A page of the audit log.
pub type AuditPage = Page<AuditSelection, AuditId>;

/// The audit log. Entries are only added; the store removes the oldest ones by
/// [`AUDIT_ENTRIES_MAX`] and [`AUDIT_DAYS_MAX`].
///
/// The calls of [`Releases`](crate::Releases) and [`Outbox`](crate::Outbox) that carry out an order
/// of an operator take an entry, and write it in the transaction of the change.
#[async_trait]
pub trait Audit: Send + Sync + 'static {
    /// Adds an entry, durably. An entry with the id of a stored entry is that entry, and changes
    /// nothing.
    async fn add_audit(&self, entry: AuditEntry) -> Result<(), Error>;

    /// Returns a page of the entries of these tenants. Entries are ordered by the time at which they
    /// were added.
    async fn audit(&self, page: AuditPage, tenants: &Tenants) -> Result<Vec<AuditEntry>, Error>;
}

/// The id of an entry: a UUID of version 7, so that ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(Uuid);

impl AuditId {
    /// Wraps a UUID that the caller generated.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Returns the id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// A change, or an attempt at a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The id of the entry.
    pub id: AuditId,
    /// The time of the change.
    pub at: Timestamp,
    /// Who asked for the change.
    pub author: Author,
    /// The tenant whose thing was changed, or `None` if the change concerns the whole host.
    pub tenant: Option<TenantName>,
    /// The name of what was done, for example `plugin.rollback`.
    pub action: String,
    /// The name of the thing that was changed, for example `acme/books`.
    pub target: String,
    /// What was asked for, in one line, for example the revision and the operator's note.
    pub detail: Option<String>,
    /// How the change ended, in one line.
    pub result: String,
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The name of the token, or of the user of the machine.
    pub name: String,
    /// The role with which the author acted.
    pub role: String,
    /// Where the request came from: an address, or `this machine`.
    pub from: String,
}

/// A filter on the entries. A field that is `None` excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditSelection {
    /// The name of the author.
    pub author: Option<String>,
    /// The name of what was done.
    pub action: Option<String>,
    /// The name of the thing that was changed.
    pub target: Option<String>,
    /// The tenant whose thing was changed.
    pub tenant: Option<TenantName>,
    /// The earliest time of the change.
    pub since: Option<Timestamp>,
    /// The time before which the change was made.
    pub until: Option<Timestamp>,
}
