//! The engine: the resources that all plugins share.
//!
//! Instances are made in one of two runtimes. The pool reserves its memory beforehand, so that an
//! instance starts in microseconds. Its size follows from [`Config::instances_max`]; since no more
//! attempts than that run at the same time, the pool is never exhausted. Some machines do not have
//! the address space for a pool, and some components have more memories or tables than a slot of
//! the pool. The heap runtime serves these: it allocates memory on demand. Code that was compiled
//! for one runtime runs in both.

pub(crate) mod background;
pub(crate) mod cache;
pub(crate) mod compile;
pub(crate) mod ticker;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use hookyard_model::{Clock, Revision};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use self::background::Background;
use self::cache::{Cache, CacheLimits};
use self::compile::{Compiler, CompilerMode};
use self::ticker::Ticker;
use crate::Error;
use crate::call::slots::Slots;
use crate::call::state::State;
use crate::capability;
use crate::verifier::turns::Turns;

/// The maximum depth of a guest's stack, in bytes. Wasmtime has no such limit for a single plugin.
pub(crate) const STACK_BYTES_MAX: usize = 1 << 20;
/// The stack of the host functions that a guest calls, in bytes.
const HOST_STACK_BYTES: usize = 1 << 20;

// The parts of a component that fit a slot of the pool. A slot has room for more than a large
// language runtime needs. Some of this is address space; none of it is memory until it is used.
const SLOT_MEMORIES: u32 = 4;
const SLOT_TABLES: u32 = 12;
const SLOT_CORE_INSTANCES: u32 = 60;
pub(crate) const SLOT_TABLE_ELEMENTS: usize = 100_000;
/// The size of an instance's memory that is cleaned and kept for the next instance, in bytes. The
/// rest goes back to the operating system.
const SLOT_RESIDENT_BYTES: usize = 4 << 20;
/// The same size on a machine that swaps, where the whole of it is cleaned each time.
const SLOT_RESIDENT_BYTES_SWAPPING: usize = 64 << 10;

/// The configuration of an [`Engine`].
#[derive(Clone)]
pub struct Config {
    /// The folder that keeps compiled code between runs. `None` to compile each time.
    ///
    /// The engine creates the folder if it does not exist. Nobody but the host may be able to write
    /// to the folder, because the host runs the code in it.
    pub cache_folder: Option<PathBuf>,
    /// What the folder may keep beside the code of the revisions in use.
    pub cache_limits: CacheLimits,
    /// The maximum number of attempts of all plugins at the same time. At least 1.
    ///
    /// The pool reserves 16 GiB of address space for each, if the machine has it.
    pub instances_max: usize,
    /// The clock that guests read.
    pub clock: Arc<dyn Clock>,
    /// Where components are compiled that are not in the cache.
    pub compiler: CompilerMode,
}

impl Config {
    /// Returns a configuration without a cache and with room for 64 attempts at the same time.
    pub fn new(clock: Arc<dyn Clock>, compiler: CompilerMode) -> Self {
        Self {
            cache_folder: None,
            cache_limits: CacheLimits::default(),
            instances_max: 64,
            clock,
            compiler,
        }
    }
}

/// Compiles and runs plugins.
///
/// [`load`](Engine::load) turns a component into a [`LoadedPlugin`](crate::LoadedPlugin). A
/// [`Catalog`](crate::Catalog) then runs jobs on loaded plugins.
pub struct Engine {
    /// The pool, or `None` if the machine does not have the address space.
    pub(crate) pool: Option<Runtime>,
    pub(crate) heap: Runtime,
    pub(crate) cache: Cache,
    pub(crate) compiler: Compiler,
    /// The slots of the attempts that may run at the same time.
    pub(crate) slots: Arc<Slots>,
    pub(crate) ticker: Ticker,
    pub(crate) background: Background,
    /// Bounds the requests that verifiers handle at the same time.
    pub(crate) verifications: Turns,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A way to make instances.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
}

