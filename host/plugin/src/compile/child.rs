//! The side of the process that compiles: bounds itself, reads one component, and writes its compiled code.
//!
//! The process reads the component from its standard input and writes to its standard output: the code, or with an exit
//! code of its own the reason why there is none. It opens no file and no connection, and it makes no pool of instances.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setpriority_process,
    setrlimit,
};

use crate::engine::settings;

/// The component is broken; the output says how.
pub(super) const INVALID: i32 = 3;
/// The memory didn't suffice.
pub(super) const MEMORY: i32 = 4;
/// The limits can't be set, or there is nobody to compile for; the output says why.
pub(super) const UNBOUND: i32 = 5;
/// How much the system prefers others, in steps of `nice`.
const NICENESS: i32 = 10;

/// What the process is told.
#[derive(Debug, Clone, Copy)]
pub struct CompileOrder {
    /// Bytes of memory that it may use.
    pub memory_max: u64,
    /// Seconds of processor time that it may use.
    pub cpu_secs_max: u64,
    /// The process that waits for the code. This one ends together with it.
    pub parent: u32,
}

impl CompileOrder {
    /// Compiles the component at standard input. Must be called before anything else is done in the process, as what was
    /// started before isn't bounded.
    pub fn carry_out(self) -> ExitCode {
        if let Err(error) = self.bound() {
            return failed(
                UNBOUND,
                &format!("the process that compiles can't be bounded: {error}"),
            );
        }
        let mut bytes = Vec::new();
        match io::stdin().lock().read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return failed(MEMORY, ""),
            Err(error) => return failed(UNBOUND, &format!("the component can't be read: {error}")),
        }
        let engine = match wasmtime::Engine::new(&settings()) {
            Ok(engine) => engine,
            Err(error) if is_out_of_memory(&error) => return failed(MEMORY, ""),
            Err(error) => return failed(UNBOUND, &format!("no compiler can be had: {error:#}")),
        };
        match engine.precompile_component(&bytes) {
            Ok(code) => written(&code, 0),
            Err(error) if is_out_of_memory(&error) => failed(MEMORY, ""),
            Err(error) => failed(INVALID, &format!("{error:#}")),
        }
    }

    fn bound(self) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before.
        if getppid()
            .map(Pid::as_raw_nonzero)
            .is_none_or(|parent| parent.get().unsigned_abs() != self.parent)
        {
            return Err(io::Error::other("the host has ended"));
        }
        limit(Resource::Core, 0)?;
        limit(Resource::Data, self.memory_max)?;
        limit(Resource::Cpu, self.cpu_secs_max.max(1))?;
        // Where these are refused the limits hold all the same.
        let _preferred = setpriority_process(None, NICENESS);
        let _first_to_go = std::fs::write("/proc/self/oom_score_adj", "1000");
        Ok(())
    }
}

/// Sets a limit, or leaves a lower one that holds already. The system kills at the higher of the two, and signals first.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let maximum = rustix::process::getrlimit(resource).maximum;
    let lower = |wanted: u64| Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    let hard = if resource == Resource::Cpu {
        most.saturating_add(5)
    } else {
        most
    };
    let limit = Rlimit {
        current: lower(most),
        maximum: lower(hard),
    };
    Ok(setrlimit(resource, limit)?)
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let is_it = |error: &io::Error| {
        error.kind() == io::ErrorKind::OutOfMemory
            || error.raw_os_error() == Some(rustix::io::Errno::NOMEM.raw_os_error())
    };
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(is_it)
            || cause
                .downcast_ref::<rustix::io::Errno>()
                .is_some_and(|errno| *errno == rustix::io::Errno::NOMEM)
    })
}

fn failed(code: i32, reason: &str) -> ExitCode {
    written(reason.as_bytes(), u8::try_from(code).unwrap_or(1))
}

fn written(bytes: &[u8], code: u8) -> ExitCode {
    let mut output = io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::from(code),
        // Nobody waits any more.
        Err(_) => ExitCode::FAILURE,
    }
}
