//! Credentials that are the same for each message: HTTP Basic, bearer tokens, a header.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookyard_model::{Header, Timestamp};

use super::keys::{KeyCount, Keys, SigningKey};
use super::{Outgoing, SignError, header, is_value};
use crate::credential::{basic_pair, check_user};
use crate::{SchemeKind, Secret, SetupError};

const AUTHORIZATION: &str = "authorization";

#[derive(Debug)]
pub(super) struct Compiled {
    kind: SchemeKind,
    name: String,
    /// Whole values of the header.
    values: Keys<Secret>,
}

impl Compiled {
    pub(super) fn header(name: String, tokens: &[SigningKey]) -> Result<Self, SetupError> {
        let values = Keys::some("token", tokens, |token| sendable("token", token).cloned())?;
        Ok(Self {
            kind: SchemeKind::Header,
            name,
            values,
        })
    }

    pub(super) fn bearer(tokens: &[SigningKey]) -> Result<Self, SetupError> {
        const WHAT: &str = "bearer token";
        let value = |token: &Secret| {
            Ok(Secret::new(
                [b"Bearer ", sendable(WHAT, token)?.expose()].concat(),
            ))
        };
        let values = Keys::some(WHAT, tokens, value)?;
        Ok(Self {
            kind: SchemeKind::Bearer,
            name: AUTHORIZATION.to_owned(),
            values,
        })
    }

    pub(super) fn basic(user: &str, passwords: &[SigningKey]) -> Result<Self, SetupError> {
        check_user(user)?;
        let value = |password: &Secret| {
            let pair = basic_pair(user, password);
            Ok(Secret::new(format!(
                "Basic {}",
                BASE64_STANDARD.encode(pair.expose())
            )))
        };
        let values = Keys::some("password", passwords, value)?;
        Ok(Self {
            kind: SchemeKind::Basic,
            name: AUTHORIZATION.to_owned(),
            values,
        })
    }

    pub(super) fn sign(&self, outgoing: &Outgoing<'_>) -> Result<Header, SignError> {
        Ok(header(
            &self.name,
            self.values.first(outgoing.now)?.expose(),
        ))
    }

    pub(super) const fn kind(&self) -> SchemeKind {
        self.kind
    }

    /// The header that it sets.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn keys_at(&self, now: Timestamp) -> KeyCount {
        self.values.count(now)
    }
}

fn sendable<'s>(what: &'static str, secret: &'s Secret) -> Result<&'s Secret, SetupError> {
    if is_value(secret.expose()) {
        return Ok(secret);
    }
    let why = "it can't stand in a header; it may hold printable ASCII only, without white space around it";
    Err(SetupError::UnusableKey {
        what,
        why: why.to_owned(),
    })
}
