//! Interprets the end of a process that compiled: if there is no code, either the component or the
//! host is at fault.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Resource, Signal, getrlimit};

use super::child::{INVALID, MEMORY, NOT_LIMITED};
use super::{CompileError, CompileLimits, Verdict};
use crate::text::one_line;

/// The maximum size of the process's own message in a reason, in bytes.
const REASON_BYTES_MAX: usize = 200;
/// The exit code of a Rust program that panics.
const PANICKED: i32 = 101;
/// What Rust writes when an allocation fails.
const NO_MEMORY: &str = "memory allocation of ";
/// Part of a panic's message when the system has no more threads for this user or control group.
const NO_THREADS: &str = "Resource temporarily unavailable";
/// The maximum address space that the program itself takes, in bytes.
const PROGRAM_ADDRESS_SPACE: u64 = 1 << 30;
/// The signals that a process causes itself. Other signals come from other processes.
const CRASH_SIGNALS: [Signal; 7] = [
    Signal::SEGV,
    Signal::BUS,
    Signal::ILL,
    Signal::FPE,
    Signal::ABORT,
    Signal::SYS,
    Signal::TRAP,
];

/// What an ended process left.
pub(super) struct ProcessResult {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    /// The beginning of its standard error.
    pub(super) errors: Vec<u8>,
}

/// Whether this process's own limits, which the compiling process inherits, leave it as much memory
/// as it may use.
pub(super) fn has_memory(memory_max: u64) -> bool {
    let data = getrlimit(Resource::Data).maximum;
    let address_space = getrlimit(Resource::As).current;
    let needed = memory_max.saturating_add(PROGRAM_ADDRESS_SPACE);

    data.is_none_or(|data| data >= memory_max) && address_space.is_none_or(|space| space >= needed)
}

/// Returns the code that a process wrote.
///
/// # Errors
///
/// Returns a verdict only if the component certainly caused the failure. In doubt, it is the host's
/// fault: the host will try again. `had_memory` says whether the host left the process as much
/// memory as it may use.
pub(super) fn judge(
    result: ProcessResult,
    limits: &CompileLimits,
    had_memory: bool,
) -> Result<Vec<u8>, CompileError> {
    let ProcessResult {
        status,
        output,
        errors,
    } = result;
    let errors = String::from_utf8_lossy(&errors);
    let message = || String::from_utf8_lossy(&output).into_owned();

    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        return Err(match signal {
            Signal::XCPU => CompileError::Verdict(Verdict::Cpu(limits.cpu_max)),
            Signal::ABORT if errors.contains(NO_MEMORY) => out_of_memory(limits, had_memory),
            // The host kills the process only when its wall time is over, and does not come here
            // then.
            Signal::KILL => CompileError::Host(
                "the system killed the process that compiles, as it does when it runs out of memory"
                    .to_owned(),
            ),
            _ => unexpected_end(status, &errors, limits, had_memory),
        });
    }
    match status.code() {
        Some(0) if output.len() as u64 >= limits.memory_max => {
            Err(CompileError::Verdict(Verdict::Memory(limits.memory_max)))
        }
        Some(0) => Ok(output),
        Some(INVALID) => Err(CompileError::Invalid(message())),
        Some(MEMORY) => Err(out_of_memory(limits, had_memory)),
        Some(NOT_LIMITED) => Err(CompileError::Host(message())),
        _ => Err(unexpected_end(status, &errors, limits, had_memory)),
    }
}

fn out_of_memory(limits: &CompileLimits, had_memory: bool) -> CompileError {
    if had_memory {
        CompileError::Verdict(Verdict::Memory(limits.memory_max))
    } else {
        CompileError::Host(
            "the limits of the host's own process (ulimit -d, ulimit -v) leave less memory than \
             plugins.compile.memory_max"
                .to_owned(),
        )
    }
}

