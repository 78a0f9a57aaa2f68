//! The files of providers, for the commands that make and build plugins.
//!
//! An author often has no host and no `hookyard.toml`, so these functions read only `[providers]`
//! of a configuration, and a missing configuration has the built-in providers.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::Dir;

use super::{BUILT_IN, FILE};
use crate::references::Resolver;

/// A file of a provider: its path below the provider's folder, and its content.
pub type ProviderFile = (String, Vec<u8>);

/// The files of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The files, in no order.
    pub files: Vec<ProviderFile>,
    /// Whether every host contains the provider.
    pub is_built_in: bool,
}

/// Returns the names of the built-in providers and of those that the configuration at `path` adds.
///
/// # Errors
///
/// Fails if the configuration or its folder of providers cannot be read.
pub fn names(path: &Path) -> io::Result<BTreeSet<String>> {
    let built_in = BUILT_IN.dirs().map(|dir| dir.path().to_path_buf());
    let resolver = Resolver::of_process(path);
    let own = match folder(path, &resolver)? {
        Some(folder) => resolver.folders_in(&folder)?,
        None => Vec::new(),
    };

    let folders = built_in.chain(own.into_iter().filter(|folder| folder.join(FILE).is_file()));
    let names = folders.filter_map(|folder| folder.file_name().map(|name| name.to_owned()));
    Ok(names
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

/// Returns the files of a provider, or `None` if there is no such provider. An operator's provider
/// replaces a built-in one of the same name.
///
/// # Errors
///
/// Fails if the configuration at `path` or a file of the provider cannot be read.
pub fn find(path: &Path, name: &str) -> io::Result<Option<Source>> {
    let resolver = Resolver::of_process(path);
    if let Some(folder) = folder(path, &resolver)? {
        let folder = folder.join(name);
        if folder.join(FILE).is_file() {
            let files = files_in(&folder, &resolver)?;
            return Ok(Some(Source {
                files,
                is_built_in: false,
            }));
        }
    }

    let built_in = BUILT_IN.get_dir(name).map(|dir| {
        let mut files = Vec::new();
        collect(dir, Path::new(name), &mut files);
        Source {
            files,
            is_built_in: true,
        }
    });
    Ok(built_in)
}

/// Returns the folder of the operator's providers, as the configuration at `path` names it.
///
/// # Errors
///
/// Fails if the configuration cannot be read.
pub fn own_folder(path: &Path) -> io::Result<Option<PathBuf>> {
    folder(path, &Resolver::of_process(path))
}

/// Returns the folder of the operator's providers.
fn folder(path: &Path, resolver: &Resolver<'_>) -> io::Result<Option<PathBuf>> {
    let text = match resolver.text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| io::Error::other(error.message().to_owned()))?;

    let providers = table.get("providers").and_then(toml::Value::as_table);
    let folder = providers.and_then(|providers| providers.get("folder")?.as_str());
    Ok(folder.map(|folder| resolver.resolve(Path::new(folder))))
}

/// Reads the files of an operator's provider: its own files and its samples.
fn files_in(folder: &Path, resolver: &Resolver<'_>) -> io::Result<Vec<ProviderFile>> {
    let mut files = Vec::new();
    for below in [folder.to_owned(), folder.join("samples")] {
        if !below.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&below)? {
            let path = entry?.path();
            if path.is_file()
                && let Ok(name) = path.strip_prefix(folder)
            {
                files.push((name.to_string_lossy().into_owned(), resolver.bytes(&path)?));
            }
        }
    }
    Ok(files)
}

/// Collects the files of a built-in provider.
fn collect(dir: &Dir<'_>, root: &Path, files: &mut Vec<ProviderFile>) {
    for file in dir.files() {
        if let Ok(path) = file.path().strip_prefix(root) {
            files.push((
                path.to_string_lossy().into_owned(),
                file.contents().to_vec(),
            ));
        }
    }
    for dir in dir.dirs() {
        collect(dir, root, files);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn missing_configuration_has_built_in_providers() {
        let path = Path::new("/nowhere/hookyard.toml");
        assert!(names(path).expect("read").contains("topi-saas"));

        let found = find(path, "topi-saas").expect("read").expect("known");
        assert!(found.is_built_in);
        let paths: Vec<_> = found.files.iter().map(|(path, _)| path.as_str()).collect();
        for expected in [
            "provider.toml",
            "topi-saas.wit",
            "samples/offer-accepted-by-user.json",
        ] {
            assert!(paths.contains(&expected), "{expected}: {paths:?}");
        }
        assert!(find(path, "nobody").expect("read").is_none());
    }

    #[test]
    fn own_provider_replaces_built_in() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("hookyard.toml");
        fs::write(
            &path,
            "[providers]\nfolder = \"mine\"\n[tenants.a]\nfault = 1",
        )
        .expect("written");
        for (file, text) in [("topi/provider.toml", "own"), ("shop/samples/a.json", "{}")] {
            let file = folder.path().join("mine").join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }

        let own = find(&path, "topi").expect("read").expect("known");
        assert_eq!(own.files, [("provider.toml".to_owned(), b"own".to_vec())]);
        assert!(!own.is_built_in);
        assert!(
            !names(&path).expect("read").contains("shop"),
            "it has no provider.toml"
        );
        fs::write(folder.path().join("mine/shop/provider.toml"), "x").expect("written");
        assert!(names(&path).expect("read").contains("shop"));
        assert_eq!(
            find(&path, "shop")
                .expect("read")
                .expect("known")
                .files
                .len(),
            2
        );
    }

    #[test]
    fn broken_configuration_is_reported() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("hookyard.toml");
        fs::write(&path, "[providers").expect("written");
        assert!(names(&path).is_err());
    }
}
