//! Signs messages with a detached JWS (RFC 7515, appendix F): `<protected header>..<signature>`,
//! over the raw body.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::private_key::PrivateKey;
use super::{SignError, UnsignedMessage, header, settable_header};
use crate::verify::jws::public_key::parse_algorithm;
use crate::{Secret, SetupError};

#[derive(Debug)]
pub(super) struct JwsSigner {
    header: String,
    keys: Keys<PrivateKey>,
}

impl JwsSigner {
    pub(super) fn new(
        header: &str,
        keys: &[SigningKey],
        algorithm: Option<&str>,
    ) -> Result<Self, SetupError> {
        let default = algorithm.map(parse_algorithm).transpose()?;
        let keys = Keys::required("private key", keys, |secret| {
            PrivateKey::read(secret, default)
        })?;
        Ok(Self {
            header: settable_header(header)?,
            keys,
        })
    }

    pub(super) fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Header, SignError> {
        let key = self.keys.first(message.now)?;
        let protected = key.protected();

        let payload = BASE64_URL_SAFE_NO_PAD.encode(message.body);
        let signed = format!("{protected}.{payload}");
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);

        Ok(header(&self.header, format!("{protected}..{signature}")))
    }

    /// Returns the header that the scheme sets.
    pub(super) fn header(&self) -> &str {
        &self.header
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.keys.count(now)
    }
}

/// Checks one private key, so that an error can name the key's file or variable.
pub(super) fn check_key(given: &[u8], algorithm: Option<&str>) -> Result<(), SetupError> {
    let default = algorithm.map(parse_algorithm).transpose()?;
    PrivateKey::read(&Secret::new(given), default).map(drop)
}
