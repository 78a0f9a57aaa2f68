//! Finds the provider that an author names.

use std::path::Path;

use anyhow::Context;
use hookyard_config::providers::source;
use hookyard_project::{ProviderFiles, similar};

use crate::cli::Failure;

/// Returns the files of a provider: a built-in one, or one of the configuration at `path`, which may
/// be missing.
pub(crate) fn find(path: &Path, name: &str) -> Result<ProviderFiles, Failure> {
    let unreadable = || format!("cannot read the providers of {}", path.display());
    if let Some(source) = source::find(path, name).with_context(unreadable)? {
        let own = (!source.is_built_in).then(|| source.files.iter().cloned().collect());
        let provider = ProviderFiles::from_files(source.files);
        let provider = provider.with_context(|| format!("the provider {name}"))?;
        return Ok(ProviderFiles { own, ..provider });
    }

    let names = source::names(path).with_context(unreadable)?;
    let hint = similar::hint(similar::closest(name, names.iter().map(String::as_str)).as_deref());
    let names: Vec<_> = names.into_iter().collect();
    Err(Failure::Arguments(format!(
        "unknown provider `{name}`{hint}; the providers are {}; a provider of your own needs \
         `[providers] folder` in {}",
        names.join(", "),
        path.display()
    )))
}

/// Like [`find`], for a provider that may be left out.
pub(crate) fn find_optional(
    path: &Path,
    name: Option<&str>,
) -> Result<Option<ProviderFiles>, Failure> {
    name.map(|name| find(path, name)).transpose()
}
