//! The state of a store in which a verifier handles one request.

use std::sync::Arc;

use hookyard_model::Clock;
use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::wasi;
use crate::text::one_line;

/// The maximum size of each linear memory of a verifier, in bytes.
pub(super) const MEMORY_BYTES_MAX: usize = 32 << 20;
const MEMORIES_MAX: usize = 4;
const TABLES_MAX: usize = 12;
const TABLE_ELEMENTS_MAX: usize = 100_000;
const INSTANCES_MAX: usize = 60;
/// The maximum number of resources of the host that a verifier may hold at once.
const HANDLES_MAX: usize = 256;
/// The number of bytes of standard error that are kept.
const STDERR_BYTES_MAX: usize = 4 << 10;
/// The maximum size of the last words of a verifier, in bytes.
const WORDS_BYTES_MAX: usize = 300;
/// The maximum number of calls of host functions.
const CALLS_MAX: u64 = 10_000;

/// The state of one verification.
pub(crate) struct State {
    pub(super) resources: ResourceTable,
    pub(super) limits: StoreLimits,
    clock: Arc<dyn Clock>,
    wasi: Option<WasiCtx>,
    stderr: MemoryOutputPipe,
    calls: u64,
}

/// The verifier called the host more often than it may.
#[derive(Debug, thiserror::Error)]
#[error("it called the host more than {CALLS_MAX} times")]
pub(super) struct TooManyCalls;

impl State {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES_MAX)
            .memories(MEMORIES_MAX)
            .tables(TABLES_MAX)
            .table_elements(TABLE_ELEMENTS_MAX)
            .instances(INSTANCES_MAX)
            .build();
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(HANDLES_MAX);

        Self {
            resources,
            limits,
            clock: Arc::clone(clock),
            wasi: None,
            stderr: MemoryOutputPipe::new(STDERR_BYTES_MAX),
            calls: 0,
        }
    }

    /// Counts a call of a host function.
    pub(super) fn entered(&mut self) -> &mut Self {
        self.calls += 1;
        self
    }

    /// Fails if the verifier called the host too often.
    pub(super) fn check_calls(&self) -> wasmtime::Result<()> {
        if self.calls > CALLS_MAX {
            return Err(TooManyCalls.into());
        }
        Ok(())
    }

    /// Returns what the verifier wrote to standard error, as one line.
    pub(super) fn last_words(&self) -> Option<String> {
        let words = String::from_utf8_lossy(&self.stderr.contents()).into_owned();
        Some(one_line(words.trim(), WORDS_BYTES_MAX)).filter(|words| !words.is_empty())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.calls += 1;
        let (clock, stderr) = (&self.clock, &self.stderr);
        let context = self
            .wasi
            .get_or_insert_with(|| wasi::closed(clock).stderr(stderr.clone()).build());
        WasiCtxView {
            ctx: context,
            table: &mut self.resources,
        }
    }
}
