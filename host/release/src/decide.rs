//! The one place that decides what happens to a plugin: [`step`] takes its state and an input, and
//! returns the next state and the actions that follow.
//!
//! ```text
//! file seen -> loaded -> rehearsed -> activated
//!                 '----------'------> refused, or kept out by a pin or a block
//! probation failed, or an operator's order -> an archived revision is brought back
//! ```
//!
//! This module has no clock, store, folder or task, so that sequences of inputs can be tested as
//! tables. The keeper passes in what it knows at the moment as [`Now`], and carries the actions out
//! in their order. `files` holds the decisions about the file in the folder, `service` those about
//! what comes into service and goes out of it.
//!
//! A swap comes first and its record after it. A host that dies in between finds the record as it
//! was, and the same decisions lead to the same end.

mod files;
mod service;

use std::collections::BTreeSet;
use std::time::Duration;

use hookyard_config::settings::Windows;
use hookyard_model::{Revision, Step, Timestamp};
use hookyard_store::{Block, Order, ReleaseStep};

use crate::component::load::Failure;
use crate::folder::sighting::Files;
use crate::folder::track::Moment;
use crate::notice::Notice;
use crate::plugin::Plugin;
use crate::rehearsal::Verdict;

/// What the keeper knows at the moment of a decision.
#[derive(Debug, Clone)]
pub struct Now {
    /// The time for the record.
    pub time: Timestamp,
    /// The time for the windows of files.
    pub moment: Moment,
    /// How long files must have been unchanged, or missing.
    pub windows: Windows,
    /// The number of served revisions whose components the archive keeps.
    pub revisions_kept: usize,
    /// The revisions of the plugin whose components are in the archive.
    pub archived: BTreeSet<Revision>,
    /// The revision before the active one, if it is still loaded and may come back as it is.
    pub warm: Option<Revision>,
    /// The number of attempts that are under way for the revision that serves.
    pub attempts: usize,
}

impl Now {
    /// Returns whether a revision can be brought back: it is loaded, or its component is in the
    /// archive.
    pub fn is_available(&self, revision: Revision) -> bool {
        self.warm == Some(revision) || self.archived.contains(&revision)
    }
}

/// Something that happened to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A look at the folder showed these files of the plugin, or none.
    Seen(Option<Files>),
    /// A look at the folder showed more plugins of the tenant than this maximum, and the plugin is
    /// one too many.
    OverLimit(usize),
    /// Every file that was there at the start of the host has been handled, and the plugin has
    /// none.
    AbsentAtStart,
    /// The settings of the host, or a file that settings refer to, have changed: the plugin must be
    /// loaded again.
    SettingsChanged,
    /// The compilation of the file has reached this step, [`Step::Queued`] or [`Step::Compiling`].
    Compiling(Revision, Step),
    /// The file has been loaded and can be run.
    Loaded(LoadedFile),
    /// The file could not be loaded. The revision is known if the component could be read.
    LoadFailed(Option<Revision>, Failure),
    /// The rehearsal of the file is over.
    Rehearsed(Revision, Verdict),
    /// An archived revision has been loaded, or could not be.
    Recalled(Revision, Result<(), Failure>),
    /// The pause before another attempt to load an archived revision is over.
    PauseEnded,
    /// The active revision has failed its probation, for this reason.
    ProbationFailed(Revision, String),
    /// The operator's order and the blocks are these.
    Ordered(Option<Order>, Vec<Block>),
    /// A revision that was replaced has no attempt under way any more.
    Drained(Revision),
}

impl Input {
    /// Returns whether the decision may bring back a revision, and [`Now::archived`] must be up to
    /// date.
    pub(crate) fn may_bring_back(&self) -> bool {
        !matches!(
            self,
            Self::Seen(_)
                | Self::OverLimit(_)
                | Self::AbsentAtStart
                | Self::SettingsChanged
                | Self::Compiling(..)
                | Self::Drained(_)
        )
    }
}

/// A file that has been loaded and can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFile {
    /// The revision that the file holds.
    pub revision: Revision,
    /// The names of the component's handlers, for people.
    pub handlers: String,
    /// Whether the policy asks for a rehearsal, so that some time will pass until the revision
    /// serves.
    pub is_rehearsed: bool,
    /// Whether its fixtures differ from those of the active revision.
    pub has_new_fixtures: bool,
}

