//! Credentials that are the same for each request: HTTP Basic (RFC 7617), bearer tokens (RFC 6750), a header, a path.
//!
//! They prove the sender only as well as the connection keeps them secret, and say nothing of the body.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::request::ascii;
use crate::scheme::header_name;
use crate::{Refusal, Request, Secret, SetupError};

const BASIC_CHALLENGE: &str = "Basic realm=\"hookyard\", charset=\"UTF-8\"";
const BEARER_CHALLENGE: &str = "Bearer realm=\"hookyard\"";

/// A credential; several values are live at once while one is being replaced.
#[derive(Debug, Clone)]
pub enum Credential {
    /// `Authorization: Basic`.
    Basic {
        /// The user, the same for each password.
        user: String,
        /// Any of these.
        passwords: Vec<Secret>,
    },
    /// `Authorization: Bearer`.
    Bearer {
        /// Any of these.
        tokens: Vec<Secret>,
    },
    /// The whole value of a header.
    Header {
        /// The header's name.
        name: String,
        /// Any of these.
        tokens: Vec<Secret>,
    },
    /// The last segment of the path.
    SecretPath {
        /// Any of these.
        secrets: Vec<Secret>,
    },
}

/// A credential, checked.
#[derive(Debug)]
pub(crate) struct CompiledCredential {
    place: Place,
    /// What has to be given; for Basic, `user:password`.
    accepted: Vec<Secret>,
}

#[derive(Debug)]
enum Place {
    Authorization {
        scheme: &'static str,
        challenge: &'static str,
    },
    Header(String),
    Path,
}

impl CompiledCredential {
    pub(crate) fn new(credential: Credential) -> Result<Self, SetupError> {
        let (place, what, accepted) = match credential {
            Credential::Basic { user, passwords } => {
                check_user(&user)?;
                check_keys("password", &passwords)?;
                let accepted = passwords
                    .iter()
                    .map(|password| basic_pair(&user, password))
                    .collect();
                let place = Place::Authorization {
                    scheme: "Basic",
                    challenge: BASIC_CHALLENGE,
                };
                (place, "password", accepted)
            }
            Credential::Bearer { tokens } => (
                Place::Authorization {
                    scheme: "Bearer",
                    challenge: BEARER_CHALLENGE,
                },
                "bearer token",
                tokens,
            ),
            Credential::Header { name, tokens } => {
                (Place::Header(header_name(&name)?), "token", tokens)
            }
            Credential::SecretPath { secrets } => (Place::Path, "path secret", secrets),
        };
        check_keys(what, &accepted)?;
        if matches!(place, Place::Path) {
            check_path_secrets(&accepted)?;
        }
        Ok(Self { place, accepted })
    }

    pub(crate) fn verify(&self, request: &Request<'_>) -> Result<(), Refusal> {
        match &self.place {
            Place::Path => self.check(request.tail.map(str::as_bytes), None),
            Place::Header(name) => self.check(request.optional_header(name)?, None),
            Place::Authorization { scheme, challenge } => {
                let value = request.optional_header("authorization")?;
                let given = value.map(|value| authorization(scheme, value));
                match given {
                    // Another scheme or a broken value is a wrong credential, and never a missing one.
                    Some(None) => Err(Refusal::WrongCredential {
                        challenge: Some(challenge),
                    }),
                    given => self.check(given.flatten().as_deref(), Some(challenge)),
                }
            }
        }
    }

    /// The header that it is in.
    pub(crate) fn header(&self) -> Option<&str> {
        match &self.place {
            Place::Authorization { .. } => Some("authorization"),
            Place::Header(name) => Some(name),
            Place::Path => None,
        }
    }

    pub(crate) const fn takes_tail(&self) -> bool {
        matches!(self.place, Place::Path)
    }

    fn check(&self, given: Option<&[u8]>, challenge: Option<&'static str>) -> Result<(), Refusal> {
        let given = given.ok_or(Refusal::MissingCredential { challenge })?;
        // Every one is compared, so that the time doesn't tell which one fits.
        let fits = self
            .accepted
            .iter()
            .fold(false, |fits, secret| fits | secret.matches(given));
        if fits {
            Ok(())
        } else {
            Err(Refusal::WrongCredential { challenge })
        }
    }
}

/// The credential of an `Authorization` header of this scheme, whose name is case-insensitive (RFC 9110, 11.1).
fn authorization(scheme: &str, value: &[u8]) -> Option<Vec<u8>> {
    let (name, rest) = ascii(value)?.split_once(' ')?;
    let given = rest.trim_start_matches(' ');
    match (name.eq_ignore_ascii_case(scheme), scheme) {
        (false, _) => None,
        (true, "Basic") => BASE64_STANDARD.decode(given).ok(),
        (true, _) => Some(given.as_bytes().to_vec()),
    }
}

/// Refuses a user that Basic can't say.
pub(crate) fn check_user(user: &str) -> Result<(), SetupError> {
    match user.contains(':') || user.chars().any(char::is_control) {
        true => Err(SetupError::Senseless(
            "a Basic user can't hold `:` or control characters (RFC 7617)",
        )),
        false => Ok(()),
    }
}

pub(crate) fn basic_pair(user: &str, password: &Secret) -> Secret {
    Secret::new([user.as_bytes(), b":", password.expose()].concat())
}

fn check_path_secrets(secrets: &[Secret]) -> Result<(), SetupError> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    match secrets
        .iter()
        .all(|secret| secret.expose().iter().all(is_plain))
    {
        true => Ok(()),
        false => Err(SetupError::Senseless(
            "a path secret may hold only letters, digits and `-._~`; anything else is written differently in a URL",
        )),
    }
}

/// Refuses an empty list and an empty member of it.
pub(crate) fn check_keys(what: &'static str, keys: &[Secret]) -> Result<(), SetupError> {
    if keys.is_empty() {
        return Err(SetupError::NoKeys { what });
    }
    if keys.iter().any(Secret::is_empty) {
        return Err(SetupError::EmptyKey { what });
    }
    Ok(())
}
