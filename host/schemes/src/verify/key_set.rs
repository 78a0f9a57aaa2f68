//! A set of public keys (RFC 7517) that was fetched.
//!
//! A set belongs to its sender and serves every source that names its URL. It therefore keeps what
//! each key allows; the source decides which of the allowed algorithms it accepts.

use serde_json::Value;

use super::documents::InvalidDocument;
use super::jws::public_key::{PublicKey, SkippedKey, read_fetched};

/// The public keys of a sender.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Vec<SkippedKey>,
}

impl KeySet {
    /// Reads a JWK set or a single JWK.
    ///
    /// Keys that cannot be used are skipped, as RFC 7517, section 5, asks. Symmetric keys are
    /// skipped too: everybody can read the set.
    pub(super) fn parse(document: &[u8]) -> Result<Self, InvalidDocument> {
        let set = read_fetched(document)
            .map_err(|error| InvalidDocument(format!("not a usable key set: {error}")))?;
        Ok(Self {
            keys: set.keys,
            skipped: set.skipped,
        })
    }

    /// Reads the key that was requested by its id. A key with another id is refused.
    ///
    /// A key that carries the time of its end in `expired_at`, as Plaid's do, is refused: its
    /// sender does not sign with it any more.
    pub(super) fn single(document: &[u8], id: &str) -> Result<Self, InvalidDocument> {
        let key: Value = serde_json::from_slice(document)
            .map_err(|_| InvalidDocument("the key is not JSON".to_owned()))?;
        if key.get("expired_at").is_some_and(|time| !time.is_null()) {
            return Err(InvalidDocument("the key has expired".to_owned()));
        }
        if key.get("kid").is_some_and(|kid| kid != id) {
            return Err(InvalidDocument(
                "the answer contains a key with another id".to_owned(),
            ));
        }
        Self::parse(document)
    }

    /// Returns the keys.
    pub(crate) fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Returns the keys of the set that cannot be used.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#""kty": "EC", "crv": "P-256",
        "x": "YLZsrT-RyzYMpNQeUq8fhVJ_WPwoVXYDsXbjY1l6zkw",
        "y": "HNH0YhF-3P6N3RUr6WgHEG_03XXvq-qfsvVUgjqgDhY""#;

    #[test]
    fn symmetric_keys_are_skipped() {
        let symmetric = r#"{"kty": "oct", "alg": "HS256", "kid": "s", "k": "c2VjcmV0c2VjcmV0"}"#;
        let set = format!(r#"{{"keys": [{symmetric}, {{{KEY}, "kid": "a"}}]}}"#);

        let set = KeySet::parse(set.as_bytes()).expect("a set");
        assert_eq!(set.keys().len(), 1);
        assert!(
            set.skipped()[0].why.contains("symmetric"),
            "{:?}",
            set.skipped()
        );
        assert!(KeySet::parse(symmetric.as_bytes()).is_err());
    }

    #[test]
    fn single_key_has_its_id_and_has_not_expired() {
        let key = |more: &str| KeySet::single(format!("{{{KEY}{more}}}").as_bytes(), "a");

        assert!(key("").is_ok());
        assert!(key(r#", "kid": "a", "expired_at": null"#).is_ok());
        assert!(key(r#", "kid": "b""#).is_err());
        assert!(key(r#", "kid": "a", "expired_at": 1560466143"#).is_err());
        assert!(KeySet::single(b"{", "a").is_err());
    }
}
