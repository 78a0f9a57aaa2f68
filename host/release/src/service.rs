//! What becomes of revisions that are loaded: into service, out of it, and back. `course` decides, this does.
//!
//! A swap comes first and its record after it. A host that dies in between finds the record as it was, goes by it, and
//! comes to the same end.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_plugin::Progress;
use hookyard_store::{Block, ReleaseStep};
use hookyard_work::insist;

use super::active::handlers;
use super::course::{Admission, Course};
use super::load::{Failure, Loading, Ready, Report};
use super::rehearse::{Stage, Verdict};
use super::run::{Keeper, panicked};
use super::tracker::Ended;
use super::trial::{Begin, Failed};
use super::work::Done;
use hookyard_config::settings::RehearsalPolicy;
use hookyard_model::{chain, one_line};

/// How long a store that fails is asked again for what must not be lost.
const INSIST_MAX: Duration = Duration::from_secs(30);

impl Keeper {
    /// A file has been loaded, or not.
    pub(super) async fn loaded(
        &mut self,
        plugin: PluginRef,
        Loading { revision, result }: Loading,
    ) {
        if !matches!(result, Err(Failure::Uncompiled(_))) {
            self.patience.forget(&plugin);
        }
        let ended = match result {
            Ok(ready) => return self.admit(plugin, ready).await,
            Err(Failure::Refused(reason)) => {
                self.refuse(&plugin, revision, reason).await;
                Ended::Handled
            }
            Err(Failure::Unreadable(reason)) => {
                self.refuse(&plugin, None, reason).await;
                Ended::Again
            }
            Err(Failure::Uncompiled(reason)) => {
                self.put_back(&plugin, revision, &reason).await;
                self.refuse(&plugin, None, reason).await;
                Ended::After(self.patience.next(&plugin, revision))
            }
            Err(Failure::Moved) => Ended::Again,
        };
        self.tracker.ended(&plugin, ended, Instant::now());
    }

    async fn admit(&mut self, plugin: PluginRef, ready: Ready) {
        let revision = ready.loaded.revision();
        let course = self.courses.entry(plugin.clone()).or_default();
        course.file = Some(revision);
        let admission = course.admit(revision);
        // Where it stands at active it stays there, until something else is.
        if self.journal.step_of(&plugin, revision) != Some(Step::Active) {
            self.tell_loaded(&plugin, &ready).await;
        }
        match admission {
            Admission::Rehearse => self.rehearse(&plugin, ready).await,
            Admission::Renew => {
                if self
                    .actives
                    .fixtures(&plugin)
                    .is_some_and(|fixtures| *fixtures != *ready.fixtures)
                {
                    let (stage, ready) = (self.stage(&plugin), ready.clone());
                    self.checks
                        .spawn(async move { stage.check_fixtures(&ready).await });
                }
                self.enter(&plugin, ready).await;
            }
            Admission::Blocked(_) | Admission::Pinned(_) => {
                self.keep_out(&plugin, revision, admission).await
            }
        }
        self.tracker.ended(&plugin, Ended::Handled, Instant::now());
    }

    async fn rehearse(&mut self, plugin: &PluginRef, ready: Ready) {
        let stage = self.stage(plugin);
        let takes_time = ready.sidecar.rehearsal.policy != RehearsalPolicy::Off;
        let course = self.courses.entry(plugin.clone()).or_default();
        let is_kept = |last| self.desired.borrow().keeps(plugin, last);
        // Just started: what served before does so while its successor is tried out.
        if takes_time && course.active.is_none() && course.last.is_some_and(is_kept) {
            course.is_file_out = true;
            self.bring_back(plugin).await;
        }
        let next = ready.clone();
        self.rehearsals.begin(
            plugin.clone(),
            ready,
            async move { stage.rehearse(&next).await },
        );
    }

    /// Its file or what is said of it is another by now, or gone.
    pub(super) fn end_rehearsal(&mut self, plugin: &PluginRef) {
        if let Some(ready) = self.rehearsals.end(plugin) {
            let revision = ready.loaded.revision().short();
            tracing::info!(target: "hookyard::release", %plugin, revision, "rehearsal ended early: the plugin's files, or the host's settings, have changed");
        }
    }

    fn stage(&mut self, plugin: &PluginRef) -> Stage {
        Stage {
            desired: Arc::clone(&self.desired.borrow()),
            engine: Arc::clone(&self.parts.engine),
            material: self.parts.material.clone(),
            place: self.rehearsals.place(&plugin.tenant),
            active: self.actives.loaded(plugin),
            last: self.courses.get(plugin).and_then(|course| course.last),
        }
    }

