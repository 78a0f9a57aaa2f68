//! The audit log.

use hookyard_store::AuditEntry;
use serde::Serialize;
use utoipa::ToSchema;

/// A change, or an attempt at a change.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Entry {
    /// The id of the entry.
    pub id: String,
    /// The time of the change.
    pub at: String,
    /// The name of the token, or of the user of the machine.
    pub author: String,
    /// The role with which the author acted.
    pub role: String,
    /// Where the request came from: an address, or `this machine`.
    pub from: String,
    /// The tenant whose thing was changed.
    pub tenant: Option<String>,
    /// What was done, for example `plugin.rollback`.
    pub action: String,
    /// The thing that was changed, for example `acme/books`.
    pub target: String,
    /// What was asked for, in one line.
    pub detail: Option<String>,
    /// How the change ended, in one line.
    pub result: String,
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.as_uuid().to_string(),
            at: entry.at.to_string(),
            author: entry.author.name,
            role: entry.author.role,
            from: entry.author.from,
            tenant: entry.tenant.map(|tenant| tenant.to_string()),
            action: entry.action,
            target: entry.target,
            detail: entry.detail,
            result: entry.result,
        }
    }
}
