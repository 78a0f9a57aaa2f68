//! Fixtures of an author's folder: the ones that `new` writes, and the ones that `build` puts into
//! the component.

use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::files::{Files, WriteError};
use crate::language::Language;
use crate::provider::{ProviderFiles, Sample};
use crate::template::{self, Case};
use crate::wit::{Shape, WitError};

/// The folder of fixtures.
pub(crate) const FOLDER: &str = "fixtures";

/// Returns the fixtures of the example.
pub(crate) fn of_example() -> Files {
    template::below("examples/fixtures")
}

/// Returns the fixtures of a folder that has none: those of the example, or of the provider's
/// samples.
pub(crate) fn first(language: Language, provider: &ProviderFiles) -> Result<Files, WitError> {
    if template::provider_of_example(language).as_ref() == Some(&provider.name) {
        return Ok(of_example());
    }
    Ok(of_samples(provider, &Shape::of(provider)?.cases))
}

/// Makes a fixture from each sample of a provider. A typed handler logs the name of the case.
pub(crate) fn of_samples(provider: &ProviderFiles, cases: &[Case]) -> Files {
    let mut files = Files::default();
    for sample in &provider.samples {
        let is_case = cases
            .iter()
            .any(|case| case.name == sample.name && case.has_payload);
        let mut expect = json!({ "outcome": "done" });
        if is_case {
            expect["log"] = json!([sample.name]);
        }
        let fixture = fixture(provider, sample, &expect);
        files.add(format!("{}.json", sample.name), fixture);
    }
    files
}

/// Writes a fixture. JSON in the body is kept byte for byte. The type and the key are in the
/// fixture, because some senders have them in headers.
fn fixture(provider: &ProviderFiles, sample: &Sample, expect: &Value) -> String {
    let mut head = json!({ "provider": provider.name, "key": sample.name });
    let mut types = provider.cases.iter();
    if let Some((event_type, _)) = types.find(|(_, case)| **case == sample.name) {
        head["type"] = json!(event_type);
    }
    if sample.is_form {
        head["headers"] = json!({ "content-type": "application/x-www-form-urlencoded" });
    }
    let members = head.as_object().into_iter().flatten();
    let head: String = members
        .map(|(name, value)| format!("    {}: {value},\n", json!(name)))
        .collect();

    let text = String::from_utf8_lossy(&sample.body);
    let body = if serde_json::from_str::<&RawValue>(&text).is_ok() {
        format!("\"body\": {}", text.trim())
    } else {
        format!("\"body_text\": {}", json!(text))
    };
    format!("{{\n  \"event\": {{\n{head}    {body}\n  }},\n  \"expect\": {expect}\n}}\n")
}

/// Returns the content of the custom section `hookyard:fixtures`: a JSON array of all fixtures in a
/// folder, each with its name. Returns `None` if there are none.
///
/// # Errors
///
/// Returns the path and the fault of a file that is not a JSON object.
pub(crate) fn section(folder: &Path) -> Result<Option<Vec<u8>>, FixtureError> {
    let files = Files::read(folder)?;
    let mut fixtures = Vec::new();
    for (path, content) in files.iter() {
        let Some(name) = path.strip_suffix(".json") else {
            continue;
        };
        if name.contains('/') || name.starts_with('.') {
            continue;
        }
        let fault = |fault: String| FixtureError::Invalid {
            path: format!("{FOLDER}/{path}"),
            fault,
        };
        fixtures.push(named(name, content).map_err(fault)?);
    }
    if fixtures.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("[{}]", fixtures.join(",\n")).into_bytes()))
}

/// Adds the name of its file to a fixture that has no name. The rest is kept byte for byte, so that
/// the digits and the order of a body stay.
fn named(name: &str, content: &[u8]) -> Result<String, String> {
    let text = str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    let object = value.as_object().ok_or("must be a JSON object")?;
    if object.contains_key("name") {
        return Ok(text.trim().to_owned());
    }

    let rest = text.trim_start().strip_prefix('{').unwrap_or_default();
    let separator = if object.is_empty() { "" } else { "," };
    Ok(format!(
        "{{\"name\":{}{separator}{}",
        json!(name),
        rest.trim_end()
    ))
}

/// The error for a fixture that cannot be put into the component.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// The folder cannot be read.
    #[error(transparent)]
    Unreadable(#[from] WriteError),
    /// A file is not a fixture.
    #[error("{path}: {fault}")]
    Invalid {
        /// The file.
        path: String,
        /// The fault.
        fault: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::built_in;

    #[test]
    fn samples_become_fixtures() {
        let provider = built_in("tipser");
        let cases = Shape::of(&provider).expect("typed").cases;
        let files = of_samples(&provider, &cases);

        assert_eq!(files.len(), provider.samples.len());
        let text = files.text("product-changed.json").expect("a fixture");
        let fixture: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(fixture["event"]["provider"], "tipser");
        assert_eq!(
            fixture["expect"],
            json!({ "outcome": "done", "log": ["product-changed"] })
        );
        let sample = &provider
            .samples
            .iter()
            .find(|it| it.name == "product-changed");
        let body = String::from_utf8_lossy(&sample.expect("a sample").body);
        assert!(text.contains(body.trim()), "byte for byte");
    }

    #[test]
    fn body_without_json_is_text() {
        let sample = Sample {
            name: "message".to_owned(),
            body: b"a=1&b=2".to_vec(),
            is_form: true,
        };
        let text = fixture(&ProviderFiles::default(), &sample, &json!({}));
        let fixture: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(fixture["event"]["body_text"], "a=1&b=2");
        let headers = &fixture["event"]["headers"];
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    }

    #[test]
    fn section_has_named_fixtures() {
        let folder = tempfile::tempdir().expect("made");
        assert!(
            section(&folder.path().join("none"))
                .expect("read")
                .is_none()
        );

        let mut files = Files::default();
        files.add(
            "good.json",
            "{ \"event\": { \"body\": 9007199254740993 } }\n",
        );
        files.add("named.json", "{\"name\":\"mine\"}");
        files.add("empty.json", "{}");
        files.add("notes.txt", "no fixture");
        files.write(folder.path()).expect("written");
        let section = section(folder.path()).expect("read").expect("three");
        let text = String::from_utf8(section).expect("UTF-8");
        assert!(
            text.contains("9007199254740993"),
            "every digit is kept: {text}"
        );
        let fixtures: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let names: Vec<_> = fixtures.iter().map(|fixture| &fixture["name"]).collect();
        assert_eq!(names, ["empty", "good", "mine"]);
    }

    #[test]
    fn invalid_fixture_is_named() {
        for (content, expected) in [
            ("[]", "fixtures/bad.json: must be a JSON object"),
            ("{", "fixtures/bad.json: is not JSON: EOF while parsing"),
        ] {
            let folder = tempfile::tempdir().expect("made");
            std::fs::write(folder.path().join("bad.json"), content).expect("written");
            let error = section(folder.path()).expect_err("refused").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
