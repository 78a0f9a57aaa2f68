//! The keys that may have signed a message: given in the configuration, or fetched from the sender.
//!
//! A message names its algorithm and the id of its key. Both only narrow down the keys that may have
//! signed: the algorithms come from the configuration and from the keys.

use std::sync::Arc;

use hookyard_model::excerpt;
use jsonwebtoken::Algorithm;

use super::checks::Checks;
use super::jws::public_key::{
    PublicKey, SkippedKey, find_algorithm, parse_algorithm, read_configured,
};
use super::{Document, DocumentRef, Documents, KeyRequest, Refusal};
use crate::verify::credential::check_keys;
use crate::{Secret, SetupError};

/// Where the keys of a sender are.
#[derive(Debug, Clone)]
pub enum KeyLocation {
    /// In the configuration: public keys in PEM, JSON Web Keys, or sets of them.
    Given(Vec<Secret>),
    /// In the configuration: secrets that both sides have.
    Shared(Vec<Secret>),
    /// At a URL that returns a JWK set.
    Url(String),
    /// Behind a request that returns one key.
    Request(Arc<KeyRequest>),
}

/// Reads configured public keys: PEM, a JSON Web Key, or a set of them. Returns the keys of the set
/// that cannot be used.
///
/// # Errors
///
/// Returns [`SetupError`] if no key can be used.
pub fn skipped_public_keys(document: &[u8]) -> Result<Vec<SkippedKey>, SetupError> {
    Ok(read_configured(document)?.skipped)
}

/// The keys of one source with the algorithms that the source accepts.
#[derive(Debug)]
pub(super) struct Keys {
    algorithms: Vec<Algorithm>,
    holder: KeyHolder,
}

#[derive(Debug)]
enum KeyHolder {
    Own(Vec<PublicKey>),
    Set(DocumentRef),
    Request(Arc<KeyRequest>),
}

/// A signature as a message contains it.
pub(super) struct Proof<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<&'a str>,
    /// The bytes that are signed.
    pub(super) signed: &'a [u8],
    /// The signature, in base64url.
    pub(super) signature: &'a str,
    /// The checks of the request so far.
    pub(super) checks: &'a Checks,
}

/// The result of a check that no key has failed.
pub(super) enum KeyCheck {
    /// A key has signed.
    Valid,
    /// The keys have to be fetched, or fetched anew.
    Needs {
        document: DocumentRef,
        otherwise: Refusal,
    },
}

impl Keys {
    /// Checks the settings. `algorithms` has the names of RFC 7518, such as `ES256`.
    pub(super) fn new(location: &KeyLocation, algorithms: &[String]) -> Result<Self, SetupError> {
        let algorithms = algorithms
            .iter()
            .map(|name| parse_algorithm(name))
            .collect::<Result<Vec<_>, _>>()?;
        if algorithms.is_empty() {
            return Err(SetupError::NoKeys { what: "algorithm" });
        }
        check_kind(location, &algorithms)?;

        let holder = match location {
            KeyLocation::Given(documents) => KeyHolder::Own(given(documents, &algorithms)?),
            KeyLocation::Shared(secrets) => KeyHolder::Own(shared(secrets, &algorithms)?),
            KeyLocation::Url(url) => KeyHolder::Set(DocumentRef::KeySet { url: url.clone() }),
            KeyLocation::Request(request) => {
                request.check()?;
                KeyHolder::Request(Arc::clone(request))
            }
        };
        Ok(Self { algorithms, holder })
    }

    /// Returns the accepted algorithm with this name, which a message states.
    pub(super) fn algorithm(&self, name: &str) -> Result<Algorithm, Refusal> {
        find_algorithm(name)
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or_else(|| Refusal::WrongAlgorithm {
                found: excerpt(name),
            })
    }

