//! Signs what we send: the other direction of the schemes that verify.
//!
//! A [`Signer`] is compiled once from one destination's settings and is then a function of a message and `now`: nothing
//! here reads a clock, and what ECDSA and PSS need of randomness the cryptography library draws by itself. Keys are live
//! for a time, so that one takes another's place without a restart. What is signed here verifies by our own
//! [`Verifier`](crate::Verifier) under the same settings; a test holds that for every scheme.

mod keys;
mod standard_webhooks;
mod jws;
mod jws_key;
mod credential;
mod hmac;

use hookyard_model::{Header, Timestamp};

pub use keys::{KeyCount, SigningKey};

use crate::scheme::header_name;
use crate::{KeySource, Provider, SchemeKind, SetupError, TypeRule};

/// Where the message's id stands for schemes that have no place for it.
const ID_HEADER: &str = "webhook-id";
const ID_BYTES_MAX: usize = 256;
/// Headers that are about the connection or the body, which whoever sends the request sets.
const RESERVED_HEADERS: [&str; 14] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// How a destination's messages are signed, with all that this needs.
#[derive(Debug, Clone)]
pub enum SigningScheme {
    /// Standard Webhooks, signed with every live key. There has to be a secret or a key.
    StandardWebhooks {
        /// For `v1`: base64, with or without `whsec_` before it.
        secrets: Vec<SigningKey>,
        /// For `v1a`: Ed25519 private keys, base64 of 32 bytes, or of 64 with the public key after it, with or without
        /// `whsk_` before it.
        keys: Vec<SigningKey>,
    },
    /// A detached JWS over the body in one header, signed with the first live key.
    DetachedJws {
        /// The HTTP header that holds the JWS.
        header: String,
        /// Private keys, each as a JWK (RFC 7517) or in PEM.
        keys: Vec<SigningKey>,
        /// The algorithm of keys that don't say one themselves, such as `PS256`.
        algorithm: Option<String>,
    },
    /// The first live token as the whole value of a header.
    Header {
        /// The header's name.
        name: String,
        /// The tokens.
        tokens: Vec<SigningKey>,
    },
    /// `Authorization: Bearer`, with the first live token.
    Bearer {
        /// The tokens.
        tokens: Vec<SigningKey>,
    },
    /// `Authorization: Basic`, with the first live password.
    Basic {
        /// The user, the same for each password.
        user: String,
        /// The passwords.
        passwords: Vec<SigningKey>,
    },
    /// An HMAC scheme given as data, the same that verifies.
    Hmac {
        /// The way of signing.
        recipe: crate::hmac::Recipe,
        /// As the recipe's `key` says. Signed with every live one where the signature is a pair, which may be repeated;
        /// otherwise with the first live one.
        secrets: Vec<SigningKey>,
    },
}

/// A message that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The same on every try: letters, digits, `-` and `_`.
    pub id: &'a str,
    /// The bytes as they will be sent.
    pub body: &'a [u8],
    /// When this try is made.
    pub now: Timestamp,
    /// The receiver's name of what happened, where the message is a typed event.
    pub event_type: Option<&'a str>,
}

/// Why a message can't be signed. Each names the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// No key is live at the time.
    #[error("no {what} of the destination is live now{}; add one, or give one a later `until`", begins(*.next))]
    NothingLive {
        /// What kind of key.
        what: &'static str,
        /// When the next one begins to be.
        next: Option<Timestamp>,
    },
    /// The message's id can't stand in a header.
    #[error(
        "the message's id can't be sent; it may hold letters, digits, `-` and `_`, {ID_BYTES_MAX} at most"
    )]
    Id,
    /// The message's type can't stand in a header, where the provider has it.
    #[error(
        "the message's type can't be sent as the header `{header}`; it may hold printable ASCII only"
    )]
    EventType {
        /// The header.
        header: String,
    },
    /// The time can't be written.
    #[error("the time can't be sent as the scheme writes it; put the host's clock right")]
    Time,
    /// The cryptography library failed.
    #[error("the key did not sign; check that it is whole")]
    Key,
}

fn begins(next: Option<Timestamp>) -> String {
    next.map_or_else(String::new, |next| {
        format!(" (the next one is from {next})")
    })
}

/// One destination's scheme, ready for use.
#[derive(Debug)]
pub struct Signer {
    scheme: Compiled,
    id_header: Option<String>,
    type_header: Option<String>,
}

#[derive(Debug)]
enum Compiled {
    StandardWebhooks(standard_webhooks::Compiled),
    DetachedJws(jws::Compiled),
    Static(credential::Compiled),
    Hmac(Box<hmac::Compiled>),
}

