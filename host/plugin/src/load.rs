//! From bytes to a plugin: is it a component, is all that it imports met, does it export a handler, does it fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre};

use crate::call::State;
use crate::compile::{Progress, Uncompiled};
use crate::engine::TABLE_ELEMENTS;
use crate::host_fault::HostFault;
use crate::scrub::Scrub;
use crate::text::one_line;
use crate::toolchain::Toolchain;
use crate::{
    Contracts, Engine, Fault, Grants, Limits, LoadError, Loaded, anatomy, handler, imports,
    outgoing,
};

const WASM_PAGE: u64 = 64 << 10;

/// A component that is to become a plugin, and what holds for it. All but the bytes holds for other revisions as well.
#[derive(Debug, Clone)]
pub struct Load<'b> {
    /// Whose it is to be.
    pub plugin: PluginRef,
    /// The component.
    pub bytes: &'b [u8],
    /// What typed handlers mean.
    pub contracts: Contracts,
    /// What an attempt may use.
    pub limits: Limits,
    /// What it may import.
    pub grants: Arc<Grants>,
    /// What `wasi:config` tells it.
    pub config: Arc<BTreeMap<String, String>>,
    /// What is recorded of the answers to an attempt's requests, in bytes; 0 for nothing.
    pub record_bytes_max: usize,
}

/// What holds for every revision of a plugin that is loaded.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) plugin: PluginRef,
    pub(crate) contracts: Contracts,
    pub(crate) limits: Limits,
    pub(crate) grants: Arc<Grants>,
    pub(crate) config: Arc<BTreeMap<String, String>>,
    pub(crate) record_bytes_max: usize,
    /// What must not be told of its grants.
    pub(crate) scrub: Scrub,
    /// One for each request that its attempts may have under way together.
    pub(crate) places: Semaphore,
}

impl Terms {
    fn new(load: Load<'_>) -> Self {
        let Load {
            plugin,
            bytes: _,
            contracts,
            limits,
            grants,
            config,
            record_bytes_max,
        } = load;
        let scrub = Scrub::new(&grants);
        let places = Semaphore::new(limits.http_concurrency.min(Semaphore::MAX_PERMITS));
        Self {
            plugin,
            contracts,
            limits,
            grants,
            config,
            record_bytes_max,
            scrub,
            places,
        }
    }

    /// Those of a plugin that has nothing but these limits.
    #[cfg(test)]
    pub(crate) fn limited(limits: Limits) -> Arc<Self> {
        let (plugin, contracts) = (crate::tests::plugin(), Contracts::default());
        let (grants, config) = (Arc::default(), Arc::default());
        Arc::new(Self::new(Load {
            plugin,
            bytes: &[],
            contracts,
            limits,
            grants,
            config,
            record_bytes_max: 0,
        }))
    }

    /// A text that the guest chose, as it may be told: one line, cut, and without credentials.
    pub(crate) fn line(&self, text: &str) -> String {
        one_line(&self.scrub.text(text), self.limits.log_line_max)
    }
}

impl Engine {
    /// Checks a component and makes it ready. Blocks while it compiles, up to tens of seconds for a large one: call it
    /// where blocking is allowed. Nothing of the component is run.
    pub fn load(self: &Arc<Self>, load: Load<'_>) -> Result<Loaded, LoadError> {
        self.load_with(load, &|_, _| {})
    }

    /// As `load`, and tells how a compilation goes on, where there is one.
    pub fn load_with(
        self: &Arc<Self>,
        load: Load<'_>,
        progress: &(dyn Fn(Revision, Progress) + Sync),
    ) -> Result<Loaded, LoadError> {
        let bytes = load.bytes;
        let terms = Arc::new(Terms::new(load));
        let revision = Revision::from_sha256(Sha256::digest(bytes).into());
        let toolchain = Toolchain::of(bytes);
        let compile = || self.compile_anew(revision, bytes, &|reached| progress(revision, reached));
        match check_format(bytes)
            .and_then(|()| anatomy::check(bytes))
            .and_then(|()| imports::check_first(bytes, &terms, toolchain))
            .and_then(|()| self.ready(revision, &compile, &terms, toolchain))
        {
            Ok((instances, found)) => Ok(Loaded {
                engine: Arc::clone(self),
                terms,
                revision,
                instances,
                handlers: found.into(),
            }),
            Err(fault) => Err(LoadError {
                plugin: terms.plugin.clone(),
                fault: fault.made_by(toolchain),
            }),
        }
    }