    /// Returns the accepted algorithms.
    pub(super) fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// Checks a signature with the keys that the source has, or that `documents` contains.
    pub(super) fn check(
        &self,
        proof: &Proof<'_>,
        documents: &dyn Documents,
    ) -> Result<KeyCheck, Refusal> {
        match &self.holder {
            KeyHolder::Own(keys) => check(keys, proof).map(|()| KeyCheck::Valid),
            KeyHolder::Set(document) => check_fetched(document.clone(), proof, documents),
            KeyHolder::Request(request) => {
                let id = proof.key_id.filter(|id| KeyRequest::takes_id(id));
                let document = DocumentRef::Key {
                    request: Arc::clone(request),
                    id: id.ok_or_else(|| unknown_key(proof))?.to_owned(),
                };
                check_fetched(document, proof, documents)
            }
        }
    }
}

/// Refuses a mix of symmetric algorithms and public keys, and of secrets and other algorithms.
fn check_kind(location: &KeyLocation, algorithms: &[Algorithm]) -> Result<(), SetupError> {
    let is_symmetric = |algorithm: &Algorithm| {
        matches!(
            algorithm,
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
        )
    };
    match location {
        KeyLocation::Shared(_) if !algorithms.iter().all(is_symmetric) => {
            Err(SetupError::Senseless(
                "a secret can only be used with HMAC algorithms; give the sender's public keys \
                 instead",
            ))
        }
        KeyLocation::Url(_) | KeyLocation::Request(_) if algorithms.iter().any(is_symmetric) => {
            Err(SetupError::Senseless(
                "keys that everybody can fetch cannot be used with an HMAC algorithm; remove it \
                 from `algorithms`",
            ))
        }
        _ => Ok(()),
    }
}

/// Reads configured public keys. Each must be usable with one of the algorithms.
fn given(documents: &[Secret], algorithms: &[Algorithm]) -> Result<Vec<PublicKey>, SetupError> {
    check_keys("public key", documents)?;
    let mut keys = Vec::new();
    for document in documents {
        keys.extend(read_configured(document.expose())?.keys);
    }

    let is_usable = |key: &PublicKey| algorithms.iter().any(|algorithm| key.allows(*algorithm));
    keys.retain(is_usable);
    if keys.is_empty() {
        return Err(SetupError::UnusableKey {
            what: "public key",
            why: "no key can be used with one of the `algorithms`".to_owned(),
        });
    }
    Ok(keys)
}

fn shared(secrets: &[Secret], algorithms: &[Algorithm]) -> Result<Vec<PublicKey>, SetupError> {
    check_keys("secret", secrets)?;
    let key = |secret: &Secret| PublicKey::symmetric(secret.expose(), algorithms.to_vec());
    Ok(secrets.iter().map(key).collect())
}

fn check_fetched(
    document: DocumentRef,
    proof: &Proof<'_>,
    documents: &dyn Documents,
) -> Result<KeyCheck, Refusal> {
    let Some(Document::Keys(set)) = documents.get(&document) else {
        return Ok(KeyCheck::Needs {
            document,
            otherwise: Refusal::KeysUnavailable,
        });
    };

    match check(set.keys(), proof) {
        Ok(()) => Ok(KeyCheck::Valid),
        // The sender may have a new key, which the set in memory does not contain yet.
        Err(otherwise @ Refusal::UnknownKey { .. }) => Ok(KeyCheck::Needs {
            document,
            otherwise,
        }),
        Err(refusal) => Err(refusal),
    }
}

fn check(keys: &[PublicKey], proof: &Proof<'_>) -> Result<(), Refusal> {
    let named: Vec<_> = match proof.key_id {
        Some(id) => keys.iter().filter(|key| key.may_have_id(id)).collect(),
        None => keys.iter().collect(),
    };
    if named.is_empty() {
        return Err(unknown_key(proof));
    }

    let mut refusal = Refusal::WrongAlgorithm {
        found: format!("{:?}", proof.algorithm),
    };
    for key in named.iter().filter(|key| key.allows(proof.algorithm)) {
        proof.checks.begin()?;
        if key.verifies(proof.algorithm, proof.signed, proof.signature) {
            return Ok(());
        }
        refusal = Refusal::BadSignature;
    }
    Err(refusal)
}

fn unknown_key(proof: &Proof<'_>) -> Refusal {
    Refusal::UnknownKey {
        id: excerpt(proof.key_id.unwrap_or_default()),
    }
}
