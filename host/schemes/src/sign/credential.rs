//! Sends credentials that are the same for every message: HTTP Basic, bearer tokens, and the value
//! of a header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{SignError, UnsignedMessage, header, is_header_value};
use crate::verify::credential::{basic_pair, check_user};
use crate::{SchemeKind, Secret, SetupError};

const AUTHORIZATION: &str = "authorization";

#[derive(Debug)]
pub(super) struct CredentialSigner {
    kind: SchemeKind,
    /// The header that holds the credential.
    name: String,
    /// The values of the whole header.
    values: Keys<Secret>,
}

impl CredentialSigner {
    pub(super) fn header(name: String, tokens: &[SigningKey]) -> Result<Self, SetupError> {
        let values = Keys::required("token", tokens, |token| sendable("token", token).cloned())?;
        Ok(Self {
            kind: SchemeKind::Header,
            name,
            values,
        })
    }

    pub(super) fn bearer(tokens: &[SigningKey]) -> Result<Self, SetupError> {
        const WHAT: &str = "bearer token";

        let values = Keys::required(WHAT, tokens, |token| {
            let token = sendable(WHAT, token)?.expose();
            Ok(Secret::new([b"Bearer ", token].concat()))
        })?;
        Ok(Self {
            kind: SchemeKind::Bearer,
            name: AUTHORIZATION.to_owned(),
            values,
        })
    }

    pub(super) fn basic(user: &str, passwords: &[SigningKey]) -> Result<Self, SetupError> {
        check_user(user)?;

        let values = Keys::required("password", passwords, |password| {
            let pair = BASE64_STANDARD.encode(basic_pair(user, password).expose());
            Ok(Secret::new(format!("Basic {pair}")))
        })?;
        Ok(Self {
            kind: SchemeKind::Basic,
            name: AUTHORIZATION.to_owned(),
            values,
        })
    }

    pub(super) fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Header, SignError> {
        let value = self.values.first(message.now)?;
        Ok(header(&self.name, value.expose()))
    }

    pub(super) const fn kind(&self) -> SchemeKind {
        self.kind
    }

    /// Returns the header that the scheme sets.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.values.count(now)
    }
}

fn sendable<'s>(what: &'static str, secret: &'s Secret) -> Result<&'s Secret, SetupError> {
    if is_header_value(secret.expose()) {
        return Ok(secret);
    }
    let why = "a header cannot hold it; it must be printable ASCII without surrounding spaces";
    Err(SetupError::UnusableKey {
        what,
        why: why.to_owned(),
    })
}
