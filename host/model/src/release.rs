//! The steps of a release, and the order in which a revision can take them.
//!
//! ```text
//! seen -> settled -> [queued] -> [compiling] -> checked -> compiled -> rehearsed -> active ->
//! draining -> retired
//!             \          \             \           \          \           \          |  ^       |           |
//!              '----------'-------------'-----------'----------'-- refused '         |  '-------'-----------'  rollback
//!                                                                                    '-> blocked -> (cleared) settled
//! ```
//!
//! If the component's compiled code is cached, the release skips `queued` and `compiling`. When a
//! file is dropped again, its release starts again, from any step.

use std::fmt;
use std::str::FromStr;

/// A step of the release of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The file is new in the folder, or has changed.
    Seen,
    /// The file has not changed for long enough to be complete.
    Settled,
    /// The component waits for other components to be compiled.
    Queued,
    /// The component is being compiled.
    Compiling,
    /// The file is a component that exports a handler, and its imports are granted.
    Checked,
    /// The revision can run. The next revision of a pinned plugin stays at this step.
    Compiled,
    /// The revision passed its rehearsal.
    Rehearsed,
    /// The revision receives the plugin's events.
    Active,
    /// The revision receives no more events, but some of its attempts are still running.
    Draining,
    /// The revision has no more attempts that are running.
    Retired,
    /// The revision was rolled back, by its failures or by an operator, and may not serve again
    /// until an operator clears it.
    Blocked,
    /// The revision cannot serve, for a reason that is recorded with this step.
    Refused,
}

impl Step {
    /// Every step, in reading order.
    pub const ALL: [Self; 12] = [
        Self::Seen,
        Self::Settled,
        Self::Queued,
        Self::Compiling,
        Self::Checked,
        Self::Compiled,
        Self::Rehearsed,
        Self::Active,
        Self::Draining,
        Self::Retired,
        Self::Blocked,
        Self::Refused,
    ];

    /// Returns the name of the step in the store, the CLI and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Settled => "settled",
            Self::Queued => "queued",
            Self::Compiling => "compiling",
            Self::Checked => "checked",
            Self::Compiled => "compiled",
            Self::Rehearsed => "rehearsed",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Blocked => "blocked",
            Self::Refused => "refused",
        }
    }

    /// Returns whether `next` may follow this step.
    ///
    /// Every revision may be seen or settled again, when its file is dropped again or the host
    /// starts. Every revision except a blocked one may be refused, because its settings may have
    /// become invalid.
    pub const fn leads_to(self, next: Self) -> bool {
        use Step::{
            Active, Blocked, Checked, Compiled, Compiling, Draining, Queued, Refused, Rehearsed,
            Retired, Seen, Settled,
        };
        matches!(
            (self, next),
            (_, Seen | Settled)
                | (Settled, Queued)
                | (Settled | Queued, Compiling)
                | (Settled | Queued | Compiling, Checked)
                | (Checked, Compiled)
                | (Compiled, Rehearsed)
                | (Compiled | Rehearsed | Active | Draining | Retired, Active)
                | (Active, Draining | Blocked)
                | (Draining, Retired | Blocked)
                | (Retired, Blocked)
                | (
                    Seen | Settled | Queued | Compiling | Checked | Compiled,
                    Refused
                )
                | (Rehearsed | Active | Draining | Retired | Refused, Refused)
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a text that is not the name of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a step of a release")]
pub struct InvalidStep;

impl FromStr for Step {
    type Err = InvalidStep;

    fn from_str(text: &str) -> Result<Self, InvalidStep> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == text)
            .ok_or(InvalidStep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_reads_back_from_its_name() {
        for step in Step::ALL {
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert_eq!("done".parse::<Step>(), Err(InvalidStep));
    }

    #[test]
    fn each_step_leads_to_listed_steps() {
        for (step, expected) in [
            (Step::Seen, "seen settled refused"),
            (
                Step::Settled,
                "seen settled queued compiling checked refused",
            ),
            (Step::Queued, "seen settled compiling checked refused"),
            (Step::Compiling, "seen settled checked refused"),
            (Step::Checked, "seen settled compiled refused"),
            (Step::Compiled, "seen settled rehearsed active refused"),
            (Step::Rehearsed, "seen settled active refused"),
            (Step::Active, "seen settled active draining blocked refused"),
            (
                Step::Draining,
                "seen settled active retired blocked refused",
            ),
            (Step::Retired, "seen settled active blocked refused"),
            (Step::Blocked, "seen settled"),
            (Step::Refused, "seen settled refused"),
        ] {
            let next: Vec<_> = Step::ALL
                .into_iter()
                .filter(|next| step.leads_to(*next))
                .map(Step::name)
                .collect();
            assert_eq!(next.join(" "), expected, "after {step}");
        }
    }

    #[test]
    fn blocked_revision_cannot_become_active() {
        let not_ready = [
            Step::Seen,
            Step::Settled,
            Step::Queued,
            Step::Compiling,
            Step::Checked,
        ];

        for from in [Step::Blocked, Step::Refused].into_iter().chain(not_ready) {
            assert!(!from.leads_to(Step::Active), "{from}");
        }
    }
}
