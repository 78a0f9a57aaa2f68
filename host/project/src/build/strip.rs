//! Removes debugging information from a module or component.
//!
//! A binary is a sequence of sections, and a component contains whole binaries in some of them.
//! Names of functions stay if they are small, because they make the trace of a trap readable.

/// Names may be this part of a module.
const NAMES_SHARE: usize = 10;

const CUSTOM: u8 = 0;
/// The sections of a component that contain a binary: a core module and a component.
const NESTED: [u8; 2] = [1, 4];

/// Removes the sections with debugging information, and large sections with names. Bytes that are
/// not a module or component are returned unchanged.
pub(super) fn strip(bytes: &[u8]) -> Vec<u8> {
    stripped(bytes).unwrap_or_else(|| bytes.to_vec())
}

fn stripped(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = bytes.split_at_checked(8)?;
    if !header.starts_with(b"\0asm") {
        return None;
    }
    let is_component = header[6] == 1;
    let mut output = header.to_vec();

    while !rest.is_empty() {
        let section = Section::read(&mut rest)?;
        if section.id == CUSTOM && !keeps(section.content, bytes.len())? {
            continue;
        }
        if is_component && NESTED.contains(&section.id) {
            let nested = strip(section.content);
            output.push(section.id);
            write_number(&mut output, nested.len());
            output.extend(nested);
        } else {
            output.extend(section.whole);
        }
    }
    Some(output)
}

/// A section of a binary.
struct Section<'a> {
    id: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Section<'a> {
    /// Takes the first section off the bytes.
    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let start = *bytes;
        let (id, after) = start.split_first()?;
        let (size, after) = read_number(after)?;
        let (content, rest) = after.split_at_checked(size)?;
        *bytes = rest;
        Some(Self {
            id: *id,
            content,
            whole: &start[..start.len() - rest.len()],
        })
    }
}

/// Whether a custom section of a binary of `total` bytes is kept.
fn keeps(content: &[u8], total: usize) -> Option<bool> {
    let (length, rest) = read_number(content)?;
    let name = rest.get(..length)?;
    let is_debug = name.starts_with(b".debug_") || name == b"sourceMappingURL";
    let is_large = name == b"name" && content.len() > total / NAMES_SHARE;
    Some(!is_debug && !is_large)
}

/// Reads an unsigned number in LEB128.
fn read_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

fn write_number(output: &mut Vec<u8>, mut number: usize) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            output.push(byte);
            return;
        }
        output.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{Component, CustomSection, Module, ModuleSection};

    use super::*;

    fn module(sections: &[(&str, usize)]) -> Module {
        let mut module = Module::new();
        for (name, size) in sections {
            let data = vec![7; *size].into();
            module.section(&CustomSection {
                name: (*name).into(),
                data,
            });
        }
        module
    }

    #[test]
    fn debugging_sections_are_removed() {
        let bytes = module(&[(".debug_info", 500), ("keep", 3), ("sourceMappingURL", 9)]).finish();
        assert_eq!(strip(&bytes), module(&[("keep", 3)]).finish());
    }

    #[test]
    fn names_stay_if_small() {
        let small = module(&[("keep", 1000), ("name", 50)]).finish();
        assert_eq!(strip(&small), small);
        let large = module(&[("keep", 100), ("name", 50)]).finish();
        assert_eq!(strip(&large), module(&[("keep", 100)]).finish());
    }

    #[test]
    fn nested_modules_are_stripped() {
        let component = |module: &Module| {
            let mut component = Component::new();
            component.section(&ModuleSection(module));
            component.section(&CustomSection {
                name: "keep".into(),
                data: vec![1].into(),
            });
            component.finish()
        };
        let stripped = strip(&component(&module(&[("keep", 300), (".debug_line", 900)])));
        assert_eq!(stripped, component(&module(&[("keep", 300)])));
    }

    #[test]
    fn other_bytes_are_unchanged() {
        let cut = &module(&[("keep", 3)]).finish()[..12];
        for bytes in [&b""[..], b"text that is long enough", cut] {
            assert_eq!(strip(bytes), bytes);
        }
    }
}
