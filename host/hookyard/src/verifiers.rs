//! Loads the components that verify requests, as the providers of the sources name them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_config::Settings;
use hookyard_config::document::{Fault, Faults};
use hookyard_plugin::{Engine, LoadedVerifier};

/// Loads the verifier of every source that has one, and provides it to the source. A file that
/// several sources use is loaded once. Blocks while components compile.
///
/// # Errors
///
/// Returns a fault for each file that cannot be loaded.
pub(crate) fn load(settings: &Settings, engine: &Arc<Engine>) -> Result<(), Faults> {
    let mut loaded: BTreeMap<&str, Option<Arc<LoadedVerifier>>> = BTreeMap::new();
    let mut faults = Vec::new();

    for (name, source) in &settings.sources {
        let Some(file) = source.verifier.component() else {
            continue;
        };
        let verifier = loaded.entry(&file.path).or_insert_with(|| {
            engine
                .load_verifier(&file.bytes)
                .map_err(|fault| {
                    faults.push(Fault {
                        file: file.path.clone(),
                        line: None,
                        path: String::new(),
                        message: fault.to_string(),
                    });
                })
                .map(Arc::new)
                .ok()
        });
        if let Some(verifier) = verifier {
            source.verifier.provide(verifier.of_tenant(&name.tenant));
        }
    }

    if faults.is_empty() {
        Ok(())
    } else {
        Err(Faults(faults))
    }
}
