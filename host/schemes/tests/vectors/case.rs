//! One case of a vector file: a request, what the source is configured with, and what has to come of it.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};
use hookyard_schemes::{
    Certificate, Certificates, Refusal, Request, SetupError, Verdict, Verifier,
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
    /// The settings themselves have to be refused.
    #[serde(default)]
    config_error: bool,
}

/// Serves what the case says is served, and remembers what was asked for.
struct Served(HashMap<String, Arc<Certificate>>);

impl Certificates for Served {
    fn get(&self, url: &str) -> Option<Arc<Certificate>> {
        self.0.get(url).cloned()
    }
}

/// What came of a case.
#[derive(Debug)]
enum Came {
    Setup(SetupError),
    Refusal(Refusal),
    /// The certificate that is needed isn't served, or isn't one.
    NoCertificate,
    Verdict(Verdict),
}

impl Case {
    /// Whether the case is about accepting and refusing, and not about answers or helper functions.
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
        let came = self.came(scheme)?;
        let is_right = match (self.expect.as_str(), &came) {
            (_, Came::Setup(_)) if self.config_error => true,
            (_, _) if self.config_error => false,
            ("accept", Came::Verdict(verdict)) => {
                !matches!(verdict, Verdict::NeedCertificate { .. })
            }
            // An empty key is refused at load, so that such a source never gets to see a request.
            ("reject", Came::Setup(SetupError::EmptyKey { .. } | SetupError::NoKeys { .. })) => {
                true
            }
            ("reject", Came::Refusal(_) | Came::NoCertificate) => true,
            ("unverified", Came::Refusal(refusal)) => {
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
            Err(format!("should be `{}`, but came to {came:?}", self.expect))
        }
    }

    fn came(&self, scheme: &str) -> Result<Came, String> {
        let scheme = schemes::scheme(scheme, self)
            .ok_or_else(|| format!("there is no verifier for `{scheme}` yet"))?;
        let verifier = match Verifier::new(scheme?) {
            Ok(verifier) => verifier,
            Err(error) => return Ok(Came::Setup(error)),
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

    /// Does what the host does: verify, fetch the certificate when asked for it, verify again.
    fn verify(&self, verifier: &Verifier, request: &Request<'_>) -> Came {
        let now = Timestamp::from_unix_millis((self.now.unwrap_or_default() * 1000.0) as i64);
        let mut served = Served(HashMap::new());
        for _ in 0..2 {
            match verifier.verify(request, &served, now) {
                Err(refusal) => return Came::Refusal(refusal),
                Ok(Verdict::NeedCertificate { url }) => {
                    let certificate = self
                        .certs
                        .get(&url)
                        .map(|pem| Certificate::parse_pem(pem.as_bytes()));
                    let Some(Ok(certificate)) = certificate else {
                        return Came::NoCertificate;
                    };
                    served.0.insert(url, Arc::new(certificate));
                }
                Ok(verdict) => return Came::Verdict(verdict),
            }
        }
        Came::NoCertificate
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
