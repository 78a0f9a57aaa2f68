//! What the audit log keeps of a change that the API made.

use std::error::Error;
use std::fmt::Debug;

use hookyard_model::{TenantName, chain, one_line};
use hookyard_store::{AuditEntry, AuditId};
use uuid::Uuid;

use crate::Shared;
use crate::access::Viewer;

/// The maximum number of characters of a detail or a result.
const CHARS_MAX: usize = 1_000;

/// A change that somebody asked for.
#[derive(Debug)]
pub(crate) struct Change {
    action: &'static str,
    tenant: Option<TenantName>,
    target: String,
    detail: Option<String>,
}

impl Change {
    /// A change of the thing `target`, which belongs to the tenant.
    pub(crate) fn new(
        action: &'static str,
        tenant: Option<TenantName>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            action,
            tenant,
            target: target.into(),
            detail: None,
        }
    }

    /// Adds what was asked for.
    pub(crate) fn with(self, detail: String) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }

    /// Returns the entry of the change with its result in words.
    pub(crate) fn entry(&self, shared: &Shared, viewer: &Viewer, result: &str) -> AuditEntry {
        AuditEntry {
            id: AuditId::from_uuid(Uuid::now_v7()),
            at: shared.clock.now(),
            author: viewer.author.clone(),
            tenant: self.tenant.clone(),
            action: self.action.to_owned(),
            target: self.target.clone(),
            detail: self.detail.as_deref().map(short),
            result: short(result),
        }
    }

    /// Records the result of the change. A change whose record fails has happened all the same: the
    /// failure goes to the log.
    pub(crate) async fn record<T, E: Error + 'static>(
        self,
        shared: &Shared,
        viewer: &Viewer,
        result: Result<T, E>,
        words: impl Fn(&T) -> String,
    ) -> Result<T, E> {
        let words = match &result {
            Ok(changed) => words(changed),
            Err(error) => format!("failed: {}", chain(error)),
        };
        let entry = self.entry(shared, viewer, &words);
        if let Err(error) = shared.store.add_audit(entry).await {
            tracing::error!(
                target: "hookyard::admin", error = chain(&error), action = self.action,
                target_name = self.target, "a change could not be recorded in the audit log"
            );
        }
        result
    }
}

/// Returns a filter and the number of ids in one line.
pub(crate) fn selected(filter: &impl Debug, ids: &[String]) -> String {
    format!("{} ids, {filter:?}", ids.len())
}

fn short(text: &str) -> String {
    one_line(text).chars().take(CHARS_MAX).collect()
}
