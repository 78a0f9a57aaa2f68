//! A case of a vector file: a request, the settings of the source, and the expected result.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Document, DocumentRef, Documents, Refusal, Request, SetupError, Verdict, Verification, Verifier,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::schemes;

#[derive(Deserialize)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) scheme: String,
    pub(crate) cases: Vec<Value>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) scheme: Option<String>,
    pub(crate) expect: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_b64: Option<String>,
    now: Option<f64>,
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
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

impl Case {
    /// Returns whether the case is about accepting and refusing, not about answers or helper
    /// functions.
    pub(crate) fn is_about_verification(&self) -> bool {
        matches!(self.expect.as_str(), "accept" | "reject" | "unverified")
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

        if is_right {
            Ok(())
        } else {
            Err(format!("expected `{}`, got {result:?}", self.expect))
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
