//! Turns the bytes of a component into a plugin.
//!
//! A component must be well-formed, small enough once it is put together, import only what is
//! offered and granted, export a handler, and fit its limits. What can be checked without a
//! compiler is checked first, because compiling is expensive.

pub(crate) mod custom_section;
pub(crate) mod offers;
pub(crate) mod toolchain;

mod anatomy;
mod import_list;
mod imports;

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};

use self::toolchain::Toolchain;
use crate::call::host_fault::HostFault;
use crate::call::state::State;
use crate::capability::outgoing;
use crate::engine::compile::{CompileError, CompileProgress, Verdict};
use crate::engine::{Engine, SLOT_TABLE_ELEMENTS};
use crate::handler::loaded::LoadedPlugin;
use crate::handler::{self, Exports};
use crate::scrub::Scrub;
use crate::terms::Terms;
use crate::text::{REASON_BYTES_MAX, one_line};
use crate::{Contracts, Fault, Grants, Limits, LoadError};

const WASM_PAGE_BYTES: u64 = 64 << 10;

/// A component to load, and the terms under which it will run. Everything except `bytes` is the
/// same for all revisions of the plugin.
#[derive(Debug, Clone)]
pub struct LoadRequest<'b> {
    /// The plugin that the component is a revision of.
    pub plugin: PluginRef,
    /// The bytes of the component.
    pub bytes: &'b [u8],
    /// The contracts of typed handlers and typed sending.
    pub contracts: Contracts,
    /// The limits of an attempt.
    pub limits: Limits,
    /// The plugin's grants.
    pub grants: Arc<Grants>,
    /// The settings that `wasi:config` returns.
    pub config: Arc<BTreeMap<String, String>>,
    /// The maximum size of the recorded answers to an attempt's HTTP requests, in bytes. 0 to
    /// record nothing.
    pub record_bytes_max: usize,
}

/// Returns the revision of a component: the SHA-256 of its bytes.
pub fn revision_of(bytes: &[u8]) -> Revision {
    Revision::from_sha256(Sha256::digest(bytes).into())
}

impl Engine {
    /// Checks a component and prepares it for calls. Nothing of the component runs.
    ///
    /// This blocks while the component compiles, which can take tens of seconds. Call it where
    /// blocking is allowed.
    ///
    /// # Errors
    ///
    /// Fails if the component is not a plugin that may run under these terms, or if the host fails.
    pub fn load(self: &Arc<Self>, request: LoadRequest<'_>) -> Result<LoadedPlugin, LoadError> {
        self.load_with(request, &|_, _| {})
    }

    /// Loads a component as [`load`](Self::load) does, and reports the progress of its compilation.
    /// There is no progress if the compiled code is in the cache.
    ///
    /// # Errors
    ///
    /// Fails as [`load`](Self::load) does.
    pub fn load_with(
        self: &Arc<Self>,
        request: LoadRequest<'_>,
        progress: &(dyn Fn(Revision, CompileProgress) + Sync),
    ) -> Result<LoadedPlugin, LoadError> {
        let bytes = request.bytes;
        let terms = Arc::new(terms(request));
        let revision = revision_of(bytes);
        let toolchain = Toolchain::of(bytes);
        let compile = || self.compile(revision, bytes, &|reached| progress(revision, reached));

        let prepared = check_format(bytes)
            .and_then(|()| anatomy::check(bytes))
            .and_then(|()| imports::check_bytes(bytes, &terms, toolchain))
            .and_then(|()| self.prepare(revision, &compile, &terms, toolchain));
        match prepared {
            Ok((instances, exports)) => Ok(LoadedPlugin {
                engine: Arc::clone(self),
                terms,
                revision,
                instances,
                handlers: exports.into(),
            }),
            Err(fault) => Err(LoadError {
                plugin: terms.plugin.clone(),
                fault: fault.made_by(toolchain),
            }),
        }
    }

    fn prepare(
        &self,
        revision: Revision,
        compile: &dyn Fn() -> Result<Vec<u8>, Fault>,
        terms: &Terms,
        toolchain: Toolchain,
    ) -> Result<(InstancePre<State>, Exports), Fault> {
        let (component, linker) = self.component(revision, compile, &terms.limits)?;
        imports::check_component(&component, terms, toolchain)?;
        check_memory(&component, &terms.limits)?;
        let exports = handler::find(&component, &terms.contracts)?;

        let outgoing = outgoing::find(&component, terms)?;
        let own_linker = if outgoing.is_empty() {
            None
        } else {
            Some(outgoing::link(outgoing, linker)?)
        };
        let instances = own_linker
            .as_ref()
            .unwrap_or(linker)
            .instantiate_pre(&component)
            .map_err(|error| imports::mismatch(&error))?;
        Ok((instances, exports))
    }

