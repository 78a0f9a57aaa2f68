//! `import.toml`: the options of an import, so that a further import needs none.

use toml::{Table, Value};

use crate::dialect::Selection;
use crate::error::{Fault, short};
use crate::fields::{Action, FieldRule};
use crate::import::Options;
use crate::provider_file::quoted;
use crate::required::Required;

impl Options {
    /// Reads the text of `import.toml`.
    ///
    /// # Errors
    ///
    /// Fails with the key that is unknown or has another kind of value.
    pub fn read(text: &str) -> Result<Self, Fault> {
        read(text)
    }
}

/// Returns the text of the file.
pub(super) fn write(options: &Options) -> String {
    let mut text = String::from(
        "# The options of `hookyard provider import`, which a further import into this folder has as well.\n",
    );
    if !options.name.is_empty() {
        text.push_str(&format!("name = {}\n", quoted(&options.name)));
    }
    let selection = &options.selection;
    let patterns: Vec<_> = options.events.iter().map(|it| quoted(it)).collect();
    text.push_str(&format!("events = [{}]\n", patterns.join(", ")));
    text.push_str(&format!("required = {}\n", quoted(options.required.name())));
    text.push_str(&format!("callbacks = {}\n", selection.callbacks));
    if let Some(pattern) = &selection.schemas {
        text.push_str(&format!("schemas = {}\n", quoted(pattern)));
    }
    if let Some(pointer) = &options.group_by {
        text.push_str(&format!("group-by = {}\n", quoted(pointer)));
    }
    text.push_str("\n[fields]                        # \"EVENT/POINTER\" = \"drop\", \"json\", \"option\" or \"keep\"\n");
    for rule in &options.fields {
        text.push_str(&format!(
            "{} = {}\n",
            quoted(&rule.key()),
            quoted(rule.action.name())
        ));
    }
    text
}

fn read(text: &str) -> Result<Options, Fault> {
    let table: Table = text.parse().map_err(|error| not_toml(&error))?;
    let mut options = Options::default();
    for (key, value) in &table {
        match (key.as_str(), value) {
            ("events", Value::Array(patterns)) => {
                let texts: Option<Vec<_>> = patterns.iter().map(Value::as_str).collect();
                let texts = texts.ok_or_else(|| wrong(key, "a list of texts"))?;
                options.events = texts.into_iter().map(str::to_owned).collect();
            }
            ("name", Value::String(name)) => options.name.clone_from(name),
            ("required", Value::String(name)) => {
                let known = Required::ALL.into_iter().find(|(known, _)| known == name);
                let known = known.ok_or_else(|| wrong(key, "trust, samples or none"))?;
                options.required = known.1;
            }
            ("callbacks", Value::Boolean(value)) => options.selection.callbacks = *value,
            ("schemas", Value::String(pattern)) => {
                options.selection = Selection {
                    schemas: Some(pattern.clone()),
                    ..options.selection
                };
            }
            ("group-by", Value::String(pointer)) => options.group_by = Some(pointer.clone()),
            ("fields", Value::Table(rules)) => {
                options.fields = rules.iter().map(rule).collect::<Result<_, _>>()?;
            }
            (
                known @ ("name" | "events" | "required" | "callbacks" | "schemas" | "group-by"
                | "fields"),
                _,
            ) => {
                return Err(wrong(known, "another kind of value"));
            }
            _ => {
                return Err(Fault::Options(format!(
                    "the key `{}` is unknown",
                    short(key)
                )));
            }
        }
    }
    Ok(options)
}

fn rule((key, value): (&String, &Value)) -> Result<FieldRule, Fault> {
    let named = value.as_str().and_then(Action::named);
    let action = named.ok_or_else(|| wrong(key, "drop, json, option or keep"))?;
    let (event, pointer) = key.split_at(key.find('/').unwrap_or(key.len()));
    let event = (event != "*").then(|| event.to_owned());
    FieldRule::new(event, pointer, action).map_err(|error| *error.fault)
}

fn wrong(key: &str, wanted: &str) -> Fault {
    Fault::Options(format!("`{}` must be {wanted}", short(key)))
}

fn not_toml(error: &toml::de::Error) -> Fault {
    Fault::Options(format!("not TOML: {}", error.message()))
}

/// Returns the sender's types in the `[events]` of a `provider.toml`.
pub(super) fn events(text: &str) -> Result<Vec<String>, Fault> {
    let table: Table = text.parse().map_err(|error| not_toml(&error))?;
    let events = table.get("events").and_then(Value::as_table);
    Ok(events.map_or_else(Vec::new, |events| events.keys().cloned().collect()))
}