    fn ready(
        &self,
        revision: Revision,
        compile: &dyn Fn() -> Result<Vec<u8>, Fault>,
        terms: &Terms,
        toolchain: Toolchain,
    ) -> Result<(InstancePre<State>, handler::Found), Fault> {
        let (component, linker) = self.compile(revision, compile, &terms.limits)?;
        imports::check(&component, terms, toolchain)?;
        check_memory(&component, &terms.limits)?;
        let found = handler::find(&component, &terms.contracts)?;
        let outgoing = outgoing::find(&component, terms)?;
        let own = if outgoing.is_empty() {
            None
        } else {
            Some(outgoing::link(outgoing, linker)?)
        };
        let linker = own.as_ref().unwrap_or(linker);
        let instances = linker
            .instantiate_pre(&component)
            .map_err(|error| imports::mismatch(&error))?;
        Ok((instances, found))
    }

    /// Compiles what the cache doesn't have, unless that was tried before and would be in vain.
    fn compile_anew(
        &self,
        revision: Revision,
        bytes: &[u8],
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Vec<u8>, Fault> {
        if let Some(verdict) = self
            .cache
            .verdict(revision)
            .filter(|verdict| self.compiler.respects(verdict))
        {
            return Err(verdict.into());
        }

        let compiled = self.compiler.compile(&self.heap.engine, bytes, progress);
        if let Err(Uncompiled::Condemned(verdict)) = &compiled
            && verdict.is_lasting()
        {
            self.cache.condemn(revision, verdict);
        }
        compiled.map_err(Fault::from)
    }

    /// Compiled code in the pool, or beside it where it doesn't fit a place there.
    fn compile(
        &self,
        revision: Revision,
        compile: &dyn Fn() -> Result<Vec<u8>, Fault>,
        limits: &Limits,
    ) -> Result<(Component, &wasmtime::component::Linker<State>), Fault> {
        let invalid =
            |error: wasmtime::Error| Fault::from(Uncompiled::Invalid(format!("{error:#}")));
        let code = self.cache.compiled(revision, compile)?;
        // A table in the pool grows no further than its place.
        let fits_pool = limits.table_elements_max <= TABLE_ELEMENTS as u64;
        if let Some(pool) = self.pool.as_ref().filter(|_| fits_pool) {
            match code.load(&pool.engine) {
                Ok(component) => return Ok((component, &pool.linker)),
                Err(error) => {
                    tracing::debug!(%error, "a component doesn't fit the pool and runs beside it")
                }
            }
        }
        let component = match code.load(&self.heap.engine) {
            Ok(component) => component,
            Err(error) => {
                if let Some(fault) = HostFault::of(&error) {
                    return Err(Fault::Host(fault));
                }
                tracing::warn!(%error, "compiled code can't be used and is made anew");
                self.cache.forget(revision);
                self.cache
                    .compiled(revision, compile)?
                    .load(&self.heap.engine)
                    .map_err(invalid)?
            }
        };
        Ok((component, &self.heap.linker))
    }
}

impl Loaded {
    /// Another revision of the same plugin, on the same terms, from compiled code that is still in the cache. Blocks
    /// for some milliseconds.
    pub(crate) fn recall(&self, revision: Revision) -> Result<Self, Fault> {
        let compile = || {
            Err(Fault::Compiler {
                reason: "the component isn't here".into(),
            })
        };
        let (instances, handlers) =
            self.engine
                .ready(revision, &compile, &self.terms, Toolchain::Unknown)?;
        Ok(Self {
            engine: Arc::clone(&self.engine),
            terms: Arc::clone(&self.terms),
            revision,
            instances,
            handlers: handlers.into(),
        })
    }
}

/// Tells a component from what is often mistaken for one. The compiler is given binaries only: never text, which it
/// would parse, and never compiled code, which it would run.
fn check_format(bytes: &[u8]) -> Result<(), Fault> {
    let not = |what, way_out| Err(Fault::NotAComponent { what, way_out });
    match bytes {
        [] => not(
            "empty",
            "copy it again, and rename it into its place when it is whole",
        ),
        [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => {
            not("a core module", Toolchain::of(bytes).componentize())
        }
        [0x7f, b'E', b'L', b'F', ..] => not(
            "compiled code",
            "drop the component itself; the host compiles it",
        ),
        [b'(', ..] => not("WebAssembly text", "make it binary with `wasm-tools parse`"),
        _ => not(
            "an unknown kind of file",
            "copy the .wasm file of a component",
        ),
    }
}

fn check_memory(component: &Component, limits: &Limits) -> Result<(), Fault> {
    let pages = component
        .resources_required()
        .and_then(|required| required.max_initial_memory_size);
    let needed = pages.unwrap_or(0).saturating_mul(WASM_PAGE);
    if needed <= limits.memory_max {
        Ok(())
    } else {
        Err(Fault::Memory {
            needed,
            limit: limits.memory_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
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
}
