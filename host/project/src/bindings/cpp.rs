//! Bindings for C++: types that are laid out as those of the bindings for C, and a layer that passes
//! pointers between the two.
//!
//! The bindings for C that `wit-bindgen` writes stay below: they need no library of C++, and their
//! source compiles without warnings.

mod glue;
mod types;

use super::Input;
use super::c::{self, file_name, with_notice};
use crate::build::BuildError;
use crate::files::Files;
use crate::language::Language;
use crate::template;

/// Returns the bindings for the world of a plugin, and the SDK for C, which that for C++ uses.
pub(super) fn files(input: &Input<'_>) -> Result<Files, BuildError> {
    let model = c::model(input)?;
    let mut files = c::plain(input)?;

    let name = file_name(&model);
    files.add(format!("{name}.hpp"), with_notice(&glue::header(&model)));
    files.add(format!("{name}.cpp"), with_notice(&glue::source(&model)));
    files.add_below("sdk", template::sdk(Language::C));
    Ok(files)
}
