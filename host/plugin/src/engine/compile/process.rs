//! The host's side of a compilation: starts the process, writes the component to it, and reads the
//! code.
//!
//! The host trusts the process only because the process runs the host's own program. The process
//! gets nothing of the host's environment, so it has no secrets. It is killed when its time is over, and when the task
//! that waits for it is dropped.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::thread;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::exit::{self, ProcessResult};
use super::{
    CompileError, CompileInput, CompileLimits, CompileProgress, CompilerProcess, LARGE_BYTES,
    Reuse, Turns, Verdict,
};

/// The maximum size of standard error that is looked at, in bytes.
const ERRORS_BYTES_MAX: u64 = 4 << 10;

/// The whole environment of the process. By default, mimalloc takes a gibibyte of memory in advance,
/// which the limit of the process would count.
const ENVIRONMENT: [(&str, &str); 1] = [("MIMALLOC_ARENA_EAGER_COMMIT", "0")];

/// Compiles a component in a separate process. Blocks, also while the component waits for a
/// permit.
///
/// # Errors
///
/// Fails if the component is broken or exceeds a limit, or if the host fails.
pub(super) fn compile(
    process: &CompilerProcess,
    turns: &Turns,
    input: CompileInput<'_>,
    progress: &(dyn Fn(CompileProgress) + Sync),
) -> Result<Vec<u8>, CompileError> {
    // The caller may be in an async runtime, where blocking on another runtime would panic. So a
    // separate thread waits for the process. The process is killed when that thread ends.
    let compiled = thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("compile".into())
            .spawn_scoped(scope, || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                Ok::<_, io::Error>(runtime.block_on(run(process, turns, input, progress)))
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });

    compiled.unwrap_or_else(|error| {
        Err(CompileError::Host(format!(
            "no thread can be started to compile: {error}"
        )))
    })
}

async fn run(
    process: &CompilerProcess,
    turns: &Turns,
    input: CompileInput<'_>,
    progress: &(dyn Fn(CompileProgress) + Sync),
) -> Result<Vec<u8>, CompileError> {
    let is_large = input.bytes.len() >= LARGE_BYTES;
    let _permit = turns.take(is_large, progress).await;
    progress(CompileProgress::Compiling);

    let limits = &process.limits;
    match tokio::time::timeout(limits.wall_max, result(process, input)).await {
        Err(_elapsed) => Err(CompileError::Verdict(Verdict::Wall(limits.wall_max))),
        Ok(Err(error)) => Err(CompileError::Host(format!(
            "the process that compiles cannot be run: {error}"
        ))),
        Ok(Ok(result)) => {
            let errors = String::from_utf8_lossy(&result.errors).into_owned();
            let code = exit::judge(result, limits, exit::has_memory(limits.memory_max))?;
            for line in errors.lines() {
                match Reuse::parse(line) {
                    Some(reuse) => progress(CompileProgress::Compiled(reuse)),
                    None => tracing::warn!("the process that compiles: {line}"),
                }
            }
            Ok(code)
        }
    }
}

/// Starts the process, writes the component to it, and waits for its end.
async fn result(
    process: &CompilerProcess,
    CompileInput { bytes, pack }: CompileInput<'_>,
) -> io::Result<ProcessResult> {
    let mut child = start(process, pack)?;
    let mut input = child.stdin.take();
    let (output, errors) = (child.stdout.take(), child.stderr.take());

    let write = async {
        if let Some(input) = &mut input {
            // A process that ends early does not read everything. Its exit status says why.
            let _written = input.write_all(bytes).await;
        }
        // Closing the input tells the process that the component is complete.
        drop(input);
    };
    let ((), output, errors) = tokio::join!(
        write,
        read(output, process.limits.memory_max),
        read(errors, ERRORS_BYTES_MAX)
    );

    let (output, errors) = (output?, errors?);
    let status: ExitStatus = child.wait().await?;
    Ok(ProcessResult {
        status,
        output,
        errors,
    })
}