    /// A revision has been rehearsed. Meanwhile the operator may have said something of it.
    pub(super) async fn rehearsed(&mut self, plugin: PluginRef, ready: Ready, verdict: Verdict) {
        let revision = ready.loaded.revision();
        let told = |step, findings: &super::rehearse::Findings| ReleaseStep {
            report: Some(findings.report.clone()),
            ..self
                .journal
                .step(revision, step, Some(findings.summary.clone()))
        };
        match verdict {
            Verdict::Failed(findings) => {
                let step = told(Step::Refused, &findings);
                return self
                    .refuse_with(&plugin, findings.summary, vec![step])
                    .await;
            }
            Verdict::Passed(findings) => {
                let step = told(Step::Rehearsed, &findings);
                self.journal.tell(&plugin, &[step]).await;
            }
            Verdict::Unrehearsed => {}
        }
        match self
            .courses
            .entry(plugin.clone())
            .or_default()
            .admit(revision)
        {
            Admission::Rehearse | Admission::Renew => self.enter(&plugin, ready).await,
            out => self.keep_out(&plugin, revision, out).await,
        }
    }

    /// What the file holds may not serve, though it could.
    async fn keep_out(&mut self, plugin: &PluginRef, revision: Revision, why: Admission) {
        match why {
            Admission::Blocked(block) => {
                let reason = blocked(&block);
                let is_leaving = self.journal.step_of(plugin, revision) == Some(Step::Active);
                let refused = self
                    .journal
                    .step(revision, Step::Refused, Some(reason.clone()));
                let steps = if is_leaving {
                    Vec::new()
                } else {
                    vec![refused]
                };
                self.refuse_with(plugin, reason, steps).await;
            }
            Admission::Pinned(pinned) => {
                let (waits, pinned) = (revision.short(), pinned.short());
                tracing::info!(target: "hookyard::release", %plugin, revision = waits, pinned, "plugin pinned: the file is good and waits; `hookyard plugins unpin {plugin}` takes it");
                self.courses.entry(plugin.clone()).or_default().is_file_out = true;
            }
            Admission::Rehearse | Admission::Renew => {}
        }
        self.bring_back(plugin).await;
        self.renew(plugin);
    }

    /// Puts a revision into service. What served before drains, or is quarantined where it's blocked.
    async fn enter(&mut self, plugin: &PluginRef, ready: Ready) {
        let revision = ready.loaded.revision();
        let course = self.courses.entry(plugin.clone()).or_default();
        let outgoing = course
            .active
            .or(course.last)
            .filter(|outgoing| *outgoing != revision);
        let watched_since = course.watched_since(revision, self.journal.now());
        let fulfils = course.order.as_ref().is_some_and(|order| !order.is_pin);
        course.activated(revision);
        let is_fulfilled = fulfils && course.order.is_none();
        let block = outgoing.and_then(|outgoing| course.block_of(outgoing).cloned());
        if course.file == Some(revision) {
            self.refusals.remove(plugin);
        }
        let refused: Vec<_> = course.blocks.iter().map(|block| block.revision).collect();
        let taken_back = block.as_ref().map(|block| block.revision);
        // Watched first: its first attempt may fail already.
        self.parts.trials.begin(
            plugin,
            Begin {
                revision,
                watched_since,
                taken_back,
            },
        );
        self.actives.activate(&self.parts.catalog, ready);
        let mut steps = Vec::new();
        if let Some(outgoing) = outgoing {
            steps.extend(self.leave(plugin, outgoing, block));
        }
        if self.journal.step_of(plugin, revision) != Some(Step::Active) {
            steps.push(self.journal.step(revision, Step::Active, None));
        }
        if !steps.is_empty() {
            self.journal.tell(plugin, &steps).await;
        }
        if is_fulfilled {
            self.withdraw_order(plugin).await;
        }
        self.retry_failed(plugin, &refused).await;
    }

    /// What failed while one of these was watched is attempted once more, by the one that serves now. A host that dies before this
    /// does so when it starts again.
    async fn retry_failed(&self, plugin: &PluginRef, refused: &[Revision]) {
        for revision in refused {
            let retry = || self.parts.inbox.retry_failed(plugin, *revision);
            match insist(INSIST_MAX, retry).await {
                Ok(0) => {}
                Ok(events) => {
                    tracing::info!(target: "hookyard::release", %plugin, revision = revision.short(), events, "events that a revision failed at are attempted once more, since it was taken back");
                }
                Err(error) => {
                    let reason = chain(&error);
                    tracing::error!(target: "hookyard::release", %plugin, revision = revision.short(), reason, "events that a revision failed at could not be made due; they are when the host starts again");
                }
            }
        }
    }

