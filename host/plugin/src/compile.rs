//! Where components are compiled: in a process of its own for each, or in this one.
//!
//! What a component takes to compile can't be told from its size: half a megabyte can take gigabytes. So a process of its
//! own compiles one component, within limits of memory and time, and its end gives the memory back. A component that
//! exceeded a limit has a verdict, which the cache remembers. Both sides are the same program: `process` is the side of
//! the host, `child` is the side of the process that compiles.

mod child;
mod process;
mod verdict;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub use child::CompileOrder;
pub(crate) use verdict::Verdict;

use crate::text::one_line;
use crate::{Fault, Toolchain};

/// Of what the compiler says, what is shown.
pub(crate) const REASON_BYTES_MAX: usize = 400;

/// Where components are compiled.
#[derive(Debug, Clone)]
pub enum Compiling {
    /// In this process and without limits. For tests, whose components are known to be harmless.
    InProcess,
    /// In a process of its own for each.
    Apart(Apart),
}

/// How the processes that compile are started, and what each may use.
#[derive(Debug, Clone)]
pub struct Apart {
    /// The program, which has to be this one: `CompileOrder::carry_out` is its other side.
    pub program: PathBuf,
    /// What makes the program compile. The order's own arguments follow.
    pub arguments: Vec<OsString>,
    /// What one process may use.
    pub limits: CompileLimits,
    /// How many processes may compile at once; at least 1.
    pub concurrency: usize,
}

/// What the compilation of one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Bytes of memory. The compiled code has to fit into as much.
    pub memory_max: u64,
    /// Processor time of all threads together, in whole seconds; a part of a second counts as a whole one.
    pub cpu_max: Duration,
    /// Time from start to end, while nothing else of the host waits.
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

/// How far the compilation of a component has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits until another compilation is over.
    Queued,
    /// It has begun.
    Compiling,
}

/// Why there is no compiled code.
#[derive(Debug)]
pub(crate) enum Uncompiled {
    /// The component is broken, or uses what this host doesn't offer.
    Invalid(String),
    /// It can't be compiled within the limits.
    Condemned(Verdict),
    /// The host is at fault. The same component may compile later.
    Host(String),
}

impl From<Uncompiled> for Fault {
    fn from(uncompiled: Uncompiled) -> Self {
        match uncompiled {
            Uncompiled::Invalid(reason) => Self::Invalid {
                reason: one_line(&reason, REASON_BYTES_MAX),
                toolchain: Toolchain::Unknown,
            },
            Uncompiled::Condemned(verdict) => verdict.into(),
            Uncompiled::Host(reason) => Self::Compiler {
                reason: one_line(&reason, REASON_BYTES_MAX),
            },
        }
    }
}

/// Compiles components.
pub(crate) struct Compiler {
    compiling: Compiling,
    places: Arc<Semaphore>,
}

impl Compiler {
    pub(crate) fn new(compiling: Compiling) -> Self {
        let places = match &compiling {
            Compiling::InProcess => Semaphore::MAX_PERMITS,
            Compiling::Apart(apart) => apart.concurrency.clamp(1, Semaphore::MAX_PERMITS),
        };
        Self {
            compiling,
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// Whether a verdict forbids to compile its component once more.
    pub(crate) fn respects(&self, verdict: &Verdict) -> bool {
        match &self.compiling {
            Compiling::InProcess => false,
            Compiling::Apart(apart) => verdict.holds_under(&apart.limits),
        }
    }

    /// Compiles a component with the settings of `engine`. Blocks, also while it waits for its turn.
    pub(crate) fn compile(
        &self,
        engine: &wasmtime::Engine,
        bytes: &[u8],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<u8>, Uncompiled> {
        match &self.compiling {
            Compiling::InProcess => {
                progress(Progress::Compiling);
                engine
                    .precompile_component(bytes)
                    .map_err(|error| Uncompiled::Invalid(format!("{error:#}")))
            }
            Compiling::Apart(apart) => process::compile(apart, &self.places, bytes, progress),
        }
    }
}
