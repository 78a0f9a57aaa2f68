//! Imports for tests, and types that are read from WIT text.

use std::path::{Path, PathBuf};

use hookyard_import::{
    BYTES_MAX, Body, Document, Error, Imported, Options, Request, Source, import, read_bodies,
};
use hookyard_shape::Shape;
use hookyard_shape::wit::shape_of;
use wit_parser::{Resolve, TypeDefKind, UnresolvedPackageGroup};

/// Returns the folder of the tests of this crate.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Returns a request to import a document, with no further bodies.
pub(crate) fn request(file: &str, text: &[u8]) -> Result<Request, Error> {
    Ok(Request {
        name: "sender".into(),
        source: Source::Document(Box::new(Document::read(file, text, BYTES_MAX)?)),
        options: Options::default(),
        bodies: Vec::new(),
        kept: Vec::new(),
        previous: None,
        keep: hookyard_import::diff::Options::default(),
    })
}

/// Imports a document with all defaults.
pub(crate) fn imported(file: &str, text: &str) -> Result<Imported, Error> {
    import(&request(file, text.as_bytes())?)
}

/// Reads the bodies of a folder under names that do not depend on the machine.
pub(crate) fn bodies(folder: &Path) -> Vec<Body> {
    let named = |body: Body| {
        let path = Path::new(&body.file).strip_prefix(folder).unwrap();
        Body {
            file: path.display().to_string(),
            ..body
        }
    };
    if !folder.is_dir() {
        return Vec::new();
    }
    read_bodies(folder)
        .unwrap()
        .into_iter()
        .map(named)
        .collect()
}

/// Reads WIT text as a toolchain does, and returns the cases of `event` with their types.
pub(crate) fn cases(wit: &str) -> Vec<(String, Shape)> {
    let mut resolve = Resolve::default();
    let host = tests().join("../../../wit/hookyard/plugin.wit");
    let host = std::fs::read_to_string(host).unwrap();
    let group = |text: &str| UnresolvedPackageGroup::parse("test.wit", text).unwrap();
    resolve.push_group(group(&host)).unwrap();
    let package = resolve.push_group(group(wit)).unwrap();

    let handler = resolve.packages[package].interfaces["handler"];
    let event = resolve.interfaces[handler].types["event"];
    let TypeDefKind::Variant(event) = &resolve.types[event].kind else {
        panic!("`event` is a variant");
    };
    let typed = event.cases.iter().map(|case| {
        let shape = shape_of(&resolve, &case.ty.unwrap(), "event").unwrap();
        (case.name.clone(), shape)
    });
    typed.collect()
}