    /// How a revision goes out of service. Its attempts end in their own time.
    fn leave(
        &mut self,
        plugin: &PluginRef,
        revision: Revision,
        block: Option<Block>,
    ) -> Option<ReleaseStep> {
        // One that an earlier host had active, and whose record has gone since, is not spoken of.
        self.journal
            .step_of(plugin, revision)
            .filter(|step| *step == Step::Active)?;
        if let Some(block) = block {
            return Some(
                self.journal
                    .step(revision, Step::Blocked, Some(block.reason)),
            );
        }
        let (catalog, of) = (Arc::clone(&self.parts.catalog), plugin.clone());
        let reason = match catalog.in_flight(plugin, revision) {
            0 => None,
            1 => Some("1 attempt is under way".to_owned()),
            count => Some(format!("{count} attempts are under way")),
        };
        self.drains.spawn(async move {
            catalog.drained(&of, revision).await;
            (of, revision)
        });
        Some(self.journal.step(revision, Step::Draining, reason))
    }

    /// A revision that was replaced has no attempt left.
    pub(super) async fn drained(&mut self, plugin: &PluginRef, revision: Revision) {
        if self.journal.step_of(plugin, revision) == Some(Step::Draining) {
            let step = self.journal.step(revision, Step::Retired, None);
            self.journal.tell(plugin, &[step]).await;
        }
    }

    /// A plugin's file is gone, and it's out of service.
    pub(super) async fn removed(&mut self, plugin: &PluginRef) {
        let course = self.courses.entry(plugin.clone()).or_default();
        let active = course.active.or(course.last);
        course.removed();
        if course.order.is_none() && course.blocks.is_empty() {
            self.courses.remove(plugin);
        }
        if let Some(step) = active.and_then(|active| self.leave(plugin, active, None)) {
            self.journal.tell(plugin, &[step]).await;
        }
    }

    /// Brings into service what the course calls for: at once where it's warm, otherwise once it's loaded.
    pub(super) async fn bring_back(&mut self, plugin: &PluginRef) {
        let Some(wanted) = self.courses.get(plugin).and_then(Course::call_for) else {
            return;
        };
        if let Some(warm) = self.actives.warm(plugin, wanted) {
            self.enter(plugin, warm).await;
            // It has the settings that it served with; those in the folder may be others by now.
            self.renew(plugin);
        } else {
            self.recall(plugin, wanted);
        }
    }

    /// Loads once more what is active, from where it's kept, since its file isn't the one in the folder.
    fn renew(&mut self, plugin: &PluginRef) {
        if let Some(active) = self.courses.get(plugin).and_then(|course| course.active) {
            self.recall(plugin, active);
        }
    }

    fn recall(&mut self, plugin: &PluginRef, revision: Revision) {
        if !self.recalls.insert(plugin.clone()) {
            return;
        }
        let loader = self.desired.borrow().loader(&self.parts.engine);
        let (plugin, place) = (plugin.clone(), self.places.of(&plugin.tenant));
        self.work.spawn(async move {
            let _place = place.take().await;
            let of = plugin.clone();
            let recalled = tokio::task::spawn_blocking(move || loader.recall(&of, revision)).await;
            Done::Recalled(
                plugin,
                revision,
                recalled.unwrap_or_else(|error| Err(panicked(&error))),
            )
        });
    }

    /// A kept revision has been loaded, or can't be.
    pub(super) async fn recalled(
        &mut self,
        plugin: PluginRef,
        revision: Revision,
        result: Result<Ready, Failure>,
    ) {
        self.recalls.remove(&plugin);
        if !matches!(result, Err(Failure::Uncompiled(_))) {
            self.recall_patience.forget(&plugin);
        }
        let course = self.courses.entry(plugin.clone()).or_default();
        let (is_active, is_called) = (
            course.active == Some(revision),
            course.call_for() == Some(revision),
        );
        match result {
            Ok(ready) if is_called => self.come_back(&plugin, ready).await,
            Ok(ready) if is_active && course.call_for().is_none() => {
                self.enter(&plugin, ready).await
            }
            // It was loaded for its settings alone; it goes on by those that it has.
            Err(_) if is_active => {}
            Err(Failure::Refused(reason) | Failure::Unreadable(reason)) if is_called => {
                self.give_up_on(&plugin, revision, reason).await;
            }
            Err(Failure::Uncompiled(reason)) if is_called => {
                return self.recall_later(plugin, revision, &reason);
            }
            Ok(_) | Err(_) => {}
        }
        self.bring_back(&plugin).await;
    }

