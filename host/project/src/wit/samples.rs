//! The samples of the built-in providers fit the types in their WIT, as the host decodes them.

use std::fs;
use std::path::Path;

use hookyard_shape::wit::shape_of;
use hookyard_shape::{Plan, Pointer, Value};
use wit_parser::{Resolve, Type, TypeDefKind};

use super::{parse, shape};
use crate::provider::{ProviderFiles, Sample};

/// The types of a provider's cases.
struct Cases {
    resolve: Resolve,
    cases: Vec<(String, Option<Type>)>,
}

impl Cases {
    fn of(provider: &ProviderFiles) -> Self {
        let files = shape::files(provider);
        let (resolve, package) = parse(&files).expect("the WIT is right");
        let handler = resolve.packages[package].interfaces["handler"];
        let event = resolve.interfaces[handler].types["event"];
        let TypeDefKind::Variant(variant) = &resolve.types[event].kind else {
            panic!("{}: `event` is not a variant", provider.name);
        };
        let cases = variant.cases.iter();
        Self {
            cases: cases.map(|case| (case.name.clone(), case.ty)).collect(),
            resolve,
        }
    }

    /// Returns the type of a sample: of the case with the name of the sample, or of the only case.
    fn type_of(&self, sample: &Sample) -> Option<Type> {
        let named = self.cases.iter().find(|(name, _)| *name == sample.name);
        let [(_, only), _other] = self.cases.as_slice() else {
            return named?.1;
        };
        *only
    }
}

fn providers() -> impl Iterator<Item = (ProviderFiles, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/providers");
    let folders = fs::read_dir(folder).expect("the providers").flatten();
    let folders = folders.map(|entry| entry.path());
    folders.filter(|path| path.is_dir()).map(|path| {
        let text = fs::read_to_string(path.join("provider.toml")).expect("a description");
        let table: toml::Table = text.parse().expect("TOML");
        let content = table.get("content").and_then(toml::Value::as_str);
        let provider = ProviderFiles::read(&path).expect("a provider");
        (provider, content.unwrap_or_default().to_owned())
    })
}

#[test]
fn samples_fit_the_types_of_their_cases() {
    let mut decoded = 0;
    for (provider, content) in providers().filter(|(provider, _)| !provider.wit.is_empty()) {
        let cases = Cases::of(&provider);
        let content = Pointer::parse(&content).expect("a pointer");
        for sample in &provider.samples {
            let place = format!("{}/{}", provider.name, sample.name);
            // Slack's command is a form without a case, which a plugin gets as text.
            let Some(ty) = cases.type_of(sample) else {
                assert_eq!(place, "slack/command", "a sample without a case");
                continue;
            };
            let shape = shape_of(&cases.resolve, &ty, "event").expect("JSON has such types");
            let plan = Plan::new(&shape, "event").expect("a plan");
            let json = json_of(sample);
            if let Err(error) = plan.decode::<Value>(&content, &json, usize::MAX) {
                panic!("{place}: {} at {}", error.message, error.path);
            }
            decoded += 1;
        }
    }
    assert!(decoded > 100, "{decoded} samples");
}

#[test]
fn typed_cases_have_samples() {
    for (provider, _) in providers().filter(|(provider, _)| !provider.wit.is_empty()) {
        for (case, _) in Cases::of(&provider).cases {
            let has_sample = provider.samples.iter().any(|sample| sample.name == case);
            assert!(has_sample || case == "other", "{}: {case}", provider.name);
        }
    }
}

/// Returns the sample as JSON. A form becomes the object of its fields, as in the host.
fn json_of(sample: &Sample) -> String {
    let text = str::from_utf8(&sample.body).expect("UTF-8");
    if !sample.is_form {
        return text.to_owned();
    }
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let fields = pairs.map(|(name, value)| (name.to_owned(), value.into()));
    serde_json::Value::Object(fields.collect()).to_string()
}
