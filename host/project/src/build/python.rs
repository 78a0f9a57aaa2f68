//! Builds a plugin in Python.

use super::{BuildError, Output, Workshop};

/// Builds the plugin of a folder.
pub(super) fn build(workshop: &Workshop<'_>) -> Result<Output, BuildError> {
    Err(BuildError::Unsupported(workshop.manifest.language))
}
