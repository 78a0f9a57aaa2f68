//! Bindings for Rust.

use super::Input;
use crate::build::BuildError;
use crate::files::Files;

/// Returns the bindings for the world of a plugin.
pub(super) fn files(_input: &Input<'_>) -> Result<Files, BuildError> {
    Ok(Files::default())
}
