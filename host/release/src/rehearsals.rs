//! The rehearsals in progress: at most one for each plugin, each in a slot of its tenant.
//!
//! If the file of a plugin is replaced or removed, the rehearsal of the plugin is aborted and has
//! no verdict.

use std::collections::BTreeMap;

use hookyard_model::{PluginRef, TenantName};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::rehearse::{Findings, Verdict};
use super::slots::{Slot, Slots};

/// The rehearsals in progress. The caller gets `R` back with the verdict.
pub(crate) struct Rehearsals<R> {
    under_way: BTreeMap<PluginRef, (R, AbortHandle)>,
    tasks: JoinSet<Verdict>,
    slots: Slots,
}

impl<R> Rehearsals<R> {
    pub(crate) fn new() -> Self {
        Self {
            under_way: BTreeMap::new(),
            tasks: JoinSet::new(),
            slots: Slots::for_rehearsals(),
        }
    }

    /// Returns a slot for a rehearsal of the tenant's plugins.
    pub(crate) fn slot(&mut self, tenant: &TenantName) -> Slot {
        self.slots.of(tenant)
    }

    /// Starts a rehearsal. Aborts the one of the same plugin that may be in progress.
    pub(crate) fn begin(
        &mut self,
        plugin: PluginRef,
        of: R,
        verdict: impl Future<Output = Verdict> + Send + 'static,
    ) {
        self.end(&plugin);
        let task = self.tasks.spawn(verdict);
        self.under_way.insert(plugin, (of, task));
    }

    /// Aborts the rehearsal of a plugin, if there is one.
    pub(crate) fn end(&mut self, plugin: &PluginRef) -> Option<R> {
        let (of, task) = self.under_way.remove(plugin)?;
        task.abort();
        Some(of)
    }

    /// Waits for the next verdict. Returns `None` if no rehearsal is in progress.
    pub(crate) async fn over(&mut self) -> Option<(PluginRef, R, Verdict)> {
        loop {
            let (id, verdict) = match self.tasks.join_next_with_id().await? {
                Ok(done) => done,
                Err(error) => (error.id(), panicked(&error)),
            };
            // An aborted rehearsal may already have finished; its verdict is ignored.
            if let Some((plugin, of)) = self.take(id) {
                return Some((plugin, of, verdict));
            }
        }
    }

    fn take(&mut self, id: Id) -> Option<(PluginRef, R)> {
        let (plugin, _) = self
            .under_way
            .iter()
            .find(|(_, (_, task))| task.id() == id)?;
        let plugin = plugin.clone();
        let (of, _) = self.under_way.remove(&plugin)?;
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
    async fn a_rehearsal_that_panics_is_a_refusal_and_the_plugin_goes_on() {
        let (mut rehearsals, books) = (Rehearsals::new(), plugin("acme", "books"));
        rehearsals.begin(books.clone(), "one", async {
            panic!("a fault of the host's")
        });
        let (of, what, verdict) = rehearsals.over().await.expect("it's over");
        assert_eq!((of, what), (books.clone(), "one"));
        let Verdict::Failed(findings) = verdict else {
            panic!("it's refused")
        };
        assert!(
            findings.summary.starts_with("the rehearsal failed: "),
            "{}",
            findings.summary
        );
        assert!(
            findings.summary.contains("a fault of the host's"),
            "{}",
            findings.summary
        );
        rehearsals.begin(books.clone(), "two", ready(Verdict::Unrehearsed));
        assert_eq!(
            rehearsals.over().await,
            Some((books, "two", Verdict::Unrehearsed))
        );
    }

    #[tokio::test]
    async fn nothing_is_heard_of_one_that_was_ended_or_followed_by_another() {
        let (mut rehearsals, books, orders) = (
            Rehearsals::new(),
            plugin("acme", "books"),
            plugin("acme", "orders"),
        );
        rehearsals.begin(books.clone(), "slow", pending());
        rehearsals.begin(orders.clone(), "quick", ready(Verdict::Unrehearsed));
        // The quick rehearsal has finished by now, and its verdict is still ignored.
        tokio::task::yield_now().await;
        assert_eq!(
            (rehearsals.end(&books), rehearsals.end(&books)),
            (Some("slow"), None)
        );
        rehearsals.begin(orders.clone(), "next", ready(Verdict::Unrehearsed));
        assert_eq!(
            rehearsals.over().await,
            Some((orders, "next", Verdict::Unrehearsed))
        );
        assert!(rehearsals.under_way.is_empty() && rehearsals.over().await.is_none());
    }
}