fn start(process: &CompilerProcess, pack: Option<&Path>) -> io::Result<Child> {
    let CompileLimits {
        memory_max,
        cpu_max,
        ..
    } = process.limits;
    let cpu_secs = cpu_max.as_secs() + u64::from(cpu_max.subsec_nanos() > 0);

    let functions = pack
        .into_iter()
        .flat_map(|pack| [OsStr::new("--functions"), pack.as_os_str()]);

    let mut command = Command::new(&process.program);
    command
        .arg0("hookyard-compile")
        .args(&process.arguments)
        .args(["--memory-max", &memory_max.to_string()])
        .args(["--cpu-secs-max", &cpu_secs.to_string()])
        .args(["--parent", &std::process::id().to_string()])
        .args(functions)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.spawn()
}

/// Reads to the end, and keeps at most `bytes_max` bytes.
///
/// The rest is read and dropped: if the pipe were closed early, the process would end with another
/// status.
async fn read(from: Option<impl AsyncRead + Unpin>, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(bytes_max).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    const LIMITS: CompileLimits = CompileLimits {
        memory_max: 100,
        cpu_max: Duration::from_secs(2),
        wall_max: Duration::from_secs(9),
    };

    const NOTHING: CompileInput<'static> = CompileInput {
        bytes: b"",
        pack: None,
    };

    fn shell(script: &str, limits: CompileLimits) -> CompilerProcess {
        CompilerProcess {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            limits,
            concurrency: 1,
        }
    }

    fn verdict(process: &CompilerProcess) -> Verdict {
        match compile(process, &Turns::new(1), NOTHING, &|_| {}) {
            Err(CompileError::Verdict(verdict)) => verdict,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn oversized_output_is_read_to_end() {
        let process = shell("cat >/dev/null; head -c 300000 /dev/zero", LIMITS);
        assert_eq!(verdict(&process), Verdict::Memory(LIMITS.memory_max));
    }

    #[test]
    fn missing_program_is_host_fault() {
        let process = CompilerProcess {
            program: "/nonexistent".into(),
            ..shell("", LIMITS)
        };
        let compiled = compile(&process, &Turns::new(1), NOTHING, &|_| {});
        assert!(
            matches!(compiled, Err(CompileError::Host(_))),
            "{compiled:?}"
        );
    }

    #[test]
    fn process_is_killed_at_wall_limit() {
        let limits = CompileLimits {
            wall_max: Duration::from_millis(200),
            ..LIMITS
        };
        let process = shell("exec sleep 600", limits);
        assert_eq!(verdict(&process), Verdict::Wall(limits.wall_max));
    }

    #[tokio::test]
    async fn small_component_does_not_wait_for_large() {
        let turns = Turns::new(1);
        let waits = async |is_large: bool| {
            let turn = turns.take(is_large, &|_| {});
            tokio::time::timeout(Duration::from_millis(50), turn)
                .await
                .is_err()
        };

        let large = turns.take(true, &|_| {}).await;
        assert!(waits(true).await);
        let small = turns.take(false, &|_| {}).await;
        assert!(waits(false).await, "both turns are taken");
        drop(large);
        assert!(!waits(false).await && !waits(true).await);
        drop(small);
    }

    #[test]
    fn reuse_is_reported_for_code() {
        let reported = |script: &str| {
            let limits = CompileLimits {
                memory_max: 1000,
                ..LIMITS
            };
            let reports = Mutex::new(Vec::new());
            let report = |progress| reports.lock().expect("no panic").push(progress);
            let _compiled = compile(&shell(script, limits), &Turns::new(1), NOTHING, &report);
            reports.into_inner().expect("no panic")
        };
        let reuse = Reuse {
            functions: 9,
            reused: 7,
        };
        assert_eq!(
            reported("cat >/dev/null; echo code; echo reused 7 9 >&2"),
            [CompileProgress::Compiling, CompileProgress::Compiled(reuse)]
        );
        assert_eq!(
            reported("cat >/dev/null; echo reused 7 9 >&2; exit 3"),
            [CompileProgress::Compiling]
        );
    }
}
