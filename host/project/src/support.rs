//! Helpers of the tests.

use std::path::Path;

use crate::provider::ProviderFiles;

/// The providers of this repository.
pub(crate) const BUILT_IN: [&str; 4] = ["tipser", "topi", "topi-saas", "topper"];

/// Reads a provider of this repository.
pub(crate) fn built_in(name: &str) -> ProviderFiles {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../wit/providers")
        .join(name);
    ProviderFiles::read(&folder).expect("a provider")
}
