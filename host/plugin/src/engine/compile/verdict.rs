//! Why a component cannot be compiled, remembered by its revision so that no compilation is tried
//! in vain.
//!
//! A verdict names the limit that was exceeded and its value. It holds until that limit is raised.
//! A verdict is stored as a line of text: `memory 1073741824` (bytes), `cpu 120000` and `wall
//! 300000` (milliseconds), or `crashed` with the memory limit in bytes and a reason.

use std::time::Duration;

use super::CompileLimits;

/// Why a component is not compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The component takes more memory than this to compile, in bytes.
    Memory(u64),
    /// The component takes more processor time than this.
    Cpu(Duration),
    /// The component takes longer than this.
    Wall(Duration),
    /// The compiler crashes on the component with this much memory, in bytes. Too little memory may
    /// be the cause.
    Crashed { memory_max: u64, reason: String },
}

impl Verdict {
    /// Whether another compilation under these limits would fail again.
    pub(crate) fn holds_under(&self, limits: &CompileLimits) -> bool {
        match self {
            Self::Memory(memory_max) => limits.memory_max <= *memory_max,
            Self::Cpu(cpu_max) => limits.cpu_max <= *cpu_max,
            Self::Wall(wall_max) => limits.wall_max <= *wall_max,
            Self::Crashed { memory_max, .. } => limits.memory_max <= *memory_max,
        }
    }

    /// Whether the verdict is remembered. Wall time depends on the load of the machine as much as
    /// on the component.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Wall(_))
    }

    /// Returns the line that is stored.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Memory(bytes) => format!("memory {bytes}\n"),
            Self::Cpu(time) => format!("cpu {}\n", time.as_millis()),
            Self::Wall(time) => format!("wall {}\n", time.as_millis()),
            Self::Crashed { memory_max, reason } => format!("crashed {memory_max} {reason}\n"),
        }
    }

    /// Reads a stored line. Returns `None` if the line is damaged.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (kind, value) = line.strip_suffix('\n')?.split_once(' ')?;
        let time = || value.parse().ok().map(Duration::from_millis);

        match kind {
            "memory" => value.parse().ok().map(Self::Memory),
            "cpu" => time().map(Self::Cpu),
            "wall" => time().map(Self::Wall),
            "crashed" => {
                let (memory_max, reason) = value.split_once(' ')?;
                Some(Self::Crashed {
                    memory_max: memory_max.parse().ok()?,
                    reason: reason.to_owned(),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdict_line_is_read_back() {
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
    fn raised_limit_overrides_verdict() {
        let limits = CompileLimits {
            memory_max: 100,
            ..CompileLimits::default()
        };
        assert!(Verdict::Memory(100).holds_under(&limits));
        assert!(
            Verdict::Memory(200).holds_under(&limits),
            "the limit was lowered"
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
