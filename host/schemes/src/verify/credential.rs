//! Verifies credentials that are the same for every request: HTTP Basic (RFC 7617), bearer tokens
//! (RFC 6750), the value of a header, and a secret path.
//!
//! A credential proves the sender only as well as the connection keeps it secret, and does not
//! protect the body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Refusal, Request, ascii};
use crate::scheme::header_name;
use crate::{SchemeKind, Secret, SetupError};

/// A credential. Several values are accepted at once while an old one is being replaced.
#[derive(Debug, Clone)]
pub enum Credential {
    /// `Authorization: Basic`.
    Basic {
        /// The user, the same for every password.
        user: String,
        /// The accepted passwords.
        passwords: Vec<Secret>,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// The accepted tokens.
        tokens: Vec<Secret>,
    },
    /// The whole value of a header.
    Header {
        /// The name of the header.
        name: String,
        /// The accepted values.
        tokens: Vec<Secret>,
    },
    /// The last segment of the path.
    SecretPath {
        /// The accepted segments.
        secrets: Vec<Secret>,
    },
}

/// A credential, checked and ready for use.
#[derive(Debug)]
pub(crate) struct CredentialVerifier {
    location: Location,
    /// The accepted values; for Basic, `user:password`.
    accepted: Vec<Secret>,
}

/// The part of a request that holds the credential.
#[derive(Debug)]
enum Location {
    /// `Authorization: Basic`.
    Basic,
    /// `Authorization: Bearer`.
    Bearer,
    /// The header with this name.
    Header(String),
    /// The last segment of the path.
    Path,
}

impl CredentialVerifier {
    pub(crate) fn new(credential: Credential) -> Result<Self, SetupError> {
        let (location, what, accepted) = match credential {
            Credential::Basic { user, passwords } => {
                check_user(&user)?;
                // An empty password would not be found in `user:password`.
                check_keys("password", &passwords)?;
                let accepted = passwords
                    .iter()
                    .map(|password| basic_pair(&user, password))
                    .collect();
                (Location::Basic, "password", accepted)
            }
            Credential::Bearer { tokens } => (Location::Bearer, "bearer token", tokens),
            Credential::Header { name, tokens } => {
                (Location::Header(header_name(&name)?), "token", tokens)
            }
            Credential::SecretPath { secrets } => (Location::Path, "path secret", secrets),
        };

        check_keys(what, &accepted)?;
        if matches!(location, Location::Path) {
            check_path_secrets(&accepted)?;
        }

        Ok(Self { location, accepted })
    }

    pub(crate) fn verify(&self, request: &Request<'_>) -> Result<(), Refusal> {
        match &self.location {
            Location::Path => self.check(request.tail.map(str::as_bytes)),
            Location::Header(name) => self.check(request.optional_header(name)?),
            Location::Basic | Location::Bearer => {
                let Some(value) = request.optional_header("authorization")? else {
                    return self.check(None);
                };
                // Another scheme or a malformed value is a wrong credential, not a missing one.
                let given = self
                    .authorization(value)
                    .ok_or(Refusal::WrongCredential { kind: self.kind() })?;
                self.check(Some(&given))
            }
        }
    }

    /// Returns the header that holds the credential.
    pub(crate) fn header(&self) -> Option<&str> {
        match &self.location {
            Location::Basic | Location::Bearer => Some("authorization"),
            Location::Header(name) => Some(name),
            Location::Path => None,
        }
    }

    pub(crate) const fn takes_tail(&self) -> bool {
        matches!(self.location, Location::Path)
    }

    const fn kind(&self) -> SchemeKind {
        match self.location {
            Location::Basic => SchemeKind::Basic,
            Location::Bearer => SchemeKind::Bearer,
            Location::Header(_) => SchemeKind::Header,
            Location::Path => SchemeKind::SecretPath,
        }
    }

    fn check(&self, given: Option<&[u8]>) -> Result<(), Refusal> {
        let kind = self.kind();
        let given = given.ok_or(Refusal::MissingCredential { kind })?;

        // All secrets are compared, so that the time does not reveal which one matches.
        let is_accepted = self
            .accepted
            .iter()
            .fold(false, |found, secret| found | secret.matches(given));
        if is_accepted {
            Ok(())
        } else {
            Err(Refusal::WrongCredential { kind })
        }
    }

    /// Returns the credential in an `Authorization` header of this scheme. The name of the scheme
    /// is case-insensitive (RFC 9110, 11.1).
    fn authorization(&self, value: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ascii(value)?.split_once(' ')?;
        let given = rest.trim_start_matches(' ');
        if matches!(self.location, Location::Basic) {
            let encoded = name.eq_ignore_ascii_case("Basic").then_some(given)?;
            BASE64_STANDARD.decode(encoded).ok()
        } else {
            let token = name.eq_ignore_ascii_case("Bearer").then_some(given)?;
            Some(token.as_bytes().to_vec())
        }
    }
}

/// Refuses a user that HTTP Basic cannot express.
pub(crate) fn check_user(user: &str) -> Result<(), SetupError> {
    if user.contains(':') || user.chars().any(char::is_control) {
        Err(SetupError::Senseless(
            "a Basic user cannot contain `:` or control characters (RFC 7617)",
        ))
    } else {
        Ok(())
    }
}

/// Returns `user:password`.
pub(crate) fn basic_pair(user: &str, password: &Secret) -> Secret {
    Secret::new([user.as_bytes(), b":", password.expose()].concat())
}

fn check_path_secrets(secrets: &[Secret]) -> Result<(), SetupError> {
    let is_unescaped = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let mut bytes = secrets.iter().flat_map(Secret::expose);

    if bytes.all(is_unescaped) {
        Ok(())
    } else {
        Err(SetupError::Senseless(
            "a path secret can contain only letters, digits and `-._~`; other characters are \
             escaped in a URL",
        ))
    }
}

/// Refuses an empty list and an empty key.
pub(crate) fn check_keys(what: &'static str, keys: &[Secret]) -> Result<(), SetupError> {
    if keys.is_empty() {
        return Err(SetupError::NoKeys { what });
    }
    if keys.iter().any(Secret::is_empty) {
        return Err(SetupError::EmptyKey { what });
    }
    Ok(())
}
