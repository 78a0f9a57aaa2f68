//! Turns the file of a verifier into a verifier.

use std::sync::Arc;

use hookyard_model::Revision;
use wasmtime::component::{Component, HasSelf, Linker};

use super::LoadedVerifier;
use super::bindings::{Verifier, VerifierPre};
use super::state::State;
use crate::Fault;
use crate::engine::Engine;
use crate::engine::compile::CompileInput;
use crate::load::format::Format;
use crate::load::toolchain::{Toolchain, Tools};
use crate::load::{anatomy, asynchrony, revision_of};
use crate::text::{REASON_BYTES_MAX, one_line};

impl Engine {
    /// Checks the file of a verifier and prepares it for requests. Nothing of the component runs.
    ///
    /// This blocks while the component compiles. Call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// Fails if the file is not a verifier, or if the host fails.
    pub fn load_verifier(self: &Arc<Self>, bytes: &[u8]) -> Result<LoadedVerifier, Fault> {
        let toolchain = Tools::of(bytes).toolchain;
        let revision = revision_of(bytes);

        let instances = self
            .verifier_code(bytes, revision, toolchain)
            .and_then(|component| link(&component))
            .map_err(|fault| fault.made_by(toolchain))?;
        Ok(LoadedVerifier {
            engine: Arc::clone(self),
            revision,
            instances,
        })
    }

    /// Returns the compiled code of a verifier, from the cache or from the compiler.
    fn verifier_code(
        &self,
        bytes: &[u8],
        revision: Revision,
        toolchain: Toolchain,
    ) -> Result<Component, Fault> {
        let format = Format::of(bytes, toolchain)?;
        let compile = || match format {
            Format::Component => self.verifier_from(bytes, revision, toolchain),
            Format::Module => {
                let component = self
                    .translate(revision, CompileInput { bytes, pack: None }, &|_| {})
                    .map_err(|fault| fault.of_module(toolchain))?;
                self.verifier_from(&component, revision, toolchain)
            }
        };

        let code = self.cache.compiled(revision, compile)?;
        code.load(&self.heap.engine)
            .map_err(|error| Fault::Compiler {
                reason: one_line(&format!("{error:#}"), REASON_BYTES_MAX),
            })
    }

    fn verifier_from(
        &self,
        component: &[u8],
        revision: Revision,
        toolchain: Toolchain,
    ) -> Result<Vec<u8>, Fault> {
        anatomy::check(component)?;
        asynchrony::check(component, toolchain)?;
        let input = CompileInput {
            bytes: component,
            pack: None,
        };
        self.translate(revision, input, &|_| {})
    }
}

fn link(component: &Component) -> Result<VerifierPre<State>, Fault> {
    let not_a_verifier = |error: wasmtime::Error| Fault::NotAVerifier {
        reason: one_line(&format!("{error:#}"), REASON_BYTES_MAX),
    };

    let mut linker = Linker::new(component.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(not_a_verifier)?;
    Verifier::add_to_linker::<_, HasSelf<State>>(&mut linker, State::entered)
        .map_err(not_a_verifier)?;
    let instances = linker.instantiate_pre(component).map_err(not_a_verifier)?;
    VerifierPre::new(instances).map_err(not_a_verifier)
}
