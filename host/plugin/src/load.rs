//! Turns a plugin's file into a plugin.
//!
//! The file is a component, or a core module that becomes one. A component must be well-formed,
//! small enough once it is put together, import only what is offered and granted, export a handler,
//! and fit its limits. What can be checked without a compiler is checked first, because compiling
//! is expensive. Only the process that compiles makes a component of a core module, because a module
//! of a stranger could make that take any time and memory, or crash.

pub(crate) mod custom_section;
pub(crate) mod offers;
pub(crate) mod snapshot;
pub(crate) mod toolchain;

pub(crate) mod anatomy;
pub(crate) mod asynchrony;
pub(crate) mod format;

mod import_list;
mod imports;
mod world;

mod code;
mod notes;

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};

use self::code::Source;
use self::format::Format;
use self::toolchain::{Toolchain, Tools};
use crate::call::slots::IdleInstances;
use crate::call::state::State;
use crate::capability::outgoing;
use crate::engine::Engine;
use crate::engine::compile::CompileProgress;
use crate::handler::loaded::LoadedPlugin;
use crate::handler::{self, Exports};
use crate::scrub::Scrub;
use crate::terms::Terms;
use crate::{Contracts, Fault, Grants, InstanceReuse, Limits, LoadError};

const WASM_PAGE_BYTES: u64 = 64 << 10;

/// A plugin's file to load, and the terms under which it will run. Everything except `bytes` is the
/// same for all revisions of the plugin.
#[derive(Debug, Clone)]
pub struct LoadRequest<'b> {
    /// The plugin that the file is a revision of.
    pub plugin: PluginRef,
    /// The content of the file: a component, or a core module with component types.
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
    /// When an instance handles further events of the plugin.
    pub reuse: InstanceReuse,
}

/// Returns the revision of a plugin's file: the SHA-256 of its bytes.
pub fn revision_of(bytes: &[u8]) -> Revision {
    Revision::from_sha256(Sha256::digest(bytes).into())
}

impl Engine {
    /// Checks a plugin's file and prepares it for calls. Nothing of the component runs, unless it has a
    /// function that initializes it, and its snapshot is not in the cache.
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
        let tools = Tools::of(bytes);
        let toolchain = tools.toolchain;

        let prepared = Format::of(bytes, toolchain).and_then(|format| {
            if format == Format::Component {
                check_bytes(bytes, &terms, toolchain)?;
            }
            let source = Source {
                bytes,
                format,
                revision,
                toolchain,
            };
            let compile = || self.compile(&source, &terms, &|reached| progress(revision, reached));
            self.prepare(revision, &compile, &terms, toolchain)
        });
        match prepared {
            Ok((instances, exports)) => Ok(LoadedPlugin {
                notes: notes::notes(tools, instances.component(), &terms),
                idle: IdleInstances::new(&self.slots),
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

        Ok((instances(&component, terms, linker)?, exports))
    }
}

/// Links a component, so that it can be instantiated.
fn instances(
    component: &Component,
    terms: &Terms,
    linker: &Linker<State>,
) -> Result<InstancePre<State>, Fault> {
    let outgoing = outgoing::find(component, terms)?;
    let own_linker = if outgoing.is_empty() {
        None
    } else {
        Some(outgoing::link(outgoing, linker)?)
    };
    own_linker
        .as_ref()
        .unwrap_or(linker)
        .instantiate_pre(component)
        .map_err(|error| imports::mismatch(&error))
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
            idle: IdleInstances::new(&self.engine.slots),
            engine: Arc::clone(&self.engine),
            terms: Arc::clone(&self.terms),
            revision,
            instances,
            handlers: exports.into(),
            notes: Vec::new(),
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
        reuse: request.reuse.enabled(),
        http_permits: Semaphore::new(http_concurrency.min(Semaphore::MAX_PERMITS)),
    }
}

/// Checks a binary component before it is compiled.
///
/// # Errors
///
/// Fails if it is not a component, has too many parts, was built for another world, uses async
/// functions, or imports something that is not offered or not granted.
fn check_bytes(bytes: &[u8], terms: &Terms, toolchain: Toolchain) -> Result<(), Fault> {
    if Format::of(bytes, toolchain)? != Format::Component {
        return Err(Fault::NotAComponent {
            what: "a core module",
            way_out: toolchain.componentize(),
        });
    }
    anatomy::check(bytes)?;
    world::check(bytes, &terms.contracts, toolchain)?;
    imports::check_bytes(bytes, terms, toolchain)?;
    asynchrony::check(bytes, toolchain)
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

#[cfg(test)]
mod tests {
    use hookyard_hostile::{Guest, HARMLESS, good};

    use super::*;
    use crate::support::{engine, plugin};

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
                reuse: InstanceReuse::default(),
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
