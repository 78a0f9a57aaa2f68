//! The steps of a revision's release, and which of them may follow which.
//!
//! ```text
//! seen -> settled -> [queued] -> [compiling] -> checked -> compiled -> rehearsed -> active -> draining -> retired
//!             \          \             \           \          \           \          |  ^       |           |
//!              '----------'-------------'-----------'----------'-- refused '         |  '-------'-----------'  brought back
//!                                                                                    '-> blocked -> (released) settled
//! ```
//!
//! Where there is compiled code already, nothing is queued or compiling.
//!
//! A file that is dropped again begins anew, wherever its revision stands.

use std::fmt;
use std::str::FromStr;

/// Where a revision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A file is there, or is another one than before.
    Seen,
    /// It has stayed as it is for long enough to be whole.
    Settled,
    /// It waits until other components are compiled.
    Queued,
    /// It is being compiled.
    Compiling,
    /// It is a component, its imports are granted, and it has a handler.
    Checked,
    /// It can be run. A pinned plugin's next revision stays here.
    Compiled,
    /// It did as it should with events that are not new.
    Rehearsed,
    /// It is given the plugin's events.
    Active,
    /// It is given no more, and has attempts that are not over.
    Draining,
    /// It has none left.
    Retired,
    /// It did worse than the one before, or an operator took it back: its content is refused from now on.
    Blocked,
    /// It can't be taken, for a reason.
    Refused,
}

impl Step {
    /// All of them, in reading order.
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

    /// The step's name, as it stands in the store, the CLI and the log.
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

    /// Whether a revision that stands here may stand there next. Each may be seen or settled anew: its file is dropped
    /// again, or the host starts. Each but a blocked one may be refused: its settings may be bad now.
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

/// A text that names no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a step of a release")]
pub struct NoStep;

impl FromStr for Step {
    type Err = NoStep;

    fn from_str(text: &str) -> Result<Self, NoStep> {
        Self::ALL
            .into_iter()
            .find(|step| step.name() == text)
            .ok_or(NoStep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for step in Step::ALL {
            assert_eq!(step.name().parse(), Ok(step));
        }
        assert_eq!("done".parse::<Step>(), Err(NoStep));
    }

    #[test]
    fn each_step_leads_to_these_and_no_others() {
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
    fn what_is_blocked_or_refused_serves_only_by_going_the_whole_way_again() {
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
