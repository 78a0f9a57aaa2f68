//! Signs the messages that the host sends.
//!
//! A [`Signer`] is compiled once from the settings of one destination. It is then a function of a
//! message and `now`. It reads no clock; the randomness that ECDSA and PSS need comes from the
//! cryptography library. Each key signs for a time, so that a new key takes the place of an old one
//! without a restart. A test holds for every scheme that the host's own
//! [`Verifier`](crate::Verifier) accepts these signatures under the same settings.

mod keys;
mod standard_webhooks;
mod jws;
mod private_key;
mod credential;
mod recipe;
mod new_key;
mod sns;

use hookyard_model::{Header, Timestamp};

pub use keys::{KeyCount, SigningKey};
pub use new_key::{NewJwsKey, new_jws_key};
pub use sns::{CERTIFICATE_PATH, SnsNotification, SnsSigner, new_sns_key};

use self::credential::CredentialSigner;
use self::jws::JwsSigner;
use self::recipe::RecipeSigner;
use self::standard_webhooks::StandardWebhooksSigner;
use crate::scheme::header_name;
use crate::{Provider, Refusal, SchemeKind, SetupError};

/// The header for the id of the message, in schemes that do not send the id themselves.
const ID_HEADER: &str = "webhook-id";
const ID_BYTES_MAX: usize = 256;

/// Headers about the connection or the body, which the HTTP client sets.
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

/// The scheme that signs a destination's messages, with its settings.
#[derive(Debug, Clone)]
pub enum SigningScheme {
    /// Standard Webhooks, signed with every live key. At least one secret or key is required.
    StandardWebhooks {
        /// Secrets for `v1`: base64, with or without the prefix `whsec_`.
        secrets: Vec<SigningKey>,
        /// Ed25519 private keys for `v1a`: base64 of 32 bytes, or of 64 bytes with the public key,
        /// with or without the prefix `whsk_`.
        keys: Vec<SigningKey>,
    },
    /// A detached JWS over the body in one header, signed with the first live key.
    DetachedJws {
        /// The HTTP header that holds the JWS.
        header: String,
        /// Private keys, each as a JWK (RFC 7517) or in PEM.
        keys: Vec<SigningKey>,
        /// The algorithm of keys that do not name one, such as `PS256`.
        algorithm: Option<String>,
    },
    /// The first live token as the whole value of a header.
    Header {
        /// The name of the header.
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
        /// The user, the same for every password.
        user: String,
        /// The passwords.
        passwords: Vec<SigningKey>,
    },
    /// An HMAC scheme given as data, the same data that verifies.
    Hmac {
        /// The recipe.
        recipe: Box<crate::recipe::Recipe>,
        /// The secrets, written as the recipe's `key` prescribes. If the signature is a pair, which
        /// can be repeated, every live secret signs; otherwise the first live secret signs.
        secrets: Vec<SigningKey>,
    },
}

/// A message to be signed.
#[derive(Debug, Clone, Copy)]
pub struct UnsignedMessage<'a> {
    /// The id of the message, the same in every delivery: letters, digits, `-` and `_`.
    pub id: &'a str,
    /// The body, exactly as it will be sent.
    pub body: &'a [u8],
    /// The time of this delivery.
    pub now: Timestamp,
    /// The receiver's name for the event type, if the message is a typed event.
    pub event_type: Option<&'a str>,
}

/// The reason for which a message cannot be signed. Each text names the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// No key signs at the time.
    #[error(
        "no {what} of the destination is live now{}; add one, or give one a later `until`",
        begins(*.next)
    )]
    NothingLive {
        /// The kind of key.
        what: &'static str,
        /// The time at which the next key begins to sign.
        next: Option<Timestamp>,
    },
    /// A header cannot hold the id of the message.
    #[error(
        "cannot send the id of the message; it can contain letters, digits, `-` and `_`, and at \
         most {ID_BYTES_MAX} of them"
    )]
    Id,
    /// A header cannot hold the type of the message, where the provider needs one.
    #[error(
        "cannot send the type of the message in the header `{header}`; it can contain only \
         printable ASCII"
    )]
    EventType {
        /// The name of the header.
        header: String,
    },
    /// The scheme cannot express the time.
    #[error("cannot send the time as the scheme prescribes; correct the clock of the host")]
    Time,
    /// The scheme signs fields of the body that this body does not have.
    #[error("cannot sign the body as the scheme prescribes")]
    Body(#[source] Refusal),
    /// The cryptography library failed.
    #[error("the key did not sign; check that it is complete")]
    Key,
}

fn begins(next: Option<Timestamp>) -> String {
    next.map_or_else(String::new, |next| {
        format!(" (the next one is from {next})")
    })
}

/// The scheme of one destination, ready for use.
#[derive(Debug)]
pub struct Signer {
    scheme: SchemeSigner,
    id_header: Option<String>,
    type_header: Option<String>,
}

#[derive(Debug)]
enum SchemeSigner {
    StandardWebhooks(StandardWebhooksSigner),
    DetachedJws(JwsSigner),
    Static(CredentialSigner),
    Hmac(Box<RecipeSigner>),
}

