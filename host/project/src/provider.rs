//! A provider as an author sees it: its types, its event types and samples of its events.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use toml::{Table, Value};

use crate::files::Files;

/// The files of a provider that a plugin's folder is made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderFiles {
    /// The name, such as `topi-saas`.
    pub name: String,
    /// The WIT package without a version, such as `topi-saas:webhooks`.
    pub package: String,
    /// The WIT files, each with its name.
    pub wit: Vec<(String, String)>,
    /// Samples of the events that the provider sends.
    pub samples: Vec<Sample>,
    /// The case of the typed handler for each of the sender's event types.
    pub cases: BTreeMap<String, String>,
    /// All files, if the provider is not one that every `hookyard` contains. A new plugin then
    /// contains them.
    pub own: Option<Files>,
}

/// The body of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The name of the file without `.json` or `.txt`, which is the name of the case.
    pub name: String,
    /// The body, byte for byte as the sender sends it.
    pub body: Vec<u8>,
    /// Whether the body is a form (`.txt`) and not JSON.
    pub is_form: bool,
}

impl ProviderFiles {
    /// The file that describes a provider.
    const FILE: &'static str = "provider.toml";

    /// Reads a provider from its folder.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read or `provider.toml` is not usable.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for path in [folder.to_owned(), folder.join("samples")] {
            if !path.is_dir() {
                continue;
            }
            for entry in fs::read_dir(path)? {
                let path = entry?.path();
                if let Ok(name) = path.strip_prefix(folder)
                    && path.is_file()
                {
                    files.push((name.to_string_lossy().into_owned(), fs::read(&path)?));
                }
            }
        }
        Self::from_files(files)
    }

    /// Makes a provider from its files. Their paths are relative to the provider's folder.
    ///
    /// # Errors
    ///
    /// Returns an error if `provider.toml` is missing or not usable, or if WIT is not UTF-8.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> io::Result<Self> {
        let mut provider = Self::default();
        let mut has_description = false;
        for (path, content) in files {
            if path == Self::FILE {
                provider.describe(&utf8(&path, content)?)?;
                has_description = true;
            } else if path.ends_with(".wit") && !path.contains('/') {
                let text = utf8(&path, content)?;
                provider.wit.push((path, text));
            } else if let Some((name, is_form)) = sample_name(&path) {
                provider.samples.push(Sample {
                    name: name.to_owned(),
                    body: content,
                    is_form,
                });
            }
        }

        if !has_description {
            return Err(fault(format!("{} is missing", Self::FILE)));
        }
        provider.wit.sort();
        provider.samples.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(provider)
    }

    /// Reads the keys of `provider.toml` that concern authors. The host checks the others.
    fn describe(&mut self, text: &str) -> io::Result<()> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            fault(format!("{}: {}", Self::FILE, error.message()))
        })?;
        let string = |key: &str| {
            let value = table.get(key).and_then(Value::as_str).map(str::to_owned);
            value.ok_or_else(|| fault(format!("{}: {key}: must be a string", Self::FILE)))
        };

        self.name = string("name")?;
        self.package = string("package")?;
        let events = table.get("events").and_then(Value::as_table);
        let cases = events.into_iter().flatten();
        self.cases = cases
            .filter_map(|(name, case)| Some((name.clone(), case.as_str()?.to_owned())))
            .collect();
        Ok(())
    }
}

/// Returns the name of the sample in a file, and whether the sample is a form.
fn sample_name(path: &str) -> Option<(&str, bool)> {
    let file = path.strip_prefix("samples/")?;
    if file.contains('/') {
        return None;
    }
    let json = file.strip_suffix(".json").map(|name| (name, false));
    json.or_else(|| Some((file.strip_suffix(".txt")?, true)))
}

fn utf8(path: &str, content: Vec<u8>) -> io::Result<String> {
    String::from_utf8(content).map_err(|_| fault(format!("{path} is not UTF-8")))
}

fn fault(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::built_in;

    #[test]
    fn folder_of_provider_is_read() {
        let provider = built_in("topi-saas");

        assert_eq!(provider.package, "topi-saas:webhooks");
        assert_eq!(provider.wit.len(), 1);
        assert_eq!(
            provider.cases["topi_saas.offer.accepted_by_user"],
            "offer-accepted-by-user"
        );
        let samples: Vec<_> = provider.samples.iter().map(|sample| &sample.name).collect();
        assert_eq!(samples, ["offer-accepted-by-user"], "no outgoing samples");
    }

    #[test]
    fn unusable_description_is_refused() {
        let message = |text: Option<&str>| {
            let files = text.map(|text| ("provider.toml".to_owned(), text.as_bytes().to_vec()));
            ProviderFiles::from_files(files)
                .expect_err("refused")
                .to_string()
        };

        assert_eq!(message(None), "provider.toml is missing");
        assert_eq!(
            message(Some("name = 1")),
            "provider.toml: name: must be a string"
        );
        assert!(message(Some("name")).starts_with("provider.toml: "));
    }
}
