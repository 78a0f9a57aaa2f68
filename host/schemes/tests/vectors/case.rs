//! A case of a vector file: a request, the settings of the source, and the expected result.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Document, DocumentRef, Documents, Refusal, Request, SetupError, Verdict, Verification,
    Verifier, recipe,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{reasons, schemes};

#[derive(Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) scheme: String,
    pub(crate) cases: Vec<Value>,
}

/// The keys of cases. A case with another key fails: the key may say what must be refused.
const KEYS: [&str; 30] = [
    "name",
    "scheme",
    "variant",
    "expect",
    "reason",
    "method",
    "url",
    "headers",
    "body",
    "body_b64",
    "now",
    "secrets",
    "secrets_b64",
    "public_keys",
    "secret_jwk",
    "certs",
    "trust",
    "trust_anchors",
    "config",
    "config_error",
    "respond",
    "input",
    "output",
    "same_bytes",
    // For readers.
    "note",
    "policy",
    "source",
    "string_to_sign",
    "untrusted",
    "when",
];

/// The keys of `config`.
const CONFIG_KEYS: [&str; 23] = [
    "alg",
    "authorization",
    "b64_false",
    "basic",
    "cert_name_check",
    "cert_trust",
    "cert_url_pattern",
    "header",
    "kind",
    "max_age",
    "origins",
    "password",
    "public_url",
    "rate",
    "raw",
    "require_type_header",
    "subscribe_url_pattern",
    "token",
    "tolerance",
    "topics",
    "user",
    "verify_token",
    "webhook_id",
];

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) scheme: Option<String>,
    /// One of several ways in which the sender signs.
    variant: Option<String>,
    pub(crate) expect: String,
    /// The reason for which the request is refused.
    reason: Option<String>,
    input: Option<String>,
    output: Option<String>,
    same_bytes: Option<bool>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    pub(crate) url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    now: Option<f64>,
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    /// Secrets that are bytes and not text.
    #[serde(default)]
    pub(crate) secrets_b64: Vec<String>,
    #[serde(default)]
    pub(crate) public_keys: Vec<Value>,
    pub(crate) secret_jwk: Option<Value>,
    #[serde(default)]
    certs: HashMap<String, String>,
    #[serde(default)]
    pub(crate) trust_anchors: Vec<String>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    /// Whether the settings themselves must be refused.
    #[serde(default)]
    config_error: bool,
}

/// Returns a key of a case that the runner does not know.
pub(crate) fn unknown_key(case: &Value) -> Option<String> {
    let unknown = |object: &Value, known: &[&str]| {
        let mut keys = object.as_object()?.keys();
        keys.find(|key| !known.contains(&key.as_str())).cloned()
    };
    let of_config = || unknown(case.get("config")?, &CONFIG_KEYS);
    unknown(case, &KEYS).or_else(of_config)
}

/// The documents that have been fetched.
struct FetchedDocuments(HashMap<DocumentRef, Document>);

impl Documents for FetchedDocuments {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        self.0.get(wanted).cloned()
    }
}

/// The actual result of a case.
#[derive(Debug)]
enum CaseResult {
    Setup(SetupError),
    Refusal(Refusal),
    /// The case serves no certificate at the URL, or no valid one.
    NoCertificate,
    Verdict(#[expect(dead_code, reason = "shown by `Debug` when a case fails")] Verdict),
}

impl CaseResult {
    /// Returns the name of the refusal.
    fn reason(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Refusal(refusal) => refusal.reason(),
            Self::NoCertificate => "certificate-unavailable",
            Self::Verdict(_) => "accepted",
        }
    }
}

impl Case {
    /// Returns whether the case is about accepting and refusing, not about answers or helper
    /// functions.
    pub(crate) fn is_about_verification(&self) -> bool {
        matches!(
            self.expect.as_str(),
            "accept" | "reject" | "unverified" | "equals"
        )
    }

    /// Returns whether the case names one of several ways in which the sender signs.
    pub(crate) const fn has_variant(&self) -> bool {
        self.variant.is_some()
    }

    /// Returns the scheme of the case: its own or that of the file, and its variant.
    pub(crate) fn scheme_name(&self, of_file: &str) -> String {
        let scheme = self.scheme.as_deref().unwrap_or(of_file);
        match &self.variant {
            Some(variant) => format!("{scheme}:{variant}"),
            None => scheme.to_owned(),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Value::as_str)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.config.get(key).and_then(Value::as_bool)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.config.get(key).and_then(Value::as_u64)
    }

