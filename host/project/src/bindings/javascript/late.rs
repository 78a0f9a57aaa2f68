//! `wasi:http` of a plugin, which the tools of both engines refuse under its own name.
//!
//! `componentize-qjs` runs the plugin once to make a snapshot. For that it links the real `wasi:io`
//! and a stub of `wasi:http`, whose streams are then not those of `wasi:io`, and fails.
//! `componentize-js` merges the plugin's `wasi:http` with its own, and misses functions. So the tools
//! see these packages under another namespace. Afterwards the imports of the component get their
//! names back. They have another version than those of the engine itself, because the names of
//! imports are unique; the host offers every version.

use wit_parser::Resolve;

use super::engine::version;
use crate::files::Files;

/// The namespace. It is as long as `wasi`, so that names in the component keep their length.
pub(crate) const NAMESPACE: &str = "late";
const VERSION: &str = "0.2.11";
const PACKAGES: [&str; 3] = ["wasi:http", "wasi:io", "wasi:clocks"];

/// The id of a component's sections of imports.
const IMPORTS: u8 = 10;

/// Returns whether the plugin's packages are renamed.
pub(super) fn is_needed(resolve: &Resolve) -> bool {
    version(resolve, "wasi:http").is_some()
}

pub(super) fn is_renamed(package: &str) -> bool {
    PACKAGES.contains(&package)
}

/// Returns the name of an interface in the renamed packages.
pub(super) fn name(interface: &str) -> String {
    let (name, _) = interface.split_once('@').unwrap_or((interface, ""));
    let (package, _) = name.split_once('/').unwrap_or((name, ""));
    if !is_renamed(package) {
        return interface.to_owned();
    }
    format!("{}@{VERSION}", name.replacen("wasi", NAMESPACE, 1))
}

/// Renames the packages in WIT files.
pub(super) fn renamed(files: &Files) -> Files {
    let files = files.iter().map(|(path, content)| {
        let text = String::from_utf8_lossy(content);
        (path.to_owned(), renamed_text(&text).into_bytes())
    });
    files.collect()
}

fn renamed_text(text: &str) -> String {
    let is_name = |char: char| char.is_ascii_alphanumeric() || "-:/@.".contains(char);
    let mut output = String::with_capacity(text.len());
    let mut rest = text;

    while let Some(start) = rest.find("wasi:") {
        let (before, from) = rest.split_at(start);
        let end = from.find(|char| !is_name(char)).unwrap_or(from.len());
        let (interface, after) = from.split_at(end);
        // A name may be followed by the dot of `use wasi:io/poll@0.2.12.{pollable}`.
        let trimmed = interface.trim_end_matches('.');
        output.push_str(before);
        output.push_str(&name(trimmed));
        output.push_str(&interface[trimmed.len()..]);
        rest = after;
    }
    output + rest
}

/// Gives the imports of a component their names back.
pub(crate) fn restore_names(component: &mut [u8]) {
    const HEADER: usize = 8;
    let mut at = HEADER;
    while let Some((id, start, end)) = section(component, at) {
        if id == IMPORTS {
            restore_in(&mut component[start..end]);
        }
        at = end;
    }
}

/// Returns the section at a position: its id, and where its content begins and ends.
fn section(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let id = *bytes.get(at)?;
    let mut size = 0_usize;
    let mut position = at + 1;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(position)?;
        position += 1;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let end = position.checked_add(size)?;
            return (end <= bytes.len()).then_some((id, position, end));
        }
    }
    None
}

fn restore_in(names: &mut [u8]) {
    let renamed = format!("{NAMESPACE}:");
    let length = renamed.len();
    for at in 0..names.len().saturating_sub(length) {
        if names[at..].starts_with(renamed.as_bytes()) {
            names[at..at + length].copy_from_slice(b"wasi:");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_http_are_renamed() {
        for (text, expected) in [
            (
                "import wasi:http/types@0.2.12;",
                "import late:http/types@0.2.11;",
            ),
            (
                "use wasi:io/poll@0.2.12.{pollable};",
                "use late:io/poll@0.2.11.{pollable};",
            ),
            ("package wasi:clocks@0.2.12;", "package late:clocks@0.2.11;"),
            (
                "import wasi:config/store@0.2.0-rc.1;",
                "import wasi:config/store@0.2.0-rc.1;",
            ),
            ("nothing", "nothing"),
        ] {
            assert_eq!(renamed_text(text), expected);
        }
    }

    #[test]
    fn only_names_of_imports_are_restored() {
        let section = |id: u8, text: &str| {
            let mut bytes = vec![id, u8::try_from(text.len()).expect("short")];
            bytes.extend(text.bytes());
            bytes
        };
        let file = |imports: &str| {
            let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
            bytes.extend(section(1, "late:http/types@0.2.11"));
            bytes.extend(section(IMPORTS, imports));
            bytes
        };

        let mut component = file("\x01late:http/types@0.2.11");
        restore_names(&mut component);
        assert_eq!(component, file("\x01wasi:http/types@0.2.11"));
    }

    #[test]
    fn damaged_component_is_left_alone() {
        let mut component = b"\0asm\x0d\0\x01\0\x0a\xff\xff".to_vec();
        let before = component.clone();
        restore_names(&mut component);
        assert_eq!(component, before);
    }
}
