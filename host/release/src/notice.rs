//! What the log tells operators about releases, apart from the steps that `record` logs.

use hookyard_model::{PluginRef, Revision, one_line};

/// A line of the log for the operator of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The plugin's file was refused.
    Refused {
        /// The reason, for people.
        reason: String,
        /// The revision that goes on serving.
        serving: Option<Revision>,
    },
    /// The plugin's file is good, and waits because the plugin is pinned.
    Pinned {
        /// The revision that waits.
        waiting: Revision,
        /// The revision that the plugin is pinned to.
        pinned: Revision,
    },
    /// A rehearsal ended without a verdict.
    RehearsalCancelled(Revision),
    /// The active revision failed its probation.
    RolledBack {
        /// The revision that failed.
        revision: Revision,
        /// The revision that comes back.
        target: Option<Revision>,
        /// The reason, for people.
        reason: String,
    },
    /// An archived revision serves again.
    BroughtBack {
        /// The revision.
        revision: Revision,
        /// The reason for which the plugin's file was refused, if it was.
        refusal: Option<String>,
    },
    /// An archived revision cannot be brought back.
    Lost {
        /// The revision.
        revision: Revision,
        /// The reason, for people.
        reason: String,
    },
    /// The host could not compile an archived revision, and will try again.
    RecallDelayed {
        /// The revision.
        revision: Revision,
        /// The reason, for people.
        reason: String,
    },
}

impl Notice {
    /// Writes the line.
    pub(crate) fn log(&self, plugin: &PluginRef) {
        match self {
            Self::Refused { reason, serving } => {
                let serving = serving.map_or_else(|| "nothing".to_owned(), |of| of.short());
                tracing::warn!(
                    target: "hookyard::release", %plugin, reason = %one_line(reason), serving,
                    "plugin refused"
                );
            }
            Self::Pinned { waiting, pinned } => {
                let (revision, pinned) = (waiting.short(), pinned.short());
                tracing::info!(
                    target: "hookyard::release", %plugin, revision, pinned,
                    "plugin pinned: the file is good and waits; `hookyard plugins unpin {plugin}` \
                     takes it"
                );
            }
            Self::RehearsalCancelled(revision) => {
                tracing::info!(
                    target: "hookyard::release", %plugin, revision = revision.short(),
                    "rehearsal ended early: the plugin's files, or the host's settings, have \
                     changed"
                );
            }
            Self::RolledBack {
                revision,
                target,
                reason,
            } => {
                let (revision, back) = (revision.short(), target.map(|target| target.short()));
                tracing::warn!(
                    target: "hookyard::release", %plugin, revision, back, reason,
                    "plugin rolled back: the content of its file is blocked; drop another build, \
                     or run `hookyard plugins clear {plugin}`"
                );
            }
            Self::BroughtBack { revision, refusal } => {
                tracing::info!(
                    target: "hookyard::release", %plugin, revision = revision.short(), refusal,
                    "plugin brought back from an archived revision"
                );
            }
            Self::Lost { revision, reason } => {
                tracing::warn!(
                    target: "hookyard::release", %plugin, revision = revision.short(), reason,
                    "an archived revision cannot be brought back"
                );
            }
            Self::RecallDelayed { revision, reason } => {
                tracing::warn!(
                    target: "hookyard::release", %plugin, revision = revision.short(), reason,
                    "an archived revision cannot be compiled at the moment; the host tries again"
                );
            }
        }
    }
}