    pub(crate) fn run(&self, scheme: &str) -> Result<(), String> {
        if self.expect == "equals" {
            return self.stringify();
        }
        let result = self.result(scheme)?;
        let is_right = match (self.expect.as_str(), &result) {
            (_, CaseResult::Setup(_)) if self.config_error => true,
            (_, _) if self.config_error => false,
            ("accept", CaseResult::Verdict(_)) => true,
            // An empty key is refused when it is loaded, so that such a source never receives a
            // request.
            (
                "reject",
                CaseResult::Setup(SetupError::EmptyKey { .. } | SetupError::NoKeys { .. }),
            ) => true,
            ("reject", CaseResult::Refusal(_) | CaseResult::NoCertificate) => true,
            ("unverified", CaseResult::Refusal(refusal)) => {
                matches!(
                    refusal,
                    Refusal::RawDelivery | Refusal::MissingCredential { .. }
                )
            }
            _ => false,
        };

        let is_refusal = self.expect != "accept" && !self.config_error;
        match self.reason.as_deref().filter(|_| is_refusal) {
            _ if !is_right => Err(format!("expected `{}`, got {result:?}", self.expect)),
            Some(reason) if !reasons::fits(reason, result.reason()) => {
                Err(format!("expected a refusal for `{reason}`, got {result:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Compares JSON as ECMAScript writes it.
    fn stringify(&self) -> Result<(), String> {
        let (Some(input), Some(output)) = (&self.input, &self.output) else {
            return Err("`input` or `output` is missing".to_owned());
        };
        let written = recipe::stringify(input.as_bytes()).map_err(|error| error.to_string())?;
        let is_same = self
            .same_bytes
            .is_none_or(|same| same == (written.text == *input));
        if written.text == *output && is_same {
            Ok(())
        } else {
            Err(format!("expected {output}, got {}", written.text))
        }
    }

    fn result(&self, scheme: &str) -> Result<CaseResult, String> {
        let scheme = schemes::scheme(scheme, self)
            .ok_or_else(|| format!("there is no verifier for `{scheme}`"))?;
        let verifier = match Verifier::new(scheme?) {
            Ok(verifier) => verifier,
            Err(error) => return Ok(CaseResult::Setup(error)),
        };
        let body = match (&self.body, &self.body_b64) {
            (_, Some(encoded)) => BASE64_STANDARD
                .decode(encoded)
                .map_err(|error| error.to_string())?,
            (text, None) => text.clone().unwrap_or_default().into_bytes(),
        };
        let headers: Vec<_> = self.headers.iter().map(header).collect();
        let (path, query) = path_and_query(&self.url);
        let tail = path.splitn(4, '/').nth(3);
        let request = Request {
            method: &self.method,
            path,
            tail,
            query,
            headers: &headers,
            body: &body,
        };

        Ok(self.verify(&verifier, &request))
    }

    /// Verifies a request as the host does: verifies, fetches a certificate if one is needed, and
    /// verifies again.
    fn verify(&self, verifier: &Verifier, request: &Request<'_>) -> CaseResult {
        let now = Timestamp::from_unix_millis((self.now.unwrap_or_default() * 1000.0) as i64);
        let mut fetched = FetchedDocuments(HashMap::new());

        for _ in 0..2 {
            match verifier.verify(request, &fetched, now) {
                Err(refusal) => return CaseResult::Refusal(refusal),
                Ok(Verification::NeedsDocument { document, .. }) => {
                    let served = self.certs.get(document.url());
                    let Some(Ok(read)) = served.map(|body| document.parse(body.as_bytes())) else {
                        return CaseResult::NoCertificate;
                    };
                    fetched.0.insert(document, read);
                }
                Ok(Verification::Complete(verdict)) => return CaseResult::Verdict(verdict),
                Ok(Verification::Running(_)) => unreachable!("no case has a component"),
            }
        }
        CaseResult::NoCertificate
    }
}

fn header((name, value): &(String, String)) -> Header {
    Header {
        name: name.to_ascii_lowercase(),
        value: value.as_bytes().to_vec().into(),
    }
}

fn path_and_query(url: &str) -> (&str, Option<&str>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |start| &rest[start..]);
    path.split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)))
}
