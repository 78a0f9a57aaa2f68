//! The provider of a case: the built-in folder of the case's scheme, a folder in `providers` for
//! schemes that are not those of one sender, or a file of the handshake tests.
//!
//! The host refuses an event without a key, and many cases leave out the header with the id of the
//! event, because they are about signatures. The key of a provider therefore falls back to the
//! digest of the body. Everything else of a built-in folder stays as it is.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::case::Case;

/// The schemes whose provider has another name.
const NAMES: [(&str, &str); 4] = [
    ("standard-webhooks", "topi"),
    ("jws-detached", "topper"),
    ("aws-sns", "tipser"),
    ("x-twitter", "x"),
];

/// The schemes of sources that do not use the first scheme of their provider.
const SCHEMES: [(&str, &str); 1] = [("gitlab", "header")];

/// The kinds of static credentials, and their schemes.
const CREDENTIALS: [(&str, &str); 5] = [
    ("basic", "basic"),
    ("bearer", "bearer"),
    ("header", "header"),
    ("path", "secret-path"),
    ("secret-path", "secret-path"),
];

/// The parents of the folders of providers.
const FOLDERS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/providers"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/providers"),
];

/// The scheme of requests that test an endpoint. The last segment of the URL names the sender.
const HANDSHAKES: &str = "handshakes";
/// The folder with the providers of these requests. They answer requests that the cases do not
/// sign.
const HANDSHAKE_FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/integration/handshakes");
/// The senders of handshakes whose file has another name.
const HANDSHAKE_NAMES: [(&str, &str); 1] = [("ce", "cloudevents")];

/// A provider's definition, as the operator's folder has it.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    definition: Table,
    /// The scheme that a source must name; `None` for the first scheme of the provider.
    chosen: Option<&'static str>,
}

impl Provider {
    /// Returns the provider of a scheme. A variant of a scheme, `<scheme>:<variant>`, is a provider
    /// of its own.
    pub(crate) fn of(case: &Case, scheme: &str) -> Result<Self, String> {
        let is_handshake = scheme == HANDSHAKES;
        let file = if is_handshake {
            handshake_file(case)
        } else {
            let name = other_name(&NAMES, scheme).unwrap_or(scheme);
            folder_file(&name.replace(':', "-"))?
        };
        let mut definition = read(&file)?;
        fall_back_to_body(&mut definition);
        let mut provider = Self {
            name: definition["name"].as_str().unwrap_or_default().to_owned(),
            chosen: credential(case).or(other_name(&SCHEMES, scheme)),
            definition,
        };
        if provider.table("http-signatures").is_some() {
            provider.set_algorithms(&case.algorithms());
        }
        if is_handshake && !case.is_get() && case.secrets().next().is_none() {
            provider.chosen = Some("unverified");
        }
        Ok(provider)
    }

    /// Returns the text of `provider.toml`.
    pub(crate) fn text(&self) -> String {
        self.definition.to_string()
    }

    /// Returns the scheme that a source must name; `None` for the first scheme of the provider.
    pub(crate) const fn chosen(&self) -> Option<&'static str> {
        self.chosen
    }

    /// Returns the scheme of a source that names none.
    pub(crate) fn scheme(&self) -> &str {
        let default = self.definition["scheme"].get("default");
        self.chosen
            .or(default.and_then(Value::as_str))
            .unwrap_or_default()
    }

    /// Returns whether the sender's secret is in each request.
    pub(crate) fn sends_secret(&self) -> bool {
        ["basic", "bearer", "header", "secret-path", "token"].contains(&self.scheme())
    }

    /// Returns whether a handshake compares a value with a secret.
    pub(crate) fn asks_for_secret(&self) -> bool {
        let handshakes = self.definition.get("handshake").and_then(Value::as_array);
        let mut handshakes = handshakes.into_iter().flatten();
        handshakes.any(|handshake| handshake.get("require").is_some())
    }

    /// Returns whether a source must accept that the body is not signed.
    pub(crate) fn leaves_body_unsigned(&self) -> bool {
        let recipe = self.table("hmac").or(self.table("public-key"));
        let covers = recipe.and_then(|recipe| recipe.get("covers")?.as_array());
        let signatures = self.table("http-signatures");
        let components = signatures.and_then(|rules| rules.get("components")?.as_array());
        covers.or(components).is_some_and(Vec::is_empty)
    }

    /// Returns whether the URL of the request is signed or can be.
    pub(crate) fn needs_url(&self) -> bool {
        self.table("http-signatures").is_some()
    }

    fn table(&self, scheme: &str) -> Option<&Table> {
        self.definition["scheme"].get(scheme)?.as_table()
    }

    /// Allows only these algorithms, as a provider of its own.
    fn set_algorithms(&mut self, algorithms: &[String]) {
        self.name = format!("{}-{}", self.name, algorithms.join("-"));
        let package = format!("{}:webhooks", self.name);
        self.definition
            .insert("name".to_owned(), self.name.clone().into());
        self.definition.insert("package".to_owned(), package.into());
        let rules = &mut self.definition["scheme"]["http-signatures"];
        rules["algorithms"] = algorithms.to_vec().into();
    }
}

fn other_name(names: &[(&str, &'static str)], of: &str) -> Option<&'static str> {
    let found = names.iter().find(|(name, _)| *name == of);
    found.map(|(_, other)| *other)
}

/// Returns the scheme of a case with a static credential.
fn credential(case: &Case) -> Option<&'static str> {
    let kind = case.text("kind")?;
    other_name(&CREDENTIALS, kind)
}

fn handshake_file(case: &Case) -> PathBuf {
    let (path, _) = case.path_and_query();
    let sender = path.rsplit('/').next().unwrap_or_default();
    let name = other_name(&HANDSHAKE_NAMES, sender).unwrap_or(sender);
    Path::new(HANDSHAKE_FILES).join(format!("{name}.toml"))
}

fn folder_file(name: &str) -> Result<PathBuf, String> {
    let mut files = FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name).join("provider.toml"));
    let file = files.find(|file| file.exists());
    file.ok_or_else(|| format!("there is no provider for the scheme `{name}`"))
}

fn read(file: &Path) -> Result<Table, String> {
    let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| in_file(&error))?;
    text.parse()
        .map_err(|error: toml::de::Error| in_file(&error))
}

/// Adds the digest of the body to the texts that can be the key.
fn fall_back_to_body(definition: &mut Table) {
    let key = definition["key"].clone();
    let mut texts = match key {
        Value::Array(texts) => texts,
        Value::String(text) if text == "none" => return,
        one => vec![one],
    };
    texts.push("{body-sha256}".into());
    definition["key"] = Value::Array(texts);
}
