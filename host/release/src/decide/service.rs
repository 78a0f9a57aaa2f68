//! Decisions about what comes into service and goes out of it: activation, rollback, and operators'
//! orders.

use hookyard_model::{Revision, Step};
use hookyard_store::{Block, Order, ReleaseStep};

use super::{Action, Activation, Decision};
use crate::component::load::{Failure, not_archived};
use crate::notice::Notice;

impl Decision<'_> {
    /// Puts a revision into service. The revision that served before drains, or is blocked if it
    /// was rolled back.
    pub(super) fn activate(&mut self, revision: Revision) {
        let outgoing = self.plugin.active.or(self.plugin.last);
        let outgoing = outgoing.filter(|outgoing| *outgoing != revision);
        let block = outgoing.and_then(|outgoing| self.plugin.block_of(outgoing).cloned());
        let probation_since = self.plugin.probation_since(revision, self.now.time);
        let had_order = self.plugin.order.is_some();

        self.plugin.activate(revision);
        self.warm = None;
        if self.plugin.file == Some(revision) {
            self.plugin.refusal = None;
        }
        self.act(Action::Activate(Activation {
            revision,
            probation_since,
            rolled_back: block.as_ref().map(|block| block.revision),
        }));

        let mut steps = Vec::new();
        if let Some(outgoing) = outgoing {
            steps.extend(self.leave(outgoing, block));
        }
        if !self.plugin.is_at(revision, Step::Active) {
            // The archive may be faster than a load of the same revision from the folder, which
            // then ends at some step before `compiled`.
            self.plugin
                .steps
                .retain(|of, step| *of != revision || step.leads_to(Step::Active));
            steps.push(self.stepped(revision, Step::Active, None));
        }
        self.record(steps);

        if had_order && self.plugin.order.is_none() {
            self.act(Action::WithdrawOrder);
        }
        if !self.plugin.blocks.is_empty() {
            let blocked = self.plugin.blocks.iter().map(|block| block.revision);
            self.act(Action::RetryFailed(blocked.collect()));
        }
    }

    /// Returns the step of a revision that goes out of service. Its attempts go on until they end.
    pub(super) fn leave(
        &mut self,
        revision: Revision,
        block: Option<Block>,
    ) -> Option<ReleaseStep> {
        // A previous host may have had the revision active, and its record may be gone.
        if !self.plugin.is_at(revision, Step::Active) {
            return None;
        }

        if let Some(block) = block {
            return Some(self.stepped(revision, Step::Blocked, Some(block.reason)));
        }
        let reason = match self.now.attempts {
            0 => None,
            1 => Some("1 attempt is under way".to_owned()),
            count => Some(format!("{count} attempts are under way")),
        };
        self.act(Action::AwaitDrain(revision));
        Some(self.stepped(revision, Step::Draining, reason))
    }

    pub(super) fn drained(&mut self, revision: Revision) {
        if self.plugin.is_at(revision, Step::Draining) {
            let retired = self.stepped(revision, Step::Retired, None);
            self.record(vec![retired]);
        }
    }

    /// Brings the revision into service that the state calls for: at once if it is warm, or else
    /// once it is loaded. Returns whether there is such a revision.
    pub(super) fn bring_back(&mut self) -> bool {
        self.lose_missing();
        let Some(called) = self.plugin.call_for(|other| self.now.is_available(other)) else {
            return false;
        };

        if self.warm == Some(called) {
            self.activate(called);
            // The warm revision has the settings that it served with. Those in the folder may be
            // others by now.
            self.renew();
        } else {
            self.recall(called);
        }
        true
    }

    /// Gives up on revisions of the previous host that are not in the archive, so that none stays
    /// recorded as active.
    fn lose_missing(&mut self) {
        while self.plugin.active.is_none()
            && let Some(called) = self.plugin.call_for(|_| true)
            && !self.plugin.is_ordered(called)
            && !self.now.is_available(called)
        {
            self.give_up_on(called, not_archived(called));
        }
    }

    /// Loads the active revision from the archive once more, with the settings that are in the
    /// folder now.
    pub(super) fn renew(&mut self) {
        if let Some(active) = self.plugin.active {
            self.recall(active);
        }
    }

    fn recall(&mut self, revision: Revision) {
        if self.plugin.recalling.is_none() {
            self.plugin.recalling = Some(revision);
            self.act(Action::Recall(revision));
        }
    }

    pub(super) fn recalled(&mut self, revision: Revision, result: Result<(), Failure>) {
        self.plugin.recalling = None;
        if !matches!(result, Err(Failure::Uncompiled(_))) {
            self.plugin.recall_backoff.reset();
        }

        // The component is loaded now, whether or not it is still in the archive.
        let called = self
            .plugin
            .call_for(|other| other == revision || self.now.is_available(other));
        let is_called = called == Some(revision);
        let is_active = self.plugin.active == Some(revision);
        match result {
            Ok(()) if is_called => {
                self.notify(Notice::BroughtBack {
                    revision,
                    refusal: self.plugin.refusal.clone(),
                });
                self.activate(revision);
            }
            Ok(()) if is_active && called.is_none() => self.activate(revision),
            Ok(()) => {}
            // The active revision was loaded for its settings alone. It goes on with those that it
            // has.
            Err(_) if is_active => {}
            Err(Failure::Refused(reason) | Failure::Unreadable(reason)) if is_called => {
                self.give_up_on(revision, reason);
            }
            Err(Failure::Uncompiled(reason)) if is_called => {
                return self.recall_later(revision, reason);
            }
            Err(_) => {}
        }
        self.bring_back();
    }

    /// Tries again after a pause: the host could not compile the component, which may be good.
    fn recall_later(&mut self, revision: Revision, reason: String) {
        self.notify(Notice::RecallDelayed { revision, reason });
        self.plugin.recalling = Some(revision);
        let pause = self.plugin.recall_backoff.next(Some(revision));
        self.act(Action::Pause(pause));
    }

    pub(super) fn pause_ended(&mut self) {
        self.plugin.recalling = None;
        self.bring_back();
    }

    /// Gives up on a revision that cannot be had. An operator who ordered it finds the reason in
    /// its step.
    fn give_up_on(&mut self, revision: Revision, reason: String) {
        self.notify(Notice::Lost {
            revision,
            reason: reason.clone(),
        });
        let was_ordered = self.plugin.is_ordered(revision);
        self.plugin.lose(revision);

        let refused = self.stepped(revision, Step::Refused, Some(reason));
        self.record(vec![refused]);
        if was_ordered {
            self.act(Action::WithdrawOrder);
        }
        if self.rollback_target().is_none() {
            self.act(Action::EndProbation);
        }
    }

    fn rollback_target(&self) -> Option<Revision> {
        self.plugin
            .rollback_target(|revision| self.now.is_available(revision))
    }

    pub(super) fn probation_failed(&mut self, revision: Revision, reason: String) {
        if self.plugin.block_of(revision).is_some() {
            return;
        }
        if self.plugin.active != Some(revision) || self.rollback_target().is_none() {
            return self.act(Action::EndProbation);
        }

        let block = Block {
            plugin: self.plugin.name.clone(),
            revision,
            reason: reason.clone(),
            since: self.now.time,
            blocked_by: None,
        };
        self.plugin.blocks.push(block.clone());
        self.notify(Notice::RolledBack {
            revision,
            target: self.plugin.call_for(|other| self.now.is_available(other)),
            reason,
        });
        self.bring_back();
        self.act(Action::StoreBlock(block));
    }

    pub(super) fn ordered(&mut self, order: Option<Order>, blocks: Vec<Block>) {
        if self.plugin.order == order && self.plugin.blocks == blocks {
            return;
        }
        (self.plugin.order, self.plugin.blocks) = (order, blocks);

        if let Some(active) = self.plugin.active
            && self.plugin.is_ordered(active)
        {
            self.act(Action::EndProbation);
        }
        if !self.bring_back() && self.plugin.may_take_file() {
            self.plugin.refusal = None;
            if let Some(track) = &mut self.plugin.track {
                track.reload_when_due();
            }
        }
    }
}
