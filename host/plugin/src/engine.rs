//! The engine: what compiles components, and the room that they run in.
//!
//! There are two rooms. The pool has its memory set aside beforehand, so that an instance starts in microseconds; its
//! size follows from `instances_max`, and since no more attempts than that run at once, it is never exhausted. A
//! machine may not have the address space for a pool, and a component may have more memories or tables than a place in
//! it: then the other room is used, where memory is asked for as it is needed. Code compiled for one runs in both.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use hookyard_model::{Clock, Revision};
use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::background::Background;
use crate::cache::Cache;
use crate::call::State;
use crate::compile::{Compiler, Compiling};
use crate::ticker::Ticker;
use crate::{Error, imports};

/// How an engine is to be.
#[derive(Clone)]
pub struct Config {
    /// Where compiled code is kept between runs; `None` compiles anew each time. The folder is made if need be, and
    /// must be writable by nobody but the host: what is in it is run.
    pub cache_folder: Option<PathBuf>,
    /// How many attempts may run at once, of all plugins together; at least 1. Address space of 16 GiB is set aside for
    /// each where the machine has it.
    pub instances_max: usize,
    /// What guests are told when they ask for the time of day.
    pub clock: Arc<dyn Clock>,
    /// Where components are compiled that the cache doesn't have.
    pub compiling: Compiling,
}

impl Config {
    /// Without a cache, with room for 64 attempts at once.
    pub fn new(clock: Arc<dyn Clock>, compiling: Compiling) -> Self {
        Self {
            cache_folder: None,
            instances_max: 64,
            clock,
            compiling,
        }
    }
}

/// Compiles and runs plugins.
pub struct Engine {
    /// `None` where the machine has no address space for it.
    pub(crate) pool: Option<Room>,
    pub(crate) heap: Room,
    pub(crate) cache: Cache,
    pub(crate) compiler: Compiler,
    /// One for each attempt that may run at once.
    pub(crate) permits: Semaphore,
    pub(crate) ticker: Ticker,
    pub(crate) background: Background,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where instances are made.
pub(crate) struct Room {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
}

impl Engine {
    /// Starts an engine.
    pub fn new(config: Config) -> Result<Arc<Self>, Error> {
        let instances_max = config.instances_max.clamp(1, Semaphore::MAX_PERMITS);
        let heap = Room::new(&settings())?;
        let pool = Room::new(settings().allocation_strategy(pooling(instances_max)))
            .inspect_err(|error| tracing::warn!(%error, "no pool for instances; they start more slowly without"))
            .ok();
        let cache = Cache::open(config.cache_folder.clone(), &heap.engine).map_err(|source| {
            Error::CacheFolder {
                folder: config
                    .cache_folder
                    .unwrap_or_default()
                    .display()
                    .to_string(),
                source,
            }
        })?;
        let engines = pool
            .iter()
            .chain([&heap])
            .map(|room| room.engine.clone())
            .collect();
        Ok(Arc::new(Self {
            ticker: Ticker::start(engines).map_err(Error::Threads)?,
            background: Background::start().map_err(Error::Threads)?,
            permits: Semaphore::new(instances_max),
            clock: config.clock,
            compiler: Compiler::new(config.compiling),
            pool,
            heap,
            cache,
        }))
    }

    /// Removes old compiled code from the cache, but for that of the revisions in use. Blocks.
    pub fn sweep_cache(&self, in_use: &BTreeSet<Revision>) {
        self.cache.sweep(in_use);
    }

    /// Whether instances have memory set aside for them.
    pub fn is_pooled(&self) -> bool {
        self.pool.is_some()
    }
}

impl Room {
    fn new(config: &wasmtime::Config) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(config)?;
        Ok(Self {
            linker: imports::linker(&engine)?,
            engine,
        })
    }
}

/// How deep a guest's calls may go. The engine knows no such limit for one plugin alone.
pub(crate) const STACK_BYTES_MAX: usize = 1 << 20;

/// What holds for compiled code, the same in both rooms.
pub(crate) fn settings() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_component_model_map(true)
        // The rest of a stack is for the host's functions that the guest calls.
        .max_wasm_stack(STACK_BYTES_MAX)
        .async_stack_size(STACK_BYTES_MAX + (1 << 20));
    config
}

/// Parts of a component that a place in the pool has room for. More than a large runtime has; some of these are
/// address space, none of them is memory until it is used.
const MEMORIES: u32 = 4;
const TABLES: u32 = 12;
const CORE_INSTANCES: u32 = 60;
pub(crate) const TABLE_ELEMENTS: usize = 100_000;
/// Bytes of an instance's memory that are kept and cleaned for the next one rather than given back to the system.
const KEPT_BYTES: usize = 4 << 20;

fn pooling(instances_max: usize) -> InstanceAllocationStrategy {
    let places = u32::try_from(instances_max).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(CORE_INSTANCES))
        .total_memories(places.saturating_mul(MEMORIES))
        .total_tables(places.saturating_mul(TABLES))
        .total_stacks(places)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(TABLE_ELEMENTS * size_of::<usize>())
        .pagemap_scan(Enabled::Auto);
    pool.into()
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    #[test]
    fn code_compiled_for_one_room_runs_in_both() {
        let hash = |config: &wasmtime::Config| {
            let engine = wasmtime::Engine::new(config).expect("an engine");
            let mut hasher = DefaultHasher::new();
            engine.precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(
            hash(&settings()),
            hash(settings().allocation_strategy(pooling(2)))
        );
    }
}
