//! Detached JWS (RFC 7515, appendix F): `<protected header>..<signature>`, over the raw body.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::{Header, Timestamp};

use super::jws_key::Key;
use super::keys::{KeyCount, Keys, SigningKey};
use super::{Outgoing, SignError, header, own_header};
use crate::jws::key;
use crate::{Secret, SetupError};

#[derive(Debug)]
pub(super) struct Compiled {
    header: String,
    keys: Keys<Key>,
}

impl Compiled {
    pub(super) fn new(
        header: &str,
        keys: &[SigningKey],
        algorithm: Option<&str>,
    ) -> Result<Self, SetupError> {
        let default = algorithm.map(key::named).transpose()?;
        let keys = Keys::some("private key", keys, |secret| Key::read(secret, default))?;
        Ok(Self {
            header: own_header(header)?,
            keys,
        })
    }

    pub(super) fn sign(&self, outgoing: &Outgoing<'_>) -> Result<Header, SignError> {
        let key = self.keys.first(outgoing.now)?;
        let signed = format!(
            "{}.{}",
            key.protected(),
            BASE64_URL_SAFE_NO_PAD.encode(outgoing.body)
        );
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
        Ok(header(
            &self.header,
            format!("{}..{signature}", key.protected()),
        ))
    }

    /// The header that it sets.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.keys.count(now)
    }
}

/// Checks a private key, so that a fault can name where the key comes from.
pub(super) fn check_key(given: &[u8], algorithm: Option<&str>) -> Result<(), SetupError> {
    let default = algorithm.map(key::named).transpose()?;
    Key::read(&Secret::new(given), default).map(drop)
}
