//! The files that are compiled in: examples, templates, SDKs and WIT packages.
//!
//! A template is an example of the repository with another name, or the same example with parts of
//! `examples/templates/<language>` in place of its handler. [`fill`] replaces the placeholders of
//! these parts.

mod fill;
mod names;

use crate::files::Files;
use crate::language::Language;
use crate::manifest::Manifest;

pub(crate) use fill::{Case, Values, fill};
pub(crate) use names::Spelling;

/// Every compiled-in file, with its path in the repository.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The name of a file in a template that lists the files of the example which the template does
/// not take, one on each line. A folder ends with `/`.
const REMOVED: &str = ".remove";

/// The kind of handler that a template has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The handler of the example, for the example's provider.
    Example,
    /// A handler with the types of any provider.
    Typed,
    /// A handler that receives bytes.
    Untyped,
}

/// Returns the compiled-in files below a folder of the repository, with paths relative to it.
pub(crate) fn below(folder: &str) -> Files {
    let prefix = format!("{folder}/");
    let files = FILES.iter().filter_map(|(path, content)| {
        Some((path.strip_prefix(&prefix)?.to_owned(), content.to_vec()))
    });
    files.collect()
}

/// Returns the files of a template, without the ones that [`crate::new`] writes for every language.
pub(crate) fn files(language: Language, kind: Kind) -> Files {
    let mut files = below(&format!("examples/{language}"));
    let folder = match kind {
        Kind::Example => return files,
        Kind::Typed => "typed",
        Kind::Untyped => "untyped",
    };

    let own = below(&format!("examples/templates/{language}/{folder}"));
    let removed: Vec<_> = own.text(REMOVED).into_iter().flat_map(str::lines).collect();
    files.remove(|path| {
        let is_below = |folder: &str| folder.ends_with('/') && path.starts_with(folder);
        removed
            .iter()
            .any(|removed| *removed == path || is_below(removed))
    });
    for (path, content) in own.iter().filter(|(path, _)| *path != REMOVED) {
        files.add(path, content);
    }
    files
}

/// Returns the provider that the example of a language is for.
pub(crate) fn provider_of_example(language: Language) -> Option<String> {
    let files = below(&format!("examples/{language}"));
    Manifest::parse(files.text(Manifest::FILE)?).ok()?.provider
}

/// Returns the files of an SDK, without its own tests.
pub(crate) fn sdk(language: Language) -> Files {
    let mut files = below(&format!("plugins/sdk/{}", language.sdk()));
    files.remove(|path| path.starts_with("tests/") || path.starts_with("test/"));
    files
}