impl Engine {
    /// Starts an engine.
    ///
    /// # Errors
    ///
    /// Fails if the machine cannot run compiled WebAssembly, if the engine's threads cannot be
    /// started, or if the cache folder cannot be used.
    pub fn new(config: Config) -> Result<Arc<Self>, Error> {
        let instances_max = config.instances_max.clamp(1, Semaphore::MAX_PERMITS);
        let heap = Runtime::new(&settings())?;
        let pool = Runtime::new(settings().allocation_strategy(pooling(instances_max)))
            .inspect_err(|error| {
                tracing::warn!(%error, "the pool of instances cannot be reserved; attempts start more slowly");
            })
            .ok();

        let cache = open_cache(config.cache_folder, config.cache_limits, &heap)?;
        let engines = pool
            .iter()
            .chain([&heap])
            .map(|runtime| runtime.engine.clone())
            .collect();
        Ok(Arc::new(Self {
            ticker: Ticker::start(engines).map_err(Error::Threads)?,
            background: Background::start().map_err(Error::Threads)?,
            slots: Slots::new(instances_max),
            verifications: Turns::new(),
            clock: config.clock,
            compiler: Compiler::new(config.compiler),
            pool,
            heap,
            cache,
        }))
    }

    /// Removes old compiled code from the cache, except the code of the revisions in use. Blocks.
    pub fn sweep_cache(&self, in_use: &BTreeSet<Revision>) {
        self.cache.sweep(in_use);
    }

    /// Whether the engine could reserve a pool of instances.
    pub fn is_pooled(&self) -> bool {
        self.pool.is_some()
    }
}

fn open_cache(
    folder: Option<PathBuf>,
    limits: CacheLimits,
    heap: &Runtime,
) -> Result<Cache, Error> {
    Cache::open(folder.clone(), limits, &heap.engine).map_err(|source| Error::CacheFolder {
        folder: folder.unwrap_or_default().display().to_string(),
        source,
    })
}

impl Runtime {
    fn new(config: &wasmtime::Config) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        Ok(Self {
            linker: capability::linker(&engine)?,
            engine,
        })
    }
}

/// Returns the settings of compiled code, which are the same for both runtimes.
pub(crate) fn settings() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_component_model_map(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(STACK_BYTES_MAX + HOST_STACK_BYTES);
    config
}

fn pooling(instances_max: usize) -> InstanceAllocationStrategy {
    let slots = u32::try_from(instances_max).unwrap_or(u32::MAX);
    let (scan, resident_bytes) = if may_swap() {
        (Enabled::No, SLOT_RESIDENT_BYTES_SWAPPING)
    } else {
        (Enabled::Auto, SLOT_RESIDENT_BYTES)
    };

    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(SLOT_CORE_INSTANCES))
        .total_memories(slots.saturating_mul(SLOT_MEMORIES))
        .total_tables(slots.saturating_mul(SLOT_TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(SLOT_CORE_INSTANCES)
        .max_memories_per_component(SLOT_MEMORIES)
        .max_tables_per_component(SLOT_TABLES)
        .table_elements(SLOT_TABLE_ELEMENTS)
        .linear_memory_keep_resident(resident_bytes)
        .table_keep_resident(SLOT_TABLE_ELEMENTS * size_of::<usize>())
        .pagemap_scan(scan);
    pool.into()
}

/// Whether the system may write pages of this process to a swap area.
///
/// Wasmtime asks the kernel for the pages that an instance has written, and cleans only these. It
/// misses pages that are swapped out (wasmtime #14357), so that the next instance in the slot could
/// read them. On a machine that swaps, memory is therefore cleaned without asking.
fn may_swap() -> bool {
    std::fs::read_to_string("/proc/swaps").map_or(true, |areas| has_areas(&areas))
}

/// Whether there is an area below the heading of `/proc/swaps`.
fn has_areas(swaps: &str) -> bool {
    swaps.lines().skip(1).any(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    #[test]
    fn swap_areas_are_found() {
        let heading = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert!(!has_areas(heading));
        assert!(has_areas(&format!(
            "{heading}/dev/zram0 partition 8388604 0 100\n"
        )));
    }

    #[test]
    fn compiled_code_runs_in_both_runtimes() {
        let compatibility = |config: &wasmtime::Config| {
            let engine = wasmtime::Engine::new(config).expect("an engine");
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };

        assert_eq!(
            compatibility(&settings()),
            compatibility(settings().allocation_strategy(pooling(2)))
        );
    }
}
