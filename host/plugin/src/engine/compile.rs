//! Compiles components, each in a separate process or in this process.
//!
//! The size of a component does not predict the cost of compiling it: half a megabyte can take
//! gigabytes. So a separate process compiles each component, with limits of memory and time, and
//! its end frees the memory. A component that exceeds a limit gets a verdict, which the cache
//! remembers. Both sides are the same program: `process` is the side of the host, `child` is the
//! side of the process that compiles.

pub(crate) mod child;
pub(crate) mod functions;

mod exit;
mod process;
mod verdict;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

pub use functions::Reuse;
pub(crate) use verdict::Verdict;

/// The smallest size of a large component, in bytes.
///
/// A large component may take as long to compile as hundreds of small ones. So its functions are
/// kept, and a small component does not wait for it.
pub const LARGE_BYTES: usize = 1 << 20;

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
    /// The maximum number of processes at the same time. At least 1. There may be one more for a
    /// small component.
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
    /// The compilation of a large component has ended. It may have used functions of earlier ones.
    Compiled(Reuse),
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

/// What is compiled.
#[derive(Clone, Copy)]
pub(crate) struct CompileInput<'a> {
    pub(crate) bytes: &'a [u8],
    /// The path of the pack of compiled functions to use and to add to. `None` to compile every
    /// function.
    pub(crate) pack: Option<&'a Path>,
}

/// Compiles components.
pub(crate) struct Compiler {
    mode: CompilerMode,
    turns: Turns,
}

/// The turns of compilations.
struct Turns {
    /// A semaphore with a permit for each process that may run at the same time.
    all: Semaphore,
    /// A semaphore with a permit for a small component, which does not wait for large ones.
    small: Semaphore,
}

impl Turns {
    fn new(concurrency: usize) -> Self {
        Self {
            all: Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            small: Semaphore::new(1),
        }
    }

    /// Waits for the turn of a component, and reports that it waits.
    async fn take(
        &self,
        is_large: bool,
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> SemaphorePermit<'_> {
        if let Ok(permit) = self.all.try_acquire() {
            return permit;
        }
        if !is_large && let Ok(permit) = self.small.try_acquire() {
            return permit;
        }

        progress(CompileProgress::Queued);
        let permit = tokio::select! {
            permit = self.all.acquire() => permit,
            permit = self.small.acquire(), if !is_large => permit,
        };
        permit.expect("the semaphores are never closed")
    }
}

impl Compiler {
    pub(crate) fn new(mode: CompilerMode) -> Self {
        let concurrency = match &mode {
            CompilerMode::InProcess => usize::MAX,
            CompilerMode::Subprocess(process) => process.concurrency,
        };
        Self {
            mode,
            turns: Turns::new(concurrency),
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
        input: CompileInput<'_>,
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, CompileError> {
        match &self.mode {
            CompilerMode::InProcess => {
                progress(CompileProgress::Compiling);
                compile_here(engine, input.bytes).map_err(CompileError::Invalid)
            }
            CompilerMode::Subprocess(process) => {
                process::compile(process, &self.turns, input, progress)
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