    /// The host couldn't compile a kept revision that was called for. The revision isn't lost: it's loaded again after a pause.
    fn recall_later(&mut self, plugin: PluginRef, revision: Revision, reason: &str) {
        tracing::warn!(target: "hookyard::release", %plugin, revision = revision.short(), reason, "a kept revision can't be compiled at the moment and is tried again");
        self.recalls.insert(plugin.clone());
        let pause = self.recall_patience.next(&plugin, Some(revision));
        self.pauses.spawn(async move {
            tokio::time::sleep(pause).await;
            plugin
        });
    }

    /// The pause before a kept revision is loaded again is over.
    pub(super) async fn paused(&mut self, plugin: PluginRef) {
        self.recalls.remove(&plugin);
        self.bring_back(&plugin).await;
    }

    async fn come_back(&mut self, plugin: &PluginRef, ready: Ready) {
        let revision = ready.loaded.revision().short();
        let refusal = self.refusals.get(plugin).cloned();
        tracing::info!(target: "hookyard::release", %plugin, revision, refusal, "plugin brought back from a kept revision");
        self.enter(plugin, ready).await;
    }

    /// A revision that was called for can't be had. Whoever ordered for it finds out by its step.
    async fn give_up_on(&mut self, plugin: &PluginRef, revision: Revision, reason: String) {
        tracing::warn!(target: "hookyard::release", %plugin, revision = revision.short(), reason, "a revision can't be brought back");
        let course = self.courses.entry(plugin.clone()).or_default();
        let was_ordered = course
            .order
            .as_ref()
            .is_some_and(|order| order.revision == revision);
        course.lost(revision);
        let step = self.journal.step(revision, Step::Refused, Some(reason));
        self.journal.tell(plugin, &[step]).await;
        if was_ordered {
            self.withdraw_order(plugin).await;
        }
        if self
            .courses
            .get(plugin)
            .is_some_and(|course| course.fallback().is_none())
        {
            self.parts.trials.settle(plugin);
        }
    }

    /// Takes new revisions that do worse than those before out of service.
    pub(super) async fn take_back(&mut self) {
        for Failed {
            plugin,
            revision,
            reason,
        } in self.parts.trials.failures()
        {
            let now = self.journal.now();
            let course = self.courses.entry(plugin.clone()).or_default();
            if course.block_of(revision).is_some() {
                continue;
            }
            let (actives, kept) = (&self.actives, self.desired.borrow().kept());
            let is_there = |back| actives.warm(&plugin, back).is_some() || kept.has(&plugin, back);
            while let Some(gone) = course.fallback().filter(|back| !is_there(*back)) {
                course.lost(gone);
            }
            if course.active != Some(revision) || course.fallback().is_none() {
                self.parts.trials.settle(&plugin);
                continue;
            }
            let block = Block {
                plugin: plugin.clone(),
                revision,
                reason: reason.clone(),
                since: now,
            };
            course.blocks.push(block.clone());
            let back = course.call_for().map(|back| back.short());
            tracing::warn!(
                target: "hookyard::release", %plugin, revision = revision.short(), back, reason,
                "plugin rolled back: its file's content is refused until you drop another one, or say `hookyard plugins release {plugin}`"
            );
            self.bring_back(&plugin).await;
            self.journal.block(block).await;
        }
    }

    async fn withdraw_order(&self, plugin: &PluginRef) {
        if let Err(error) = insist(INSIST_MAX, || self.parts.releases.withdraw_order(plugin)).await
        {
            let reason = chain(&error);
            tracing::error!(target: "hookyard::release", %plugin, reason, "an order that is carried out could not be taken off the record");
        }
    }