    /// Compiles a component that is not in the cache, unless an earlier compilation failed and
    /// would fail again.
    fn compile(
        &self,
        revision: Revision,
        bytes: &[u8],
        progress: &(dyn Fn(CompileProgress) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        if let Some(verdict) = self.cache.verdict(revision)
            && self.compiler.respects(&verdict)
        {
            return Err(verdict.into());
        }

        let compiled = self.compiler.compile(&self.heap.engine, bytes, progress);
        if let Err(CompileError::Verdict(verdict)) = &compiled
            && verdict.is_lasting()
        {
            self.cache.remember_verdict(revision, verdict);
        }
        compiled.map_err(Fault::from)
    }

    /// Returns the component, ready to run in the pool. A component that does not fit a slot of the
    /// pool runs in the heap runtime.
    fn component(
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

impl LoadedPlugin {
    /// Returns another revision of the same plugin under the same terms, from compiled code in the
    /// cache. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// Fails if the code is no longer in the cache, or if the host fails.
    pub(crate) fn recall(&self, revision: Revision) -> Result<Self, Fault> {
        let compile = || {
            Err(Fault::Compiler {
                reason: "the component is no longer available".into(),
            })
        };
        let (instances, exports) =
            self.engine
                .prepare(revision, &compile, &self.terms, Toolchain::Unknown)?;

        Ok(Self {
            engine: Arc::clone(&self.engine),
            terms: Arc::clone(&self.terms),
            revision,
            instances,
            handlers: exports.into(),
        })
    }
}

fn terms(request: LoadRequest<'_>) -> Terms {
    let http_concurrency = request.limits.http_concurrency;
    Terms {
        plugin: request.plugin,
        contracts: request.contracts,
        limits: request.limits,
        scrub: Scrub::new(&request.grants),
        grants: request.grants,
        config: request.config,
        record_bytes_max: request.record_bytes_max,
        http_permits: Semaphore::new(http_concurrency.min(Semaphore::MAX_PERMITS)),
    }
}

/// Checks that the bytes are those of a component, and recognizes what is often mistaken for one.
///
/// The compiler must get binary components only. It would parse text, and it would run compiled
/// code.
fn check_format(bytes: &[u8]) -> Result<(), Fault> {
    let (what, way_out) = match bytes {
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [] => (
            "empty",
            "copy it again under another name, and rename it when it is complete",
        ),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => {
            ("a core module", Toolchain::of(bytes).componentize())
        }
        [0x7f, b'E', b'L', b'F', ..] => (
            "compiled code",
            "drop the component itself; the host compiles it",
        ),
        [b'(', ..] => ("WebAssembly text", "make it binary with `wasm-tools parse`"),
        _ => (
            "an unknown kind of file",
            "copy the .wasm file of a component",
        ),
    };
    Err(Fault::NotAComponent { what, way_out })
}

fn check_memory(component: &Component, limits: &Limits) -> Result<(), Fault> {
    let pages = component
        .resources_required()
        .and_then(|required| required.max_initial_memory_size);
    let needed = pages.unwrap_or(0).saturating_mul(WASM_PAGE_BYTES);

    if needed <= limits.memory_max {
        return Ok(());
    }
    Err(Fault::Memory {
        needed,
        limit: limits.memory_max,
    })
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

#[cfg(test)]
mod tests {
    use hookyard_hostile::{Guest, HARMLESS, good};

    use super::*;
    use crate::support::{engine, plugin};

    #[test]
    fn file_format_is_recognized() {
        for (bytes, expected) in [
            (&b"\0asm\x0d\0\x01\0"[..], None),
            (b"\0asm\x01\0\0\0", Some("a core module")),
            (b"\x7fELF\x02\x01", Some("compiled code")),
            (b"(component)", Some("WebAssembly text")),
            (b"", Some("empty")),
            (b"\0as", Some("an unknown kind of file")),
            (b"<html>", Some("an unknown kind of file")),
        ] {
            let what = match check_format(bytes) {
                Err(Fault::NotAComponent { what, .. }) => Some(what),
                _ => None,
            };
            assert_eq!(what, expected, "{bytes:?}");
        }
    }

    #[test]
    fn oversized_component_runs_on_heap() {
        let engine = engine();
        assert!(
            engine.is_pooled(),
            "the machine has no address space for a pool"
        );
        let load = |component: &[u8]| {
            let request = LoadRequest {
                plugin: plugin(),
                bytes: component,
                contracts: Contracts::default(),
                limits: Limits::default(),
                grants: Arc::default(),
                config: Arc::default(),
                record_bytes_max: 0,
            };
            engine.load(request).expect("the component loads")
        };
        let runs_on_heap = |plugin: &LoadedPlugin| {
            wasmtime::Engine::same(plugin.instances.engine(), &engine.heap.engine)
        };

        let memories = "(core instance (instantiate $memory))".repeat(5);
        let large = Guest {
            imports: &format!("(core module $memory (memory 1)) {memories}"),
            ..HARMLESS
        };
        let large = Arc::new(load(&large.build()));
        assert!(runs_on_heap(&large));
        large.start().expect("it starts");
        assert!(!runs_on_heap(&load(&good())));
    }
}
