//! Bindings for Python.

use super::Input;
use crate::build::BuildError;
use crate::files::Files;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    Err(BuildError::Unsupported(input.manifest.language))
}