    /// Says why a plugin's file isn't served; the same reason is said once.
    async fn refuse(&mut self, plugin: &PluginRef, revision: Option<Revision>, reason: String) {
        self.courses.entry(plugin.clone()).or_default().file = None;
        // The settings of what serves may have become bad; it serves on by those that it has.
        let is_on_its_way = |revision| self.is_being_compiled(plugin, revision);
        let is_unknown = |revision| self.journal.step_of(plugin, revision).is_none();
        let revision =
            revision.filter(|revision| is_unknown(*revision) || is_on_its_way(*revision));
        let (seen, settled) = self.seen(plugin);
        let step = |step, at, reason| ReleaseStep {
            revision,
            step,
            at,
            reason,
            report: None,
        };
        let refused = step(Step::Refused, self.journal.now(), Some(reason.clone()));
        let steps = match revision.is_some_and(is_on_its_way) {
            true => vec![refused],
            false => vec![seen, step(Step::Settled, settled, None), refused],
        };
        self.refuse_with(plugin, reason, steps).await;
        self.bring_back(plugin).await;
    }

    async fn refuse_with(&mut self, plugin: &PluginRef, reason: String, steps: Vec<ReleaseStep>) {
        self.courses.entry(plugin.clone()).or_default().is_file_out = true;
        if self.refusals.get(plugin) != Some(&reason) {
            let serving = self
                .actives
                .loaded(plugin)
                .map(|loaded| loaded.revision().short());
            let serving = serving.unwrap_or_else(|| "nothing".to_owned());
            // The record comes first, so that `plugins show` has the step when the log line appears.
            self.journal.tell(plugin, &steps).await;
            tracing::warn!(target: "hookyard::release", %plugin, reason = %one_line(&reason), serving, "plugin refused");
            self.refusals.insert(plugin.clone(), reason);
        }
    }

    async fn tell_loaded(&mut self, plugin: &PluginRef, ready: &Ready) {
        let revision = ready.loaded.revision();
        let (seen, settled) = self.seen(plugin);
        let at_settled = ReleaseStep {
            at: settled,
            ..self.journal.step(revision, Step::Settled, None)
        };
        let checked = self
            .journal
            .step(revision, Step::Checked, Some(handlers(&ready.loaded)));
        let compiled = self.journal.step(revision, Step::Compiled, None);
        let steps = match self.is_being_compiled(plugin, revision) {
            true => vec![checked, compiled],
            false => vec![seen, at_settled, checked, compiled],
        };
        self.journal.tell(plugin, &steps).await;
    }

    /// The compilation of a plugin's file goes on.
    pub(super) async fn progressed(&mut self, (plugin, revision, progress): Report) {
        // Where it stands at active it stays there.
        if self.journal.step_of(&plugin, revision) == Some(Step::Active) {
            return;
        }
        let step = match progress {
            Progress::Queued => Step::Queued,
            Progress::Compiling => Step::Compiling,
        };
        let mut steps = vec![self.journal.step(revision, step, None)];
        if !self.is_being_compiled(&plugin, revision) {
            let (seen, settled) = self.seen(&plugin);
            let settled = ReleaseStep {
                at: settled,
                ..self.journal.step(revision, Step::Settled, None)
            };
            steps.splice(..0, [seen, settled]);
        }
        self.journal.tell(&plugin, &steps).await;
    }

    fn is_being_compiled(&self, plugin: &PluginRef, revision: Revision) -> bool {
        matches!(
            self.journal.step_of(plugin, revision),
            Some(Step::Queued | Step::Compiling)
        )
    }

    /// What could not be compiled waits until it's tried again.
    async fn put_back(&mut self, plugin: &PluginRef, revision: Option<Revision>, reason: &str) {
        // Where it stands at active it stays there.
        let is_active = |revision| self.journal.step_of(plugin, revision) == Some(Step::Active);
        if let Some(revision) = revision.filter(|revision| !is_active(*revision)) {
            let settled = self
                .journal
                .step(revision, Step::Settled, Some(reason.to_owned()));
            self.journal.tell(plugin, &[settled]).await;
        }
    }

    /// When the file that is there was first seen, and when it had been quiet for long enough.
    fn seen(&self, plugin: &PluginRef) -> (ReleaseStep, Timestamp) {
        let now = self.journal.now();
        let seen_at = self.tracker.seen_at(plugin).map_or(now, timestamp).min(now);
        let settled = seen_at
            .after(self.desired.borrow().plugins.windows.settle)
            .min(now);
        (
            ReleaseStep {
                revision: None,
                step: Step::Seen,
                at: seen_at,
                reason: None,
                report: None,
            },
            settled,
        )
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Why content is refused that could be run, and the way out.
fn blocked(
    Block {
        plugin,
        reason,
        since,
        ..
    }: &Block,
) -> String {
    format!(
        "this content was taken out of service at {since}: {reason}; drop another build, or say `hookyard plugins release {plugin}`"
    )
}
