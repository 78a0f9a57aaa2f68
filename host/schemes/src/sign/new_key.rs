//! New keys for senders that sign with a detached JWS.

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::SignError;

/// A key for ES256, as JSON Web Keys.
#[derive(Debug)]
pub struct NewJwsKey {
    /// The private key, which signs.
    pub private: String,
    /// The public key, which the receiver is configured with.
    pub public: String,
}

/// Returns a new key with this id.
///
/// # Errors
///
/// Returns [`SignError::Key`] if the cryptography library makes no key.
pub fn new_jws_key(id: &str) -> Result<NewJwsKey, SignError> {
    let failed = |_| SignError::Key;
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
    let scalar = pair.private_key().as_be_bytes().map_err(failed)?;

    // The public key is an uncompressed point (SEC 1, 2.3.3): 4, x and y.
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(32);
    let mut jwk = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": id,
        "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
    });
    let public = jwk.to_string();

    jwk["d"] = BASE64_URL_SAFE_NO_PAD.encode(scalar.as_ref()).into();
    Ok(NewJwsKey {
        private: jwk.to_string(),
        public,
    })
}

#[cfg(test)]
mod tests {
    use hookyard_model::Timestamp;

    use super::*;
    use crate::{
        Request, Scheme, Secret, Signer, SigningKey, SigningScheme, UnsignedMessage, Verifier, jws,
    };

    #[test]
    fn public_key_verifies_private_key() {
        let now = Timestamp::from_unix_secs(1_780_400_200);
        let key = new_jws_key("key-1").expect("a key");
        let signer = Signer::new(SigningScheme::DetachedJws {
            header: "X-Signature".into(),
            keys: vec![SigningKey::always(Secret::new(key.private))],
            algorithm: None,
        });
        let message = UnsignedMessage {
            id: "m-1",
            body: b"{}",
            now,
            event_type: None,
        };
        let headers = signer.expect("a signer").sign(&message).expect("signed");

        let verifier = Verifier::new(Scheme::DetachedJws(jws::Settings {
            header: "X-Signature".into(),
            keys: vec![Secret::new(key.public)],
            algorithm: None,
            unencoded_payload: false,
        }));
        let request = Request {
            method: "POST",
            path: "/acme/events",
            query: None,
            headers: &headers,
            body: b"{}",
            tail: None,
        };
        let verified = verifier.expect("a verifier").verify(&request, &(), now);
        assert!(verified.is_ok(), "{verified:?}");
    }
}
