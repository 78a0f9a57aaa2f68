//! Helpers for the tests of this crate.

use wit_parser::{Resolve, WorldId};

/// Returns the binary form of a module or component.
pub(crate) fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is well-formed")
}

/// Parses a package with one world.
pub(crate) fn resolve(wit: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).expect("the WIT is valid");
    let world = resolve
        .select_world(&[package], None)
        .expect("it has one world");
    (resolve, world)
}
