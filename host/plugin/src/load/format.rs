//! Recognizes the format of a plugin's file: a component, a core module that can become one, or
//! what is often mistaken for these.

use hookyard_componentize::has_component_types;

use super::toolchain::Toolchain;
use super::world;
use crate::Fault;

/// The formats of a plugin's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A binary component.
    Component,
    /// A binary core module with the types that make it a component.
    Module,
}

impl Format {
    /// Recognizes the format of a file.
    ///
    /// The compiler must get binary components and modules only. It would parse text, and it would
    /// run compiled code.
    ///
    /// # Errors
    ///
    /// Fails if the file is something else, with what it is and how to build it.
    pub(crate) fn of(bytes: &[u8], toolchain: Toolchain) -> Result<Self, Fault> {
        let (what, way_out) = match bytes {
            [b'\0', b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(Self::Component),
            [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => {
                if has_component_types(bytes) {
                    return Ok(Self::Module);
                }
                match world::of_module(bytes) {
                    Some(other) => (
                        other,
                        "`hookyard new` writes the folder of a plugin for this host",
                    ),
                    None => ("a core module without types", toolchain.componentize()),
                }
            }
            [] => (
                "empty",
                "copy it again under another name, and rename it when it is complete",
            ),
            [0x7f, b'E', b'L', b'F', ..] => (
                "compiled code",
                "drop the component itself; the host compiles it",
            ),
            [b'(', ..] => ("WebAssembly text", "make it binary with `wasm-tools parse`"),
            _ => (
                "an unknown kind of file",
                "copy the .wasm file of a component",
            ),
        };
        Err(Fault::NotAComponent { what, way_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_format_is_recognized() {
        let typed = wat::parse_str(r#"(module (@custom "component-type:x" "y"))"#);
        let typed = typed.expect("the text is well-formed");
        for (bytes, expected) in [
            (&b"\0asm\x0d\0\x01\0"[..], Ok(Format::Component)),
            (&typed, Ok(Format::Module)),
            (b"\0asm\x01\0\0\0", Err("a core module without types")),
            (b"\x7fELF\x02\x01", Err("compiled code")),
            (b"(component)", Err("WebAssembly text")),
            (b"", Err("empty")),
            (b"\0as", Err("an unknown kind of file")),
            (b"<html>", Err("an unknown kind of file")),
        ] {
            let format = Format::of(bytes, Toolchain::Unknown).map_err(|fault| match fault {
                Fault::NotAComponent { what, .. } => what,
                _ => "another fault",
            });
            assert_eq!(format, expected, "{bytes:?}");
        }
    }
}
