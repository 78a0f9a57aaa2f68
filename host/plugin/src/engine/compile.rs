//! Compiles components, each in a separate process or in this process.
//!
//! The size of a component does not predict the cost of compiling it: half a megabyte can take
//! gigabytes. So a separate process compiles each component, with limits of memory and time, and
//! its end frees the memory. A component that exceeds a limit gets a verdict, which the cache
//! remembers. Both sides are the same program: `process` is the side of the host, `child` is the
//! side of the process that compiles.

pub(crate) mod child;

mod exit;
mod process;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub(crate) use verdict::Verdict;

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum CompilerMode {
    /// In this process and without limits. For tests, whose components are known to be harmless.
    InProcess,
    /// Each component in a separate process.
    Subprocess(CompilerProcess),
}

/// The command of a process that compiles, and the limits of the process.
#[derive(Debug, Clone)]
pub struct CompilerProcess {
    /// The path of the program. It must be the present program:
    /// [`ChildCompiler`](crate::ChildCompiler) is its other side.
    pub program: PathBuf,
    /// The arguments that make the program compile. The arguments of
    /// [`ChildCompiler`](crate::ChildCompiler) follow.
    pub arguments: Vec<OsString>,
    /// The limits of one process.
    pub limits: CompileLimits,
    /// The maximum number of processes at the same time. At least 1.
    pub concurrency: usize,
}

/// The limits of the compilation of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// The maximum memory of the process, in bytes. It is also the maximum size of the compiled
    /// code.
    pub memory_max: u64,
    /// The maximum processor time of all threads together. Rounded up to whole seconds.
    pub cpu_max: Duration,
    /// The maximum time from start to end. Nothing else in the host waits meanwhile.
    pub wall_max: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_max: 1 << 30,
            cpu_max: Duration::from_secs(120),
            wall_max: Duration::from_secs(300),
        }
    }
}

/// The progress of a compilation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileProgress {
    /// The compilation waits until another compilation ends.
    Queued,
    /// The compilation has begun.
    Compiling,
}

/// Why there is no compiled code.
#[derive(Debug)]
pub(crate) enum CompileError {
    /// The component is broken, or uses something that this host does not offer.
    Invalid(String),
    /// The component cannot be compiled within the limits.
    Verdict(Verdict),
    /// The host failed. The same component may compile later.
    Host(String),
}

/// Compiles components.
pub(crate) struct Compiler {
    mode: CompilerMode,
    /// A semaphore with a permit for each process that may run at the same time.
    permits: Arc<Semaphore>,
}

impl Compiler {
    pub(crate) fn new(mode: CompilerMode) -> Self {
        let permits = match &mode {
            CompilerMode::InProcess => Semaphore::MAX_PERMITS,
            CompilerMode::Subprocess(process) => {
                process.concurrency.clamp(1, Semaphore::MAX_PERMITS)
            }
        };
        Self {
            mode,
            permits: Arc::new(Semaphore::new(permits)),
        }
    }

    /// Whether it is useless to compile a component with this verdict again.
    pub(crate) fn respects(&self, verdict: &Verdict) -> bool {
        match &self.mode {
            CompilerMode::InProcess => false,
            CompilerMode::Subprocess(process) => verdict.holds_under(&process.limits),
        }
    }

    /// Compiles a component with the settings of `engine`, or makes a component of a core module.
    /// Blocks, also while the file waits for its turn.
    ///
    /// # Errors
    ///
    /// Fails if the file is broken or exceeds a limit, or if the host fails.
    pub(crate) fn compile(
        &self,
        engine: &wasmtime::Engine,
        bytes: &[u8],
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, CompileError> {
        match &self.mode {
            CompilerMode::InProcess => {
                progress(CompileProgress::Compiling);
                compile_here(engine, bytes).map_err(CompileError::Invalid)
            }
            CompilerMode::Subprocess(process) => {
                process::compile(process, &self.permits, bytes, progress)
            }
        }
    }
}

fn compile_here(engine: &wasmtime::Engine, bytes: &[u8]) -> Result<Vec<u8>, String> {
    if hookyard_componentize::is_core_module(bytes) {
        return hookyard_componentize::component(bytes).map_err(|error| error.to_string());
    }
    engine
        .precompile_component(bytes)
        .map_err(|error| format!("{error:#}"))
}
