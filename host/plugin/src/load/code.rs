//! Gets the compiled code of a plugin's file: from the cache, or from the compiler. A core module
//! becomes a component first.

use std::sync::Arc;

use hookyard_model::Revision;
use wasmtime::component::{Component, Linker};

use super::check_bytes;
use super::format::Format;
use super::snapshot;
use super::toolchain::Toolchain;
use crate::call::host_fault::HostFault;
use crate::call::state::State;
use crate::engine::cache::Code;
use crate::engine::compile::{CompileError, CompileInput, CompileProgress, LARGE_BYTES, Verdict};
use crate::engine::{Engine, SLOT_TABLE_ELEMENTS};
use crate::terms::Terms;
use crate::text::{REASON_BYTES_MAX, one_line};
use crate::{Fault, Limits};

/// A plugin's file on its way to compiled code.
pub(super) struct Source<'s> {
    pub(super) bytes: &'s [u8],
    pub(super) format: Format,
    pub(super) revision: Revision,
    pub(super) toolchain: Toolchain,
}

impl Engine {
    /// Compiles a file that is not in the cache, unless an earlier compilation failed and would fail
    /// again.
    pub(super) fn compile(
        self: &Arc<Self>,
        source: &Source<'_>,
        terms: &Terms,
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        if let Some(verdict) = self.cache.verdict(source.revision)
            && self.compiler.respects(&verdict)
        {
            return Err(verdict.into());
        }
        if source.format == Format::Component {
            return self.compile_component(source, source.bytes, terms, progress);
        }

        // The compilation of the component reports that it has begun.
        let queued = queued_only(progress);
        let module = CompileInput {
            bytes: source.bytes,
            pack: None,
        };
        let component = self
            .translate(source.revision, module, &queued)
            .map_err(|fault| fault.of_module(source.toolchain))?;
        check_bytes(&component, terms, source.toolchain)?;
        self.compile_component(source, &component, terms, progress)
    }

    /// Compiles a component, or the snapshot of a component that initializes itself.
    fn compile_component(
        self: &Arc<Self>,
        source: &Source<'_>,
        component: &[u8],
        terms: &Terms,
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        let pack = if component.len() >= LARGE_BYTES {
            self.cache.functions(&terms.plugin.tenant)
        } else {
            None
        };
        let pack = pack.as_deref();
        let compile = |bytes: &[u8], progress: &(dyn Fn(CompileProgress) + Sync)| {
            self.translate(source.revision, CompileInput { bytes, pack }, progress)
        };
        if !snapshot::is_wanted(component) {
            return compile(component, progress);
        }

        let instrumented = compile(&self.instrumented(component)?, progress)?;
        let snapshot = self.initialized(component, Code::Bytes(instrumented), terms)?;
        compile(&snapshot, &queued_only(progress))
    }

    /// Makes a component of a core module, or code of a component, and remembers a verdict.
    pub(crate) fn translate(
        &self,
        revision: Revision,
        input: CompileInput<'_>,
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        let translated = self.compiler.compile(&self.heap.engine, input, progress);
        if let Err(CompileError::Verdict(verdict)) = &translated
            && verdict.is_lasting()
        {
            self.cache.remember_verdict(revision, verdict);
        }
        translated.map_err(Fault::from)
    }

    /// Returns the component, ready to run in the pool. A component that does not fit a slot of the
    /// pool runs in the heap runtime.
    pub(super) fn component(
        &self,
        revision: Revision,
        compile: &dyn Fn() -> Result<Vec<u8>, Fault>,
        limits: &Limits,
    ) -> Result<(Component, &Linker<State>), Fault> {
        let code = self.cache.compiled(revision, compile)?;

        // A table in the pool cannot grow beyond its slot.
        let fits_slot = limits.table_elements_max <= SLOT_TABLE_ELEMENTS as u64;
        if let Some(pool) = self.pool.as_ref().filter(|_| fits_slot) {
            match code.load(&pool.engine) {
                Ok(component) => return Ok((component, &pool.linker)),
                Err(error) => {
                    tracing::debug!(%error, "a component does not fit the pool and runs outside of it");
                }
            }
        }

        let error = match code.load(&self.heap.engine) {
            Ok(component) => return Ok((component, &self.heap.linker)),
            Err(error) => error,
        };
        if let Some(fault) = HostFault::of(&error) {
            return Err(Fault::Host(fault));
        }
        tracing::warn!(%error, "compiled code cannot be used and is compiled again");
        self.cache.forget(revision);
        let component = self
            .cache
            .compiled(revision, compile)?
            .load(&self.heap.engine)
            .map_err(|error| CompileError::Invalid(format!("{error:#}")))?;
        Ok((component, &self.heap.linker))
    }
}

/// Returns a report of progress that leaves out that the compilation has begun.
fn queued_only(progress: &(dyn Fn(CompileProgress) + Sync)) -> impl Fn(CompileProgress) + Sync {
    move |reached| {
        if reached == CompileProgress::Queued {
            progress(reached);
        }
    }
}

impl From<CompileError> for Fault {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Invalid(reason) => Self::Invalid {
                reason: one_line(&reason, REASON_BYTES_MAX),
                toolchain: Toolchain::Unknown,
            },
            CompileError::Verdict(verdict) => verdict.into(),
            CompileError::Host(reason) => Self::Compiler {
                reason: one_line(&reason, REASON_BYTES_MAX),
            },
        }
    }
}

impl From<Verdict> for Fault {
    fn from(verdict: Verdict) -> Self {
        let exceeded = |limit, key| Self::CompileLimit { limit, key };
        match verdict {
            Verdict::Memory(bytes) => exceeded(format!("{bytes} bytes of memory"), "memory_max"),
            Verdict::Cpu(time) => exceeded(format!("{time:?} of processor time"), "cpu_max"),
            Verdict::Wall(time) => exceeded(format!("{time:?}"), "wall_max"),
            Verdict::Crashed { reason, .. } => Self::CompilerCrash { reason },
        }
    }
}
