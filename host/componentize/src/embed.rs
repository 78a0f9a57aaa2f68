//! Adds the types of a world to a core module that has none.

use wit_parser::{Resolve, WorldId};

use crate::{Error, is_core_module};

/// How a module stores strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringEncoding {
    /// UTF-8, as most languages store them.
    Utf8,
    /// UTF-16, as AssemblyScript stores them.
    Utf16,
}

impl From<StringEncoding> for wit_component::StringEncoding {
    fn from(encoding: StringEncoding) -> Self {
        match encoding {
            StringEncoding::Utf8 => Self::UTF8,
            StringEncoding::Utf16 => Self::UTF16,
        }
    }
}

/// Returns a core module with the types of a world, in a custom section. [`component`] then makes a
/// component of it.
///
/// # Errors
///
/// Fails if the bytes are not those of a core module, or if the world cannot be encoded.
///
/// [`component`]: crate::component
pub fn embed(
    module: &[u8],
    resolve: &Resolve,
    world: WorldId,
    strings: StringEncoding,
) -> Result<Vec<u8>, Error> {
    if !is_core_module(module) {
        return Err(Error::NotCoreModule);
    }

    let mut module = module.to_vec();
    wit_component::embed_component_metadata(&mut module, resolve, world, strings.into())
        .map_err(|error| Error::invalid(&error))?;
    Ok(module)
}
