//! The audit entries of the changes that pages make.

use hookyard_model::TenantName;
use hookyard_store::{AuditEntry, AuditId};
use uuid::Uuid;

use crate::Shared;
use crate::access::Viewer;
use crate::problem::Problem;

/// A change that a viewer asked for.
pub(crate) struct Change {
    /// The name of what is done, such as `plugin.rollback`.
    pub(crate) action: &'static str,
    /// The name of the thing, such as `acme/books`.
    pub(crate) target: String,
    /// The tenant of the thing.
    pub(crate) tenant: Option<TenantName>,
    /// What was asked for, in one line.
    pub(crate) detail: Option<String>,
}

impl Change {
    /// Returns the entry of the change, which ended with `result`.
    pub(crate) fn entry(self, shared: &Shared, viewer: &Viewer, result: &str) -> AuditEntry {
        AuditEntry {
            id: AuditId::from_uuid(Uuid::now_v7()),
            at: shared.clock.now(),
            author: viewer.author.clone(),
            tenant: self.tenant,
            action: self.action.to_owned(),
            target: self.target,
            detail: self.detail,
            result: result.to_owned(),
        }
    }

    /// Adds the entry of the change to the audit log, which ended with `result`.
    pub(crate) async fn record(
        self,
        shared: &Shared,
        viewer: &Viewer,
        result: &str,
    ) -> Result<(), Problem> {
        let entry = self.entry(shared, viewer, result);
        Ok(shared.store.add_audit(entry).await?)
    }
}
