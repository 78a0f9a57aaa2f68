//! Snapshots of components that prepare themselves once.
//!
//! A component that exports `wizer-initialize: func()` is initialized when it is released, and its
//! memories and globals are then written into the component. Each attempt begins with this state,
//! so a table that takes milliseconds to build costs nothing for each event.
//!
//! The initialization runs within the plugin's limits. It has no settings, no stored values, no
//! grants and no credentials, so its result follows from the file alone, apart from the clock and
//! random numbers. The compiled code of the snapshot is in the cache under the file's revision.

use std::sync::Arc;

use wasmparser::{ComponentExternalKind, Parser, Payload};
use wasmtime_wizer::Wizer;

use super::{check_memory, imports, instances};
use crate::Fault;
use crate::call::Callee;
use crate::call::snapshot::SnapshotError;
use crate::engine::Engine;
use crate::engine::cache::Code;
use crate::load::toolchain::Toolchain;
use crate::terms::Terms;
use crate::text::{REASON_BYTES_MAX, one_line};

/// The name of the function that initializes a component.
const INITIALIZER: &str = "wizer-initialize";

/// Whether a component has a function that initializes it.
pub(super) fn is_wanted(component: &[u8]) -> bool {
    let mut depth = 0_usize;
    // The compiler reports what cannot be parsed.
    for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 1 => {
                let mut exports = section.into_iter().map_while(Result::ok);
                let is_initializer =
                    |kind, name: &str| kind == ComponentExternalKind::Func && name == INITIALIZER;
                if exports.any(|export| is_initializer(export.kind, export.name.name)) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Returns the tool that makes snapshots. A component keeps the function, because its own parts may
/// refer to it.
pub(crate) fn wizer() -> Wizer {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    wizer
}

impl Engine {
    /// Returns the component with functions that read its memories and globals.
    pub(super) fn instrumented(&self, component: &[u8]) -> Result<Vec<u8>, Fault> {
        let component = component.to_vec();
        let instrument = async move {
            let instrumented = wizer().instrument_component(&component);
            instrumented.map(|(_, instrumented)| instrumented)
        };

        match self.background.block_on(Box::pin(instrument)) {
            Some(Ok(instrumented)) => Ok(instrumented),
            Some(Err(error)) => Err(fault(&format!("{error:#}"))),
            None => Err(fault("the host panicked")),
        }
    }

    /// Initializes a component, and returns it with its state afterwards. `code` is the compiled
    /// code of the instrumented component.
    pub(super) fn initialized(
        self: &Arc<Self>,
        component: &[u8],
        code: Code,
        terms: &Terms,
    ) -> Result<Vec<u8>, Fault> {
        let instrumented = code
            .load(&self.heap.engine)
            .map_err(|error| fault(&format!("{error:#}")))?;
        imports::check_component(&instrumented, terms, Toolchain::Unknown)?;
        check_memory(&instrumented, &terms.limits)?;
        let instances = instances(&instrumented, terms, &self.heap.linker)?;
        let function = instrumented
            .get_export_index(None, INITIALIZER)
            .ok_or_else(|| fault("the component does not have this function"))?;

        let (engine, component) = (Arc::clone(self), component.to_vec());
        let terms = Arc::new(terms.of_initialization());
        let snapshot = async move {
            let callee = Callee {
                engine: &engine,
                terms: &terms,
                instances: &instances,
                idle: None,
            };
            callee.snapshot(&component, &function).await
        };
        match self.background.block_on(Box::pin(snapshot)) {
            Some(Ok(snapshot)) => Ok(snapshot),
            Some(Err(SnapshotError::Host(host_fault))) => Err(Fault::Host(host_fault)),
            Some(Err(SnapshotError::Component(reason))) => Err(fault(&reason)),
            None => Err(fault("the host panicked")),
        }
    }
}

fn fault(reason: &str) -> Fault {
    Fault::Snapshot {
        reason: one_line(reason, REASON_BYTES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initializer_is_found_at_top_level() {
        let is_wanted =
            |text: &str| is_wanted(&wat::parse_str(text).expect("the text is well-formed"));
        let function = "(core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i \"f\")))";
        let export = "(export \"wizer-initialize\" (func $f))";
        assert!(is_wanted(&format!("(component {function} {export})")));
        assert!(!is_wanted(&format!(
            "(component {function} (export \"initialize\" (func $f)))"
        )));
        assert!(!is_wanted(&format!(
            "(component (component {function} {export}))"
        )));
        assert!(!is_wanted(
            "(component (component $c) (instance $i (instantiate $c)) (export \"wizer-initialize\" (instance $i)))"
        ));
    }
}
