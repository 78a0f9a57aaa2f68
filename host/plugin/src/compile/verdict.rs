//! What was found of a component that can't be compiled: remembered by its content, so that nothing is tried twice.
//!
//! A verdict names the one limit that was exceeded, and how high it was. The verdict holds until that limit is raised.
//! It is written as one line of text: `memory 1073741824` (bytes), `cpu 120000` and `wall 300000` (milliseconds), or
//! `crashed` with the bytes of memory that the compiler might use and a reason.

use std::time::Duration;

use super::CompileLimits;
use crate::Fault;

/// Why a component is not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It takes more memory than this many bytes.
    Memory(u64),
    /// It takes more processor time than this.
    Cpu(Duration),
    /// It takes longer than this.
    Wall(Duration),
    /// The compiler crashes of it, with this many bytes of memory: too few of them may be why.
    Crashed { memory_max: u64, reason: String },
}

impl Verdict {
    /// Whether another compilation under these limits would be in vain.
    pub(crate) fn holds_under(&self, limits: &CompileLimits) -> bool {
        match self {
            Self::Memory(most) => limits.memory_max <= *most,
            Self::Cpu(most) => limits.cpu_max <= *most,
            Self::Wall(most) => limits.wall_max <= *most,
            Self::Crashed { memory_max, .. } => limits.memory_max <= *memory_max,
        }
    }

    /// Whether the verdict is kept for later. Wall time says as much of the machine's load as of the component.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Wall(_))
    }

    /// The line that is kept.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Memory(bytes) => format!("memory {bytes}\n"),
            Self::Cpu(time) => format!("cpu {}\n", time.as_millis()),
            Self::Wall(time) => format!("wall {}\n", time.as_millis()),
            Self::Crashed { memory_max, reason } => format!("crashed {memory_max} {reason}\n"),
        }
    }

    /// Reads a line that was kept. A damaged one is none.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (kind, what) = line.strip_suffix('\n')?.split_once(' ')?;
        let time = || what.parse().ok().map(Duration::from_millis);
        match kind {
            "memory" => what.parse().ok().map(Self::Memory),
            "cpu" => time().map(Self::Cpu),
            "wall" => time().map(Self::Wall),
            "crashed" => {
                let (memory_max, reason) = what.split_once(' ')?;
                Some(Self::Crashed {
                    memory_max: memory_max.parse().ok()?,
                    reason: reason.to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl From<Verdict> for Fault {
    fn from(verdict: Verdict) -> Self {
        let costly = |most, key| Self::Costly { most, key };
        match verdict {
            Verdict::Memory(bytes) => costly(format!("{bytes} bytes of memory"), "memory_max"),
            Verdict::Cpu(time) => costly(format!("{time:?} of processor time"), "cpu_max"),
            Verdict::Wall(time) => costly(format!("{time:?}"), "wall_max"),
            Verdict::Crashed { reason, .. } => Self::Crashed { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_back() {
        let (bytes, time) = (7, Duration::from_millis(1500));
        let crashed = Verdict::Crashed {
            memory_max: bytes,
            reason: "it ended by signal 11".into(),
        };
        for verdict in [
            Verdict::Memory(bytes),
            Verdict::Cpu(time),
            Verdict::Wall(time),
            crashed,
        ] {
            assert_eq!(Verdict::parse(&verdict.line()), Some(verdict));
        }
        for damaged in [
            "",
            "memory 7",
            "memory\n",
            "memory x\n",
            "luck 7\n",
            "crashed it ended\n",
        ] {
            assert_eq!(Verdict::parse(damaged), None, "{damaged:?}");
        }
    }

    #[test]
    fn a_raised_limit_lifts_the_verdict() {
        let limits = CompileLimits {
            memory_max: 100,
            ..CompileLimits::default()
        };
        assert!(Verdict::Memory(100).holds_under(&limits));
        assert!(
            Verdict::Memory(200).holds_under(&limits),
            "the limit was lowered since"
        );
        assert!(!Verdict::Memory(99).holds_under(&limits));
        let raised = CompileLimits {
            cpu_max: limits.cpu_max * 2,
            ..limits
        };
        assert!(Verdict::Cpu(limits.cpu_max).holds_under(&limits));
        assert!(!Verdict::Cpu(limits.cpu_max).holds_under(&raised));
        assert!(Verdict::Wall(limits.wall_max).holds_under(&raised));
        let crashed = |memory_max| Verdict::Crashed {
            memory_max,
            reason: "it ended by signal 11".into(),
        };
        assert!(crashed(100).holds_under(&limits) && !crashed(99).holds_under(&limits));
    }
}
