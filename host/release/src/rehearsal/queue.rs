//! The rehearsals in progress: at most one for each plugin, each in a slot of its tenant.
//!
//! If the file of a plugin is replaced or removed, the rehearsal of the plugin is aborted and has
//! no verdict.

use std::collections::BTreeMap;

use hookyard_model::{PluginRef, TenantName};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::policy::{Findings, Verdict};
use crate::slots::{Slot, Slots};

/// The rehearsals in progress. The caller gets `R` back with the verdict.
pub(crate) struct Rehearsals<R> {
    in_progress: BTreeMap<PluginRef, (R, AbortHandle)>,
    tasks: JoinSet<Verdict>,
    slots: Slots,
}

impl<R> Rehearsals<R> {
    pub(crate) fn new() -> Self {
        Self {
            in_progress: BTreeMap::new(),
            tasks: JoinSet::new(),
            slots: Slots::for_rehearsals(),
        }
    }

    /// Returns a slot for a rehearsal of the tenant's plugins.
    pub(crate) fn slot(&mut self, tenant: &TenantName) -> Slot {
        self.slots.of(tenant)
    }

    /// Starts a rehearsal. Aborts the plugin's previous rehearsal, if it is in progress.
    pub(crate) fn start(
        &mut self,
        plugin: PluginRef,
        of: R,
        verdict: impl Future<Output = Verdict> + Send + 'static,
    ) {
        self.abort(&plugin);
        let task = self.tasks.spawn(verdict);
        self.in_progress.insert(plugin, (of, task));
    }

    /// Aborts the rehearsal of a plugin, if there is one.
    pub(crate) fn abort(&mut self, plugin: &PluginRef) -> Option<R> {
        let (of, task) = self.in_progress.remove(plugin)?;
        task.abort();
        Some(of)
    }

    /// Waits for the next verdict. Returns `None` if no rehearsal is in progress.
    pub(crate) async fn next_verdict(&mut self) -> Option<(PluginRef, R, Verdict)> {
        loop {
            let (id, verdict) = match self.tasks.join_next_with_id().await? {
                Ok(done) => done,
                Err(error) => (error.id(), panicked(&error)),
            };

            // An aborted rehearsal may already have finished; its verdict is ignored.
            if let Some((plugin, of)) = self.remove(id) {
                return Some((plugin, of, verdict));
            }
        }
    }

    /// Removes the rehearsal that runs in a task.
    fn remove(&mut self, id: Id) -> Option<(PluginRef, R)> {
        let (plugin, _) = self
            .in_progress
            .iter()
            .find(|(_, (_, task))| task.id() == id)?;
        let plugin = plugin.clone();
        let (of, _) = self.in_progress.remove(&plugin)?;
        Some((plugin, of))
    }
}

/// Returns the verdict of a rehearsal that panicked: the revision may not become active, whatever
/// the policy is.
fn panicked(error: &JoinError) -> Verdict {
    let reason = format!("the rehearsal failed: {error}");
    Verdict::Failed(Findings {
        summary: reason.clone(),
        report: reason,
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn plugin(tenant: &str, plugin: &str) -> PluginRef {
        PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: plugin.parse().expect("a name"),
        }
    }

    #[tokio::test]
    async fn panicked_rehearsal_fails() {
        let (mut rehearsals, books) = (Rehearsals::new(), plugin("acme", "books"));
        rehearsals.start(books.clone(), "one", async {
            panic!("a fault of the host")
        });

        let (of, what, verdict) = rehearsals.next_verdict().await.expect("a verdict");
        assert_eq!((of, what), (books.clone(), "one"));
        let Verdict::Failed(findings) = verdict else {
            panic!("the revision is refused")
        };
        assert!(
            findings.summary.starts_with("the rehearsal failed: "),
            "{}",
            findings.summary
        );
        assert!(
            findings.summary.contains("a fault of the host"),
            "{}",
            findings.summary
        );

        rehearsals.start(books.clone(), "two", ready(Verdict::Unrehearsed));
        assert_eq!(
            rehearsals.next_verdict().await,
            Some((books, "two", Verdict::Unrehearsed))
        );
    }

    #[tokio::test]
    async fn aborted_rehearsal_has_no_verdict() {
        let (mut rehearsals, books, orders) = (
            Rehearsals::new(),
            plugin("acme", "books"),
            plugin("acme", "orders"),
        );
        rehearsals.start(books.clone(), "slow", pending());
        rehearsals.start(orders.clone(), "quick", ready(Verdict::Unrehearsed));

        // The quick rehearsal has finished by now, and its verdict is still ignored.
        tokio::task::yield_now().await;
        assert_eq!(
            (rehearsals.abort(&books), rehearsals.abort(&books)),
            (Some("slow"), None)
        );

        rehearsals.start(orders.clone(), "next", ready(Verdict::Unrehearsed));
        assert_eq!(
            rehearsals.next_verdict().await,
            Some((orders, "next", Verdict::Unrehearsed))
        );
        assert!(rehearsals.in_progress.is_empty() && rehearsals.next_verdict().await.is_none());
    }
}
