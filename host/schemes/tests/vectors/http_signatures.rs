//! Builds the settings of HTTP message signatures from the keys in a case.

use hookyard_schemes::http_signatures::{MAX_AGE, Rules, Settings};
use hookyard_schemes::recipe::{Encoding, PublicUrl};
use hookyard_schemes::{KeyLocation, Scheme, Secret};
use serde_json::Value;

use crate::case::Case;

/// The examples of RFC 9421 are bare: they say nothing about what a signature must cover.
pub(crate) fn settings(case: &Case) -> Result<Scheme, String> {
    let text = |key: &Value, name: &str| {
        let text = key.get(name).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or_else(|| format!("a key has no `{name}`"))
    };
    let mut algorithms: Vec<_> = case.text("alg").map(str::to_owned).into_iter().collect();
    let mut keys = Vec::new();
    for key in &case.public_keys {
        algorithms.push(text(key, "alg")?);
        keys.push(Secret::from(text(key, "pem")?));
    }
    let secrets = case
        .secrets_b64
        .iter()
        .map(|key| Secret::from(key.as_str()));

    Ok(Scheme::HttpSignatures(Box::new(Settings {
        rules: Rules {
            components: Vec::new(),
            algorithms,
            label: None,
            tag: None,
            max_age: Some(MAX_AGE),
            keys_url: None,
            key: Encoding::Base64,
        },
        keys: if keys.is_empty() {
            KeyLocation::Shared(secrets.collect())
        } else {
            KeyLocation::Given(keys)
        },
        public_url: Some(PublicUrl::parse(&case.url).map_err(|error| error.to_string())?),
        unsigned_body: true,
    })))
}
