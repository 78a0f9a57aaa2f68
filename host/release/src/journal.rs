//! Tells how releases go, step by step: to the log, and to the store, where commands find it.
//!
//! What can't be stored is told in the log alone: a release doesn't wait for its record. Only blocks are stored later then,
//! and hold meanwhile: forgotten, they would let back what was taken out of service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_model::{Clock, PluginRef, Revision, Step, Timestamp};
use hookyard_store::{Block, Error, ReleaseStep, Releases, RevisionRecord};
use hookyard_work::insist;

use hookyard_model::chain;

/// How long a store that fails is asked again at once.
const INSIST_MAX: Duration = Duration::from_secs(5);

/// The teller.
pub(super) struct Journal {
    store: Arc<dyn Releases>,
    clock: Arc<dyn Clock>,
    /// The last step of each revision on its way, or in service.
    standing: BTreeMap<(PluginRef, Revision), Step>,
    /// What the store has not taken yet.
    unstored: Vec<Block>,
}

impl Journal {
    pub(super) fn new(store: Arc<dyn Releases>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            standing: BTreeMap::new(),
            unstored: Vec::new(),
        }
    }

    /// Takes up where an earlier host has ended.
    pub(super) fn resume(&mut self, records: &[RevisionRecord]) {
        let is_open = |known: &&RevisionRecord| matches!(known.step, Step::Active | Step::Draining);
        let open = records.iter().filter(is_open);
        self.standing
            .extend(open.map(|known| ((known.plugin.clone(), known.revision), known.step)));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where a revision stands.
    pub(super) fn step_of(&self, plugin: &PluginRef, revision: Revision) -> Option<Step> {
        self.standing.get(&(plugin.clone(), revision)).copied()
    }

    /// The revisions that stand at a step.
    pub(super) fn at(&self, wanted: Step) -> Vec<(PluginRef, Revision)> {
        self.standing
            .iter()
            .filter(|(_, step)| **step == wanted)
            .map(|(of, _)| of.clone())
            .collect()
    }

    /// A step that is taken now.
    pub(super) fn step(
        &self,
        revision: Revision,
        step: Step,
        reason: Option<String>,
    ) -> ReleaseStep {
        ReleaseStep {
            revision: Some(revision),
            step,
            at: self.now(),
            reason,
            report: None,
        }
    }

    /// Takes down steps, in their order.
    pub(super) async fn tell(&mut self, plugin: &PluginRef, steps: &[ReleaseStep]) {
        for step in steps {
            self.follow(plugin, step);
            log(plugin, step);
        }
        if let Err(error) = self.store.record(plugin, steps).await {
            let reason = chain(&error);
            tracing::error!(target: "hookyard::release", %plugin, reason, "the steps of a release could not be stored; `hookyard plugins show` will not know them");
        }
    }

    /// Takes down that a content is refused.
    pub(super) async fn block(&mut self, block: Block) {
        let plugin = block.plugin.clone();
        if let Err(error) = insist(INSIST_MAX, || self.store.block(block.clone())).await {
            self.unstored.push(block);
            let reason = chain(&error);
            tracing::error!(target: "hookyard::release", %plugin, reason, "that its content is refused could not be stored yet; it is tried again");
        }
    }

    /// Stores the blocks that couldn't be, in their order.
    pub(super) async fn store_bans(&mut self) -> Result<(), Error> {
        while let Some(block) = self.unstored.first() {
            self.store.block(block.clone()).await?;
            self.unstored.remove(0);
        }
        Ok(())
    }

    /// The blocks that the store doesn't have yet.
    pub(super) fn unstored(&self) -> &[Block] {
        &self.unstored
    }

    fn follow(&mut self, plugin: &PluginRef, stepped: &ReleaseStep) {
        let Some(revision) = stepped.revision else {
            return;
        };
        let of = (plugin.clone(), revision);
        let before = match stepped.step {
            // The end of the way, for now.
            Step::Retired | Step::Blocked | Step::Refused => self.standing.remove(&of),
            step => self.standing.insert(of, step),
        };
        debug_assert!(
            before.is_none_or(|before| before.leads_to(stepped.step)),
            "{plugin} {revision:?}: {before:?} leads to no {}",
            stepped.step
        );
    }
}

/// A line for each step that has none of its own elsewhere.
fn log(plugin: &PluginRef, stepped: &ReleaseStep) {
    let revision = stepped.revision.map(|revision| revision.short());
    let reason = stepped.reason.as_deref();
    match stepped.step {
        // Told with more detail where it's decided, or as soon as it's so.
        Step::Active
        | Step::Refused
        | Step::Blocked
        | Step::Seen
        | Step::Queued
        | Step::Compiling => {}
        Step::Settled | Step::Checked => {
            tracing::debug!(target: "hookyard::release", %plugin, revision, reason, "plugin {}", stepped.step);
        }
        Step::Compiled | Step::Rehearsed | Step::Draining | Step::Retired => {
            tracing::info!(target: "hookyard::release", %plugin, revision, reason, "plugin {}", stepped.step);
        }
    }
}
