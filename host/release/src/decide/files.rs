//! Decisions about the file in the plugin folder: loading, rehearsing, refusing and removing it.

use std::time::{SystemTime, UNIX_EPOCH};

use hookyard_model::{Revision, Step, Timestamp};
use hookyard_store::{Block, ReleaseStep};

use super::{Action, Decision, LoadedFile};
use crate::component::load::Failure;
use crate::folder::sighting::Files;
use crate::folder::track::{Due, Ended, Track};
use crate::notice::Notice;
use crate::plugin::Admission;
use crate::rehearsal::{Findings, Verdict};

impl Decision<'_> {
    pub(super) fn seen(&mut self, files: Option<Files>) {
        let now = self.now;
        let track = self
            .plugin
            .track
            .get_or_insert_with(|| Track::new(now.moment));
        let observation = track.observe(files, now.windows, now.moment);

        if observation.is_news {
            self.act(Action::Announce);
        }
        match observation.due {
            Some(Due::Load(files)) => {
                self.cancel_rehearsal();
                self.act(Action::Load(files, self.plugin.needed(now.revisions_kept)));
            }
            Some(Due::Remove) => self.remove(),
            None => {}
        }
        self.plugin.track.take_if(|track| track.is_blank());
    }

    pub(super) fn over_limit(&mut self, count_max: usize) {
        let reason = format!("the tenant may have {count_max} plugins (plugins.tenant_count_max)");
        self.retire_unloaded(reason);
    }

    pub(super) fn absent_at_start(&mut self) {
        self.retire_unloaded("its file went while no host was running".to_owned());
        self.plugin.remove();
    }

    /// Retires the revision that the previous host had active and that this host has not loaded.
    fn retire_unloaded(&mut self, reason: String) {
        let Some(last) = self.plugin.last else {
            return;
        };

        if self.plugin.active.is_none() && self.plugin.is_at(last, Step::Active) {
            let draining = self.stepped(last, Step::Draining, Some(reason));
            let retired = self.stepped(last, Step::Retired, None);
            self.record(vec![draining, retired]);
        }
    }

    pub(super) fn settings_changed(&mut self) {
        self.plugin.load_backoff.reset();
        if let Some(track) = &mut self.plugin.track {
            track.reload(self.now.moment.instant);
        }
    }

    pub(super) fn compiling(&mut self, revision: Revision, step: Step) {
        // A revision that is recorded as active stays so until another one is.
        if self.plugin.is_at(revision, Step::Active) {
            return;
        }

        let mut steps = Vec::new();
        if !self.plugin.is_compiling(revision) {
            steps.extend(self.steps_until_settled(Some(revision)));
        }
        steps.push(self.stepped(revision, step, None));
        self.record(steps);
    }

    pub(super) fn loaded(&mut self, file: LoadedFile) {
        let revision = file.revision;
        self.plugin.load_backoff.reset();
        self.plugin.file = Some(revision);

        // A revision that is recorded as active stays so until another one is.
        if !self.plugin.is_at(revision, Step::Active) {
            self.record_compiled(revision, file.handlers);
        }
        match self.plugin.admit(revision) {
            Admission::Rehearse => self.rehearse(revision, file.is_rehearsed),
            Admission::Renew => {
                if file.has_new_fixtures {
                    self.act(Action::CheckFixtures(revision));
                }
                self.activate(revision);
            }
            Admission::Blocked(block) => self.refuse_blocked(revision, &block),
            Admission::Pinned(pinned) => self.keep_waiting(revision, pinned),
        }
        self.end_load(Ended::Handled);
    }

    fn record_compiled(&mut self, revision: Revision, handlers: String) {
        let mut steps = Vec::new();
        if !self.plugin.is_compiling(revision) {
            steps.extend(self.steps_until_settled(Some(revision)));
        }
        steps.push(self.stepped(revision, Step::Checked, Some(handlers)));
        steps.push(self.stepped(revision, Step::Compiled, None));
        self.record(steps);
    }

    fn rehearse(&mut self, revision: Revision, takes_time: bool) {
        // The host has just started. The revision that served before does so again while its
        // successor is rehearsed.
        let can_return = |last| self.now.archived.contains(&last);
        if takes_time && self.plugin.active.is_none() && self.plugin.last.is_some_and(can_return) {
            self.plugin.is_file_out = true;
            self.bring_back();
        }

        self.plugin.rehearsing = Some(revision);
        self.act(Action::Rehearse(revision));
    }

    pub(super) fn rehearsed(&mut self, revision: Revision, verdict: Verdict) {
        self.plugin.rehearsing = None;
        match verdict {
            Verdict::Failed(findings) => {
                let refused = self.rehearsal_step(revision, Step::Refused, &findings);
                return self.refuse_with(findings.summary, vec![refused]);
            }
            Verdict::Passed(findings) => {
                let rehearsed = self.rehearsal_step(revision, Step::Rehearsed, &findings);
                self.record(vec![rehearsed]);
            }
            Verdict::Unrehearsed => {}
        }

        // An operator may have pinned the plugin or blocked the revision in the meantime.
        match self.plugin.admit(revision) {
            Admission::Rehearse | Admission::Renew => self.activate(revision),
            Admission::Blocked(block) => self.refuse_blocked(revision, &block),
            Admission::Pinned(pinned) => self.keep_waiting(revision, pinned),
        }
    }

    fn rehearsal_step(&self, revision: Revision, step: Step, findings: &Findings) -> ReleaseStep {
        ReleaseStep {
            report: Some(findings.report.clone()),
            ..self.stepped(revision, step, Some(findings.summary.clone()))
        }
    }

    fn cancel_rehearsal(&mut self) {
        if let Some(revision) = self.plugin.rehearsing.take() {
            self.act(Action::CancelRehearsal(revision));
            self.notify(Notice::RehearsalCancelled(revision));
        }
    }

    fn refuse_blocked(&mut self, revision: Revision, block: &Block) {
        let reason = format!(
            "this content was blocked at {}: {}; drop another build, or run `hookyard plugins \
             clear {}`",
            block.since, block.reason, self.plugin.name
        );
        // The revision is still recorded as active if it is about to be rolled back; its next step
        // says so.
        let steps = if self.plugin.is_at(revision, Step::Active) {
            Vec::new()
        } else {
            vec![self.stepped(revision, Step::Refused, Some(reason.clone()))]
        };

        self.refuse_with(reason, steps);
        self.bring_back();
        self.renew();
    }

    fn keep_waiting(&mut self, waiting: Revision, pinned: Revision) {
        self.notify(Notice::Pinned { waiting, pinned });
        self.plugin.is_file_out = true;
        self.bring_back();
        self.renew();
    }

    pub(super) fn load_failed(&mut self, revision: Option<Revision>, failure: Failure) {
        if !matches!(failure, Failure::Uncompiled(_)) {
            self.plugin.load_backoff.reset();
        }

        let ended = match failure {
            Failure::Refused(reason) => {
                self.refuse(revision, reason);
                Ended::Handled
            }
            Failure::Unreadable(reason) => {
                self.refuse(None, reason);
                Ended::Again
            }
            Failure::Uncompiled(reason) => {
                self.put_back(revision, &reason);
                self.refuse(None, reason);
                Ended::After(self.plugin.load_backoff.next(revision))
            }
            Failure::Moved => Ended::Again,
        };
        self.end_load(ended);
    }

    /// Records that a revision waits until the host can compile it.
    fn put_back(&mut self, revision: Option<Revision>, reason: &str) {
        let Some(revision) = revision else {
            return;
        };

        // A revision that is recorded as active stays so until another one is.
        if !self.plugin.is_at(revision, Step::Active) {
            let settled = self.stepped(revision, Step::Settled, Some(reason.to_owned()));
            self.record(vec![settled]);
        }
    }

    /// Refuses the file. The revision that serves goes on.
    fn refuse(&mut self, revision: Option<Revision>, reason: String) {
        self.plugin.file = None;
        // The settings of a revision that serves may have become bad. It goes on with its old ones,
        // and its step stays.
        let revision = revision.filter(|revision| {
            !self.plugin.steps.contains_key(revision) || self.plugin.is_compiling(*revision)
        });
        let is_compiling = revision.is_some_and(|revision| self.plugin.is_compiling(revision));

        let mut steps = Vec::new();
        if !is_compiling {
            steps.extend(self.steps_until_settled(revision));
        }
        steps.push(ReleaseStep {
            revision,
            step: Step::Refused,
            at: self.now.time,
            reason: Some(reason.clone()),
            report: None,
        });
        self.refuse_with(reason, steps);
        self.bring_back();
    }

    /// Refuses the file, with these steps. The same reason is recorded and logged once.
    fn refuse_with(&mut self, reason: String, steps: Vec<ReleaseStep>) {
        self.plugin.is_file_out = true;
        if self.plugin.refusal.as_ref() == Some(&reason) {
            return;
        }

        // The record comes first, so that `plugins show` has the step when the line appears in the
        // log.
        self.record(steps);
        self.notify(Notice::Refused {
            reason: reason.clone(),
            serving: self.plugin.active,
        });
        self.plugin.refusal = Some(reason);
    }

    fn remove(&mut self) {
        self.cancel_rehearsal();
        self.plugin.refusal = None;
        self.plugin.load_backoff.reset();
        self.plugin.recall_backoff.reset();

        self.act(Action::Deactivate);
        let serving = self.plugin.active.or(self.plugin.last);
        self.plugin.remove();
        if let Some(serving) = serving {
            let steps = self.leave(serving, None);
            self.record(steps.into_iter().collect());
        }
    }

    fn end_load(&mut self, ended: Ended) {
        if let Some(track) = &mut self.plugin.track {
            track.ended(ended, self.now.moment.instant);
            self.plugin.track.take_if(|track| track.is_blank());
        }
    }

    /// Returns the first two steps of a file, with the times at which they happened.
    fn steps_until_settled(&self, revision: Option<Revision>) -> [ReleaseStep; 2] {
        let now = self.now.time;
        let seen_at = self
            .plugin
            .track
            .as_ref()
            .map_or(now, |track| timestamp(track.seen_at()))
            .min(now);
        let settled_at = seen_at.after(self.now.windows.settle).min(now);

        let stepped = |revision, step, at| ReleaseStep {
            revision,
            step,
            at,
            reason: None,
            report: None,
        };
        [
            stepped(None, Step::Seen, seen_at),
            stepped(revision, Step::Settled, settled_at),
        ]
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