/// Returns the error for a process that ended by itself: by a panic, a signal or an
/// unknown exit code.
fn unexpected_end(
    status: ExitStatus,
    errors: &str,
    limits: &CompileLimits,
    had_memory: bool,
) -> CompileError {
    // The first two lines of a panic are its place and its message.
    let lines: Vec<_> = errors
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(2)
        .collect();
    let reason = if lines.is_empty() {
        status.to_string()
    } else {
        format!("{status}: {}", lines.join(" "))
    };
    let reason = one_line(&reason, REASON_BYTES_MAX);

    let is_crash_signal = |signal| CRASH_SIGNALS.iter().any(|own| own.as_raw() == signal);
    let is_crash = status.code() == Some(PANICKED) || status.signal().is_some_and(is_crash_signal);
    if is_crash && had_memory && !errors.contains(NO_THREADS) {
        CompileError::Verdict(Verdict::Crashed {
            memory_max: limits.memory_max,
            reason,
        })
    } else {
        CompileError::Host(format!("the process that compiles ended early: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: CompileLimits = CompileLimits {
        memory_max: 100,
        cpu_max: Duration::from_secs(2),
        wall_max: Duration::from_secs(9),
    };

    fn judged(raw: i32, output: &str, errors: &str) -> String {
        judged_with(true, raw, output, errors)
    }

    fn judged_with(had_memory: bool, raw: i32, output: &str, errors: &str) -> String {
        let status = ExitStatus::from_raw(raw);
        match judge(
            ProcessResult {
                status,
                output: output.into(),
                errors: errors.into(),
            },
            &LIMITS,
            had_memory,
        ) {
            Ok(code) => format!("code {}", String::from_utf8_lossy(&code)),
            Err(CompileError::Invalid(reason)) => format!("invalid: {reason}"),
            Err(CompileError::Host(reason)) => format!("host: {reason}"),
            Err(CompileError::Verdict(verdict)) => verdict.line().trim_end().to_owned(),
        }
    }

    #[test]
    fn exit_status_tells_who_is_at_fault() {
        let exit = |code: i32| code << 8;
        assert_eq!(judged(0, "\u{7f}ELF", ""), "code \u{7f}ELF");
        assert_eq!(
            judged(0, &"x".repeat(100), ""),
            "memory 100",
            "the output has as many bytes as were read, so it may be longer"
        );
        assert_eq!(
            judged(exit(INVALID), "type mismatch", ""),
            "invalid: type mismatch"
        );
        assert_eq!(judged(exit(MEMORY), "", ""), "memory 100");
        assert_eq!(
            judged(6, "", "memory allocation of 4096 bytes failed\n"),
            "memory 100"
        );
        assert_eq!(judged(24, "", ""), "cpu 2000");
        assert!(
            judged(6, "", "thread 'main' has overflowed its stack").starts_with("crashed 100 ")
        );
        let panic = "\nthread 'main' (7) panicked at a.rs:1:2:\nno such block\nnote: run with";
        let expected =
            "crashed 100 exit status: 101: thread 'main' (7) panicked at a.rs:1:2: no such block";
        assert_eq!(judged(exit(101), "", panic), expected);
        assert_eq!(judged(11, "", ""), "crashed 100 signal: 11 (SIGSEGV)");
        let no_threads = "IOError(Os { code: 11, kind: WouldBlock, message: \"Resource temporarily unavailable\" })";
        assert!(
            judged(exit(101), "", no_threads).starts_with("host: "),
            "the system has no threads left"
        );
        for (raw, errors) in [
            (exit(MEMORY), ""),
            (6, "memory allocation of 4096 bytes failed\n"),
            (exit(101), panic),
        ] {
            let judged = judged_with(false, raw, "", errors);
            assert!(
                judged.starts_with("host: "),
                "the host has less memory than the component may use: {judged}"
            );
        }
        assert!(judged(9, "", "").starts_with("host: the system killed"));
        for other in [exit(1), exit(2), 2, 15] {
            assert!(
                judged(other, "", "").starts_with("host: "),
                "the component did not cause this: {other}"
            );
        }
        assert_eq!(
            judged(exit(NOT_LIMITED), "no limits", ""),
            "host: no limits"
        );
    }
}