/// Something that the keeper must do for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Log that the plugin's file is new or has changed.
    Announce,
    /// Load these files, and archive the component. The archive must keep the listed revisions.
    Load(Files, Vec<Revision>),
    /// Rehearse the revision that has just been loaded.
    Rehearse(Revision),
    /// End the rehearsal that is under way, without a verdict.
    CancelRehearsal(Revision),
    /// Run the changed fixtures of the active revision, and log the result.
    CheckFixtures(Revision),
    /// Put a revision into service: the one that has just been loaded, or else the warm one.
    Activate(Activation),
    /// Take the plugin out of service.
    Deactivate,
    /// Load a revision from the archive.
    Recall(Revision),
    /// Send [`Input::PauseEnded`] after this pause.
    Pause(Duration),
    /// Send [`Input::Drained`] once no attempt of this revision is under way.
    AwaitDrain(Revision),
    /// Record steps, in the log and in the store.
    Record(Vec<ReleaseStep>),
    /// Store a block, so that it outlives the host.
    StoreBlock(Block),
    /// Remove the operator's order from the store.
    WithdrawOrder,
    /// Make jobs due again that failed while one of these revisions was on probation.
    RetryFailed(Vec<Revision>),
    /// End the probation of the active revision.
    EndProbation,
    /// Log a notice for the operator.
    Notify(Notice),
}

/// A revision that comes into service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activation {
    /// The revision.
    pub revision: Revision,
    /// The time at which its probation begins, if it has one.
    pub probation_since: Option<Timestamp>,
    /// The revision that it replaces, if that one is blocked from now on.
    pub rolled_back: Option<Revision>,
}

/// Decides what follows from an input. Returns the next state, and the actions in the order in
/// which they must happen.
pub fn step(plugin: Plugin, input: Input, now: &Now) -> (Plugin, Vec<Action>) {
    let mut decision = Decision {
        plugin,
        now,
        warm: now.warm,
        actions: Vec::new(),
    };
    decision.take(input);
    (decision.plugin, decision.actions)
}

/// A decision that is being made.
struct Decision<'n> {
    plugin: Plugin,
    now: &'n Now,
    /// [`Now::warm`], until another revision becomes active.
    warm: Option<Revision>,
    actions: Vec<Action>,
}

impl Decision<'_> {
    fn take(&mut self, input: Input) {
        match input {
            Input::Seen(files) => self.seen(files),
            Input::OverLimit(count_max) => self.over_limit(count_max),
            Input::AbsentAtStart => self.absent_at_start(),
            Input::SettingsChanged => self.settings_changed(),
            Input::Compiling(revision, step) => self.compiling(revision, step),
            Input::Loaded(file) => self.loaded(file),
            Input::LoadFailed(revision, failure) => self.load_failed(revision, failure),
            Input::Rehearsed(revision, verdict) => self.rehearsed(revision, verdict),
            Input::Recalled(revision, result) => self.recalled(revision, result),
            Input::PauseEnded => self.pause_ended(),
            Input::ProbationFailed(revision, reason) => self.probation_failed(revision, reason),
            Input::Ordered(order, blocks) => self.ordered(order, blocks),
            Input::Drained(revision) => self.drained(revision),
        }
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn notify(&mut self, notice: Notice) {
        self.act(Action::Notify(notice));
    }

    /// Records steps: in the state at once, and in the log and the store by an action.
    fn record(&mut self, steps: Vec<ReleaseStep>) {
        for stepped in &steps {
            self.follow(stepped);
        }
        if !steps.is_empty() {
            self.act(Action::Record(steps));
        }
    }

    fn follow(&mut self, stepped: &ReleaseStep) {
        let Some(revision) = stepped.revision else {
            return;
        };

        let before = match stepped.step {
            // The release of the revision has come to its end.
            Step::Retired | Step::Blocked | Step::Refused => self.plugin.steps.remove(&revision),
            step => self.plugin.steps.insert(revision, step),
        };
        debug_assert!(
            before.is_none_or(|before| before.leads_to(stepped.step)),
            "{} {revision:?}: {before:?} does not lead to {}",
            self.plugin.name,
            stepped.step
        );
    }

    /// Returns a step that is taken now.
    fn stepped(&self, revision: Revision, step: Step, reason: Option<String>) -> ReleaseStep {
        ReleaseStep {
            revision: Some(revision),
            step,
            at: self.now.time,
            reason,
            report: None,
        }
    }
}

#[cfg(test)]
mod tests;
