//! The side of the process that compiles: sets its limits, reads one file, and writes what becomes
//! of it: the code of a component, or the component that a core module becomes.
//!
//! The process reads the file from its standard input and writes to its standard output: the
//! result, or the reason why there is none, with an exit code for each kind of reason. It opens no
//! connection, and it makes no pool of instances.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal,
    setpriority_process, setrlimit,
};

use super::functions;
use crate::engine::settings;

/// Exit code: the component is broken. The output says how.
pub(super) const INVALID: i32 = 3;
/// Exit code: the memory was not enough.
pub(super) const MEMORY: i32 = 4;
/// Exit code: the process cannot set its limits or has no parent any more. The output says why.
pub(super) const NOT_LIMITED: i32 = 5;
/// The `nice` value of the process.
const NICENESS: i32 = 10;
/// The time between the signal at the limit of processor time and the end of the process, in
/// seconds.
const CPU_GRACE_SECS: u64 = 5;

/// The compiler in a separate process.
#[derive(Debug, Clone)]
pub struct ChildCompiler {
    /// The maximum memory, in bytes.
    pub memory_max: u64,
    /// The maximum processor time, in seconds.
    pub cpu_secs_max: u64,
    /// The id of the process that waits for the code. This process ends together with it.
    pub parent: u32,
    /// The pack of compiled functions to use and to add to. `None` to compile every function.
    pub functions: Option<PathBuf>,
}

impl ChildCompiler {
    /// Compiles the component at standard input, or makes a component of the core module there.
    ///
    /// Must be called before anything else in the process: the limits do not apply to what was
    /// started before.
    pub fn run(self) -> ExitCode {
        if let Err(error) = self.set_limits() {
            let reason = format!("the process that compiles cannot be limited: {error}");
            return fail(NOT_LIMITED, &reason);
        }

        let mut bytes = Vec::new();
        match io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return fail(MEMORY, ""),
            Err(error) => {
                return fail(
                    NOT_LIMITED,
                    &format!("the component cannot be read: {error}"),
                );
            }
        }

        if hookyard_componentize::is_core_module(&bytes) {
            return match hookyard_componentize::component(&bytes) {
                Ok(component) => write(&component, 0),
                Err(error) => fail(INVALID, &error.to_string()),
            };
        }
        // If the compiler itself cannot be started, that is not the component's fault.
        let engine = match wasmtime::Engine::new(&settings()) {
            Ok(engine) => engine,
            Err(error) if is_out_of_memory(&error) => return fail(MEMORY, ""),
            Err(error) => {
                return fail(
                    NOT_LIMITED,
                    &format!("the compiler cannot be started: {error:#}"),
                );
            }
        };
        let compiled = match &self.functions {
            Some(pack) => functions::precompile(&bytes, pack).map(|(code, reuse)| {
                // The host goes without the report if it cannot be written.
                let _reported = io::stderr().write_all(reuse.line().as_bytes());
                code
            }),
            None => engine.precompile_component(&bytes),
        };
        match compiled {
            Ok(code) => write(&code, 0),
            Err(error) if is_out_of_memory(&error) => fail(MEMORY, ""),
            Err(error) => fail(INVALID, &format!("{error:#}")),
        }
    }

    fn set_limits(&self) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before the signal was set.
        let parent = getppid().map(Pid::as_raw_nonzero);
        if parent.is_none_or(|parent| parent.get().unsigned_abs() != self.parent) {
            return Err(io::Error::other("the host has ended"));
        }

        limit(Resource::Core, 0)?;
        limit(Resource::Data, self.memory_max)?;
        limit(Resource::Cpu, self.cpu_secs_max.max(1))?;

        // These two only help the other processes of the machine. The limits hold without them.
        let _lowered = setpriority_process(None, NICENESS);
        let _first_to_kill = std::fs::write("/proc/self/oom_score_adj", "1000");
        Ok(())
    }
}

/// Sets a limit, or keeps a lower limit that is already set.
fn limit(resource: Resource, limit: u64) -> io::Result<()> {
    let inherited = getrlimit(resource).maximum;
    let lowered = |limit: u64| Some(inherited.map_or(limit, |inherited| inherited.min(limit)));

    // At the lower value the system sends a signal, at the higher value it kills the process.
    let kill_at = if resource == Resource::Cpu {
        limit.saturating_add(CPU_GRACE_SECS)
    } else {
        limit
    };
    let limits = Rlimit {
        current: lowered(limit),
        maximum: lowered(kill_at),
    };
    Ok(setrlimit(resource, limits)?)
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| {
        let is_io = cause.downcast_ref::<io::Error>().is_some_and(|error| {
            error.kind() == io::ErrorKind::OutOfMemory
                || error.raw_os_error() == Some(Errno::NOMEM.raw_os_error())
        });
        is_io || cause.downcast_ref::<Errno>() == Some(&Errno::NOMEM)
    })
}

fn fail(code: i32, reason: &str) -> ExitCode {
    write(reason.as_bytes(), u8::try_from(code).unwrap_or(1))
}

fn write(bytes: &[u8], code: u8) -> ExitCode {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::from(code),
        // The host no longer waits for the output.
        Err(_) => ExitCode::FAILURE,
    }
}
