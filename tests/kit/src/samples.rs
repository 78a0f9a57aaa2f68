//! The sample payloads in the folders of the providers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace;

/// A sample event, as the sender sends it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The name of the file without `.json` or `.txt`.
    pub name: String,
    /// The payload, byte for byte.
    pub body: String,
    /// Whether the payload is a form (`<name>.txt`) and not JSON.
    pub is_form: bool,
}

impl Sample {
    /// Returns the payload as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("every sample is JSON")
    }

    /// Returns the payload as compact JSON with another value at this JSON pointer.
    pub fn with(&self, pointer: &str, value: impl Into<serde_json::Value>) -> String {
        let mut json = self.json();
        *json
            .pointer_mut(pointer)
            .expect("the sample contains the replaced field") = value.into();
        json.to_string()
    }
}

/// Returns all samples that a provider sends, by name.
pub fn of(provider: &str) -> Result<Vec<Sample>> {
    within(
        &workspace::root()
            .join("wit/providers")
            .join(provider)
            .join("samples"),
    )
}

/// Returns all samples that are only sent to a provider.
pub fn outgoing(provider: &str) -> Result<Vec<Sample>> {
    within(
        &workspace::root()
            .join("wit/providers")
            .join(provider)
            .join("samples/outgoing"),
    )
}

fn within(folder: &Path) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?
    {
        let path = entry?.path();
        let is_form = path.extension().is_some_and(|end| end == "txt");
        if is_form || path.extension().is_some_and(|end| end == "json") {
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .context("a sample's name is not UTF-8")?;
            samples.push(Sample {
                name: name.to_owned(),
                body: fs::read_to_string(&path)?,
                is_form,
            });
        }
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(samples)
}

/// Returns one sample of a provider.
pub fn one(provider: &str, name: &str) -> Result<Sample> {
    let samples = of(provider)?;
    let known: Vec<_> = samples.iter().map(|sample| sample.name.clone()).collect();
    let found = samples.into_iter().find(|sample| sample.name == name);
    found.with_context(|| {
        format!(
            "{provider} has no sample {name}; it has {}",
            known.join(", ")
        )
    })
}

/// Returns the event types that a provider's definition accepts, and the types that it only sends.
pub fn types_of(provider: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let path = workspace::root()
        .join("wit/providers")
        .join(provider)
        .join("provider.toml");
    let definition: toml::Table = toml::from_str(&fs::read_to_string(&path)?)?;
    let names = |table: Option<&toml::Value>| {
        let table = table.and_then(toml::Value::as_table);
        table
            .into_iter()
            .flat_map(|table| table.keys().cloned())
            .collect()
    };
    let outgoing = definition
        .get("outgoing")
        .and_then(|outgoing| outgoing.get("events"));
    Ok((names(definition.get("events")), names(outgoing)))
}