impl Signer {
    /// Checks the settings of a destination and compiles its scheme.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the settings cannot work. No later call reports an error in them.
    pub fn new(scheme: SigningScheme) -> Result<Self, SetupError> {
        let scheme = SchemeSigner::new(scheme)?;
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

    /// Also sends the id and the type of messages in the headers in which the provider has them.
    #[must_use]
    pub fn for_provider(mut self, provider: &Provider) -> Self {
        let key_header = provider.key.headers().next();
        self.id_header = key_header
            .filter(|header| !self.scheme.sets(header))
            .map(str::to_owned)
            .or(self.id_header);

        let type_header = provider.event_type.header();
        self.type_header = type_header
            .filter(|header| !self.scheme.sets(header))
            .map(str::to_owned);
        self
    }

    /// Returns the headers that prove the message, with names in lower case. All other headers of
    /// the request are up to the caller.
    ///
    /// # Errors
    ///
    /// Returns [`SignError`] if no key is live, or if the message does not fit into the headers.
    pub fn sign(&self, message: &UnsignedMessage<'_>) -> Result<Vec<Header>, SignError> {
        let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let id = message.id;
        if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(is_id_byte) {
            return Err(SignError::Id);
        }

        let mut headers = match &self.scheme {
            SchemeSigner::StandardWebhooks(scheme) => scheme.sign(message)?,
            SchemeSigner::DetachedJws(scheme) => vec![scheme.sign(message)?],
            SchemeSigner::Static(scheme) => vec![scheme.sign(message)?],
            SchemeSigner::Hmac(scheme) => scheme.sign(message)?,
        };

        if let Some(name) = &self.id_header {
            headers.push(header(name, id));
        }
        if let (Some(name), Some(event_type)) = (&self.type_header, message.event_type) {
            if !is_header_value(event_type.as_bytes()) {
                return Err(SignError::EventType {
                    header: name.clone(),
                });
            }
            headers.push(header(name, event_type));
        }
        Ok(headers)
    }

    /// Returns the kind of the scheme.
    pub const fn kind(&self) -> SchemeKind {
        match &self.scheme {
            SchemeSigner::StandardWebhooks(_) => SchemeKind::StandardWebhooks,
            SchemeSigner::DetachedJws(_) => SchemeKind::DetachedJws,
            SchemeSigner::Static(scheme) => scheme.kind(),
            SchemeSigner::Hmac(_) => SchemeKind::Hmac,
        }
    }

    /// Returns the number of secrets and keys that are live, waiting and retired at `now`.
    pub fn keys_at(&self, now: Timestamp) -> KeyCount {
        match &self.scheme {
            SchemeSigner::StandardWebhooks(scheme) => scheme.keys_at(now),
            SchemeSigner::DetachedJws(scheme) => scheme.keys_at(now),
            SchemeSigner::Static(scheme) => scheme.keys_at(now),
            SchemeSigner::Hmac(scheme) => scheme.keys_at(now),
        }
    }
}

impl SchemeSigner {
    fn new(scheme: SigningScheme) -> Result<Self, SetupError> {
        match scheme {
            SigningScheme::StandardWebhooks { secrets, keys } => {
                StandardWebhooksSigner::new(&secrets, &keys).map(Self::StandardWebhooks)
            }
            SigningScheme::DetachedJws {
                header,
                keys,
                algorithm,
            } => JwsSigner::new(&header, &keys, algorithm.as_deref()).map(Self::DetachedJws),
            SigningScheme::Header { name, tokens } => {
                CredentialSigner::header(settable_header(&name)?, &tokens).map(Self::Static)
            }
            SigningScheme::Bearer { tokens } => CredentialSigner::bearer(&tokens).map(Self::Static),
            SigningScheme::Basic { user, passwords } => {
                CredentialSigner::basic(&user, &passwords).map(Self::Static)
            }
            SigningScheme::Hmac { recipe, secrets } => {
                let signer = RecipeSigner::new(*recipe, &secrets)?;
                Ok(Self::Hmac(Box::new(signer)))
            }
        }
    }

    /// Returns whether the scheme itself sends the id of the message.
    fn sends_id(&self) -> bool {
        match self {
            Self::StandardWebhooks(_) => true,
            Self::Hmac(scheme) => scheme.sends_id(),
            Self::DetachedJws(_) | Self::Static(_) => false,
        }
    }

    /// Returns whether the scheme itself sets this header.
    fn sets(&self, name: &str) -> bool {
        match self {
            Self::StandardWebhooks(_) => standard_webhooks::HEADERS.contains(&name),
            Self::DetachedJws(scheme) => scheme.header() == name,
            Self::Static(scheme) => scheme.name() == name,
            Self::Hmac(scheme) => scheme.sets(name),
        }
    }
}

/// Checks one Ed25519 private key of Standard Webhooks. [`Signer::new`] checks all keys together.
///
/// # Errors
///
/// Returns [`SetupError`] if the key cannot sign.
pub fn check_ed25519_key(given: &[u8]) -> Result<(), SetupError> {
    standard_webhooks::check_key(given)
}

/// Checks one private key for JWS. `algorithm` is the algorithm of a key that does not name one.
///
/// # Errors
///
/// Returns [`SetupError`] if the key cannot sign.
pub fn check_jws_key(given: &[u8], algorithm: Option<&str>) -> Result<(), SetupError> {
    jws::check_key(given, algorithm)
}

fn header(name: &str, value: impl Into<Vec<u8>>) -> Header {
    Header {
        name: name.to_owned(),
        value: value.into().into(),
    }
}

/// Returns the name of a header in lower case, if a scheme may set the header.
fn settable_header(given: &str) -> Result<String, SetupError> {
    let name = header_name(given)?;
    if RESERVED_HEADERS.contains(&name.as_str()) {
        Err(SetupError::ReservedHeader { name })
    } else {
        Ok(name)
    }
}

/// Returns whether a header can carry a value unchanged: printable ASCII without surrounding
/// spaces.
fn is_header_value(value: &[u8]) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b' ');
    crate::verify::ascii(value).is_some() && is_edge(value.first()) && is_edge(value.last())
}