impl Signer {
    /// Checks the settings and makes them ready. What is wrong with them is said here, at load, and never later.
    pub fn new(scheme: SigningScheme) -> Result<Self, SetupError> {
        let scheme = match scheme {
            SigningScheme::StandardWebhooks { secrets, keys } => {
                Compiled::StandardWebhooks(standard_webhooks::Compiled::new(&secrets, &keys)?)
            }
            SigningScheme::DetachedJws {
                header,
                keys,
                algorithm,
            } => Compiled::DetachedJws(jws::Compiled::new(&header, &keys, algorithm.as_deref())?),
            SigningScheme::Header { name, tokens } => {
                Compiled::Static(credential::Compiled::header(own_header(&name)?, &tokens)?)
            }
            SigningScheme::Bearer { tokens } => {
                Compiled::Static(credential::Compiled::bearer(&tokens)?)
            }
            SigningScheme::Basic { user, passwords } => {
                Compiled::Static(credential::Compiled::basic(&user, &passwords)?)
            }
            SigningScheme::Hmac { recipe, secrets } => {
                Compiled::Hmac(Box::new(hmac::Compiled::new(recipe, &secrets)?))
            }
        };
        if !scheme.sends_id() && scheme.sets(ID_HEADER) {
            return Err(SetupError::ReservedHeader {
                name: ID_HEADER.to_owned(),
            });
        }
        let id_header = (!scheme.sends_id()).then(|| ID_HEADER.to_owned());
        Ok(Self {
            scheme,
            id_header,
            type_header: None,
        })
    }

    /// The same, with the id and the type of messages also in the headers where the provider has them.
    #[must_use]
    pub fn for_provider(mut self, provider: &Provider) -> Self {
        let key_header = provider.key.from.iter().find_map(|source| match source {
            KeySource::Header(header) => Some(header.clone()),
            KeySource::SchemeId | KeySource::Json(_) => None,
        });
        self.id_header = key_header
            .filter(|header| !self.scheme.sets(header))
            .or(self.id_header);
        if let TypeRule::Header(header) = &provider.event_type {
            self.type_header = Some(header.clone()).filter(|header| !self.scheme.sets(header));
        }
        self
    }

    /// The headers that prove the message, names in lower case. Other headers of the request are the caller's.
    pub fn sign(&self, outgoing: &Outgoing<'_>) -> Result<Vec<Header>, SignError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if outgoing.id.is_empty()
            || outgoing.id.len() > ID_BYTES_MAX
            || !outgoing.id.bytes().all(fits)
        {
            return Err(SignError::Id);
        }
        let mut headers = match &self.scheme {
            Compiled::StandardWebhooks(scheme) => scheme.sign(outgoing)?,
            Compiled::DetachedJws(scheme) => vec![scheme.sign(outgoing)?],
            Compiled::Static(scheme) => vec![scheme.sign(outgoing)?],
            Compiled::Hmac(scheme) => scheme.sign(outgoing)?,
        };
        headers.extend(
            self.id_header
                .as_deref()
                .map(|name| header(name, outgoing.id)),
        );
        if let Some((name, event_type)) = self.type_header.as_deref().zip(outgoing.event_type) {
            if !is_value(event_type.as_bytes()) {
                return Err(SignError::EventType {
                    header: name.to_owned(),
                });
            }
            headers.push(header(name, event_type));
        }
        Ok(headers)
    }

    /// Which scheme it is.
    pub const fn kind(&self) -> SchemeKind {
        match &self.scheme {
            Compiled::StandardWebhooks(_) => SchemeKind::StandardWebhooks,
            Compiled::DetachedJws(_) => SchemeKind::DetachedJws,
            Compiled::Static(scheme) => scheme.kind(),
            Compiled::Hmac(_) => SchemeKind::Hmac,
        }
    }

    /// How many of its secrets and keys are live at `now`.
    pub fn keys_at(&self, now: Timestamp) -> KeyCount {
        match &self.scheme {
            Compiled::StandardWebhooks(scheme) => scheme.keys_at(now),
            Compiled::DetachedJws(scheme) => scheme.keys_at(now),
            Compiled::Static(scheme) => scheme.keys_at(now),
            Compiled::Hmac(scheme) => scheme.keys_at(now),
        }
    }
}

impl Compiled {
    /// Whether the scheme itself says the message's id.
    fn sends_id(&self) -> bool {
        match self {
            Self::StandardWebhooks(_) => true,
            Self::Hmac(scheme) => scheme.sends_id(),
            Self::DetachedJws(_) | Self::Static(_) => false,
        }
    }

    /// Whether the scheme itself sets this header.
    fn sets(&self, name: &str) -> bool {
        match self {
            Self::StandardWebhooks(_) => standard_webhooks::HEADERS.contains(&name),
            Self::DetachedJws(scheme) => scheme.header() == name,
            Self::Static(scheme) => scheme.name() == name,
            Self::Hmac(scheme) => scheme.sets(name),
        }
    }
}

/// Checks an Ed25519 private key of Standard Webhooks by itself. [`Signer::new`] does the same for all keys together.
pub fn check_ed25519_key(given: &[u8]) -> Result<(), SetupError> {
    standard_webhooks::check_key(given)
}

/// Checks a private key for JWS by itself. `algorithm` is that of keys that don't say one.
pub fn check_jws_key(given: &[u8], algorithm: Option<&str>) -> Result<(), SetupError> {
    jws::check_key(given, algorithm)
}

fn header(name: &str, value: impl Into<Vec<u8>>) -> Header {
    Header {
        name: name.to_owned(),
        value: value.into().into(),
    }
}

/// A header's name in lower case, if it is one that a scheme may set.
fn own_header(given: &str) -> Result<String, SetupError> {
    let name = header_name(given)?;
    match RESERVED_HEADERS.contains(&name.as_str()) {
        true => Err(SetupError::ReservedHeader { name }),
        false => Ok(name),
    }
}

/// Whether a header's value arrives as it was sent: white space around it would not.
fn is_value(value: &[u8]) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b' ');
    crate::request::ascii(value).is_some() && edge(value.first()) && edge(value.last())
}
