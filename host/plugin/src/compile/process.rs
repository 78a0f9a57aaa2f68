//! The host's side of a compilation: starts the process, feeds it, bounds it, and judges its end.
//!
//! Nothing of the process is trusted but what it is made of: this very program. It has no environment, so no secret. It
//! is killed when its time is over, and when the task that waits for the process is dropped.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::thread;

use rustix::process::{Resource, Signal, getrlimit};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::child::{INVALID, MEMORY, UNBOUND};
use super::{Apart, CompileLimits, Progress, Uncompiled, Verdict};
use crate::text::one_line;

/// Of what the process writes to its standard error, what is looked at: the beginning.
const ERRORS_BYTES_MAX: u64 = 4 << 10;
/// Of these, what is shown.
const REASON_BYTES_MAX: usize = 200;
/// With what a Rust program exits that panics.
const PANICKED: i32 = 101;
/// What Rust writes when memory can't be had.
const NO_MEMORY: &str = "memory allocation of ";
/// What stands in a panic when the system has no more threads for this user or group of processes.
const NO_THREADS: &str = "Resource temporarily unavailable";
/// What the program itself takes of the address space, at most.
const ADDRESSES_OF_PROGRAM: u64 = 1 << 30;

/// What a process left behind.
struct Left {
    status: ExitStatus,
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// Compiles a component in a process of its own. Blocks, also while it waits for a place.
pub(super) fn compile(
    apart: &Apart,
    places: &Semaphore,
    bytes: &[u8],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<u8>, Uncompiled> {
    let run = async {
        if places.available_permits() == 0 {
            progress(Progress::Queued);
        }
        let _place = places.acquire().await.expect("the places are never closed");
        progress(Progress::Compiling);
        match tokio::time::timeout(apart.limits.wall_max, left(apart, bytes)).await {
            Err(_elapsed) => Err(Uncompiled::Condemned(Verdict::Wall(apart.limits.wall_max))),
            Ok(Err(error)) => Err(Uncompiled::Host(format!(
                "the process that compiles can't be run: {error}"
            ))),
            Ok(Ok(left)) => judge(left, &apart.limits, leaves(apart.limits.memory_max)),
        }
    };
    // A thread of its own, as this may be called where an async runtime is entered. The process dies with this thread.
    let ended = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("compile".into())
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                Ok::<_, io::Error>(runtime.block_on(run))
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    ended.unwrap_or_else(|error| {
        Err(Uncompiled::Host(format!(
            "no thread can be started to compile: {error}"
        )))
    })
}

async fn left(apart: &Apart, bytes: &[u8]) -> io::Result<Left> {
    let mut child = start(apart)?;
    let (mut input, output, errors) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(input) = &mut input {
            // A process that ends early doesn't read all; its end tells why.
            let _fed = input.write_all(bytes).await;
        }
        drop(input);
    };
    let ((), output, errors) = tokio::join!(
        feed,
        read(output, apart.limits.memory_max),
        read(errors, ERRORS_BYTES_MAX)
    );
    let (output, errors) = (output?, errors?);
    Ok(Left {
        status: child.wait().await?,
        output,
        errors,
    })
}

fn start(apart: &Apart) -> io::Result<Child> {
    let CompileLimits {
        memory_max,
        cpu_max,
        ..
    } = apart.limits;
    let cpu_secs = cpu_max.as_secs() + u64::from(cpu_max.subsec_nanos() > 0);
    let mut command = Command::new(&apart.program);
    command
        .arg0("hookyard-compile")
        .args(&apart.arguments)
        .args(["--memory-max", &memory_max.to_string()])
        .args(["--cpu-secs-max", &cpu_secs.to_string()])
        .args(["--parent", &std::process::id().to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn()
}

/// Reads to the end and keeps up to `bytes_max`. The pipe stays open until then, so that the process ends by itself.
async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(bytes_max).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// Whether the limits of this process, which the one that compiles inherits, leave that as much memory as it may use.
fn leaves(memory_max: u64) -> bool {
    let data = getrlimit(Resource::Data).maximum;
    let addresses = getrlimit(Resource::As).current;
    data.is_none_or(|data| data >= memory_max)
        && addresses
            .is_none_or(|addresses| addresses >= memory_max.saturating_add(ADDRESSES_OF_PROGRAM))
}

/// What the end of a process means, whether or not the host left it as much memory as it may use.
fn judge(
    Left {
        status,
        output,
        errors,
    }: Left,
    limits: &CompileLimits,
    had_memory: bool,
) -> Result<Vec<u8>, Uncompiled> {
    let told = || String::from_utf8_lossy(&output).into_owned();
    let errors = String::from_utf8_lossy(&errors);
    let condemned = |verdict| Err(Uncompiled::Condemned(verdict));
    let out_of_memory = || {
        match had_memory {
        true => condemned(Verdict::Memory(limits.memory_max)),
        false => Err(Uncompiled::Host(
            "the limits of the host's own process (ulimit -d, ulimit -v) leave less memory than plugins.compile.memory_max"
                .to_owned(),
        )),
    }
    };
    match (status.code(), status.signal()) {
        (Some(0), _) if output.len() as u64 >= limits.memory_max => {
            condemned(Verdict::Memory(limits.memory_max))
        }
        (Some(0), _) => Ok(output),
        (Some(INVALID), _) => Err(Uncompiled::Invalid(told())),
        (Some(MEMORY), _) => out_of_memory(),
        (Some(UNBOUND), _) => Err(Uncompiled::Host(told())),
        (_, Some(signal)) if signal == Signal::XCPU.as_raw() => {
            condemned(Verdict::Cpu(limits.cpu_max))
        }
        (_, Some(signal)) if signal == Signal::ABORT.as_raw() && errors.contains(NO_MEMORY) => {
            out_of_memory()
        }
        // Nobody here kills it but for its wall time. The system does so when it has no memory left.
        (_, Some(signal)) if signal == Signal::KILL.as_raw() => {
            let reason = "the system killed the process that compiles, as it does when it runs out of memory";
            Err(Uncompiled::Host(reason.into()))
        }
        (code, signal) => {
            // Of a panic, the place and the message.
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
            let is_crash = code == Some(PANICKED) || signal.is_some_and(is_crash);
            if is_crash && had_memory && !errors.contains(NO_THREADS) {
                condemned(Verdict::Crashed {
                    memory_max: limits.memory_max,
                    reason,
                })
            } else {
                Err(Uncompiled::Host(format!(
                    "the process that compiles ended early: {reason}"
                )))
            }
        }
    }
}

/// Whether a process gets this signal by what it does itself. Others are sent to it.
fn is_crash(signal: i32) -> bool {
    [
        Signal::SEGV,
        Signal::BUS,
        Signal::ILL,
        Signal::FPE,
        Signal::ABORT,
        Signal::SYS,
        Signal::TRAP,
    ]
    .iter()
    .any(|own| own.as_raw() == signal)
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
            Left {
                status,
                output: output.into(),
                errors: errors.into(),
            },
            &LIMITS,
            had_memory,
        ) {
            Ok(code) => format!("code {}", String::from_utf8_lossy(&code)),
            Err(Uncompiled::Invalid(reason)) => format!("invalid: {reason}"),
            Err(Uncompiled::Host(reason)) => format!("host: {reason}"),
            Err(Uncompiled::Condemned(verdict)) => verdict.line().trim_end().to_owned(),
        }
    }

    #[test]
    fn each_end_of_a_process_is_told_apart() {
        let exit = |code: i32| code << 8;
        assert_eq!(judged(0, "\u{7f}ELF", ""), "code \u{7f}ELF");
        assert_eq!(
            judged(0, &"x".repeat(100), ""),
            "memory 100",
            "as much as was read, so perhaps not all"
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
            let told = judged_with(false, raw, "", errors);
            assert!(
                told.starts_with("host: "),
                "the host has less memory than the component may take: {told}"
            );
        }
        assert!(judged(9, "", "").starts_with("host: the system killed"));
        for other in [exit(1), exit(2), 2, 15] {
            assert!(
                judged(other, "", "").starts_with("host: "),
                "nothing that the component did: {other}"
            );
        }
        assert_eq!(judged(exit(UNBOUND), "no limits", ""), "host: no limits");
    }

    #[test]
    fn output_beyond_the_memory_limit_is_read_to_its_end() {
        let arguments = vec![
            "-c".into(),
            "cat >/dev/null; head -c 300000 /dev/zero".into(),
        ];
        let apart = Apart {
            program: "/bin/sh".into(),
            arguments,
            limits: LIMITS,
            concurrency: 1,
        };
        match compile(&apart, &Semaphore::new(1), b"", &|_| {}) {
            Err(Uncompiled::Condemned(verdict)) => {
                assert_eq!(verdict, Verdict::Memory(LIMITS.memory_max))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_the_fault_of_the_host() {
        let apart = Apart {
            program: "/nonexistent".into(),
            arguments: Vec::new(),
            limits: LIMITS,
            concurrency: 1,
        };
        let compiled = compile(&apart, &Semaphore::new(1), b"", &|_| {});
        assert!(matches!(compiled, Err(Uncompiled::Host(_))), "{compiled:?}");
    }

    #[test]
    fn a_process_that_goes_on_is_killed_when_its_time_is_over() {
        let limits = CompileLimits {
            wall_max: Duration::from_millis(200),
            ..LIMITS
        };
        let arguments = vec!["-c".into(), "exec sleep 600".into()];
        let apart = Apart {
            program: "/bin/sh".into(),
            arguments,
            limits,
            concurrency: 1,
        };
        match compile(&apart, &Semaphore::new(1), b"", &|_| {}) {
            Err(Uncompiled::Condemned(verdict)) => {
                assert_eq!(verdict, Verdict::Wall(limits.wall_max))
            }
            other => panic!("{other:?}"),
        }
    }
}
