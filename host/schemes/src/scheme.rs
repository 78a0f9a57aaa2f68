//! The scheme of a source with its settings, and the errors that settings can have.
//!
//! Settings are plain data. [`Verifier::new`](crate::Verifier::new) checks them when they are
//! loaded.

use std::fmt;
use std::str::FromStr;

use crate::{
    Credential, InvalidPointer, component, http_signatures, jws, jwt, recipe, sns,
    standard_webhooks, token,
};

/// The scheme that verifies a source's requests, with its settings.
#[derive(Debug, Clone)]
pub enum Scheme {
    /// Standard Webhooks and Svix.
    StandardWebhooks(standard_webhooks::Settings),
    /// A detached JWS over the body in one header.
    DetachedJws(jws::Settings),
    /// Amazon SNS over HTTP.
    AwsSns(sns::Settings),
    /// A credential that is the same for every request.
    Static(Credential),
    /// A signature given as data.
    Recipe(Box<recipe::Settings>),
    /// A token at any place.
    Token(token::Settings),
    /// A component of the provider decides.
    Component(component::Settings),
    /// A scheme of this kind whose secret the sender has not given yet. Every request is refused,
    /// and the sender is asked to try later. A handshake brings the secret.
    NoSecretYet(SchemeKind),
    /// A JSON Web Token.
    Jwt(Box<jwt::Settings>),
    /// HTTP message signatures.
    HttpSignatures(Box<http_signatures::Settings>),
    /// No verification: anybody can send. This is never a default; the operator must ask for it
    /// explicitly.
    Unverified,
}

impl Scheme {
    /// Returns the kind of the scheme.
    pub fn kind(&self) -> SchemeKind {
        match self {
            Self::StandardWebhooks(_) => SchemeKind::StandardWebhooks,
            Self::DetachedJws(_) => SchemeKind::DetachedJws,
            Self::AwsSns(_) => SchemeKind::AwsSns,
            Self::Static(Credential::Basic { .. }) => SchemeKind::Basic,
            Self::Static(Credential::Bearer { .. }) => SchemeKind::Bearer,
            Self::Static(Credential::Header { .. }) => SchemeKind::Header,
            Self::Static(Credential::SecretPath { .. }) => SchemeKind::SecretPath,
            Self::Recipe(settings) if settings.recipe.is_hmac() => SchemeKind::Hmac,
            Self::Recipe(_) => SchemeKind::PublicKey,
            Self::Token(_) => SchemeKind::Token,
            Self::Component(_) => SchemeKind::Verifier,
            Self::NoSecretYet(kind) => *kind,
            Self::Jwt(_) => SchemeKind::Jwt,
            Self::HttpSignatures(_) => SchemeKind::HttpSignatures,
            Self::Unverified => SchemeKind::Unverified,
        }
    }
}

/// The kind of a scheme, as named in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemeKind {
    /// `standard-webhooks`
    StandardWebhooks,
    /// `jws-detached`
    DetachedJws,
    /// `aws-sns`
    AwsSns,
    /// `basic`
    Basic,
    /// `bearer`
    Bearer,
    /// `header`
    Header,
    /// `secret-path`
    SecretPath,
    /// `hmac`
    Hmac,
    /// `public-key`
    PublicKey,
    /// `token`
    Token,
    /// `verifier`
    Verifier,
    /// `jwt`
    Jwt,
    /// `http-signatures`
    HttpSignatures,
    /// `unverified`
    Unverified,
}

impl SchemeKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::StandardWebhooks,
        Self::DetachedJws,
        Self::AwsSns,
        Self::Basic,
        Self::Bearer,
        Self::Header,
        Self::SecretPath,
        Self::Hmac,
        Self::PublicKey,
        Self::Token,
        Self::Verifier,
        Self::Jwt,
        Self::HttpSignatures,
        Self::Unverified,
    ];

    /// Returns the name of the kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::DetachedJws => "jws-detached",
            Self::AwsSns => "aws-sns",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Header => "header",
            Self::SecretPath => "secret-path",
            Self::Hmac => "hmac",
            Self::PublicKey => "public-key",
            Self::Token => "token",
            Self::Verifier => "verifier",
            Self::Jwt => "jwt",
            Self::HttpSignatures => "http-signatures",
            Self::Unverified => "unverified",
        }
    }
}

impl fmt::Display for SchemeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SchemeKind {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, SetupError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| SetupError::UnknownScheme {
                given: text.to_owned(),
            })
    }
}

/// An error in settings. Each message names the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// There is no scheme with this name.
    #[error(
        "there is no scheme `{given}`; use one of {}",
        SchemeKind::ALL.map(SchemeKind::name).join(", ")
    )]
    UnknownScheme {
        /// The name as given.
        given: String,
    },
    /// The scheme has no key.
    #[error("no {what} is given; nothing can be verified without one, so configure at least one")]
    NoKeys {
        /// The kind of key.
        what: &'static str,
    },
    /// A key has no bytes.
    #[error("a {what} is empty; an empty key would let anybody sign")]
    EmptyKey {
        /// The kind of key.
        what: &'static str,
    },
    /// A key cannot be read.
    #[error("a {what} cannot be used: {why}")]
    UnusableKey {
        /// The kind of key.
        what: &'static str,
        /// The defect and the way out.
        why: String,
    },
    /// A text is not the name of a header.
    #[error("`{given}` is not a header name; use letters, digits and `-`")]
    HeaderName {
        /// The text as given.
        given: String,
    },
    /// A text is not the name of a parameter of a query or of a field of a form.
    #[error("`{given}` is not the name of a parameter; write the name, without control characters")]
    ParameterName {
        /// The text as given.
        given: String,
    },
    /// A text does not name a kind of location.
    #[error("there is no location `{given}`; use one of {}", crate::value::PlaceKind::WORDS.join(", "))]
    PlaceWord {
        /// The text as given.
        given: String,
    },
    /// A text is not a JSON pointer.
    #[error(transparent)]
    Pointer(#[from] InvalidPointer),
    /// A header cannot carry a proof: it is about the connection or the body, or holds the id of
    /// the message.
    #[error("the header `{name}` is set by the HTTP client; choose another")]
    ReservedHeader {
        /// The name of the header, in lower case.
        name: String,
    },
    /// A part of a recipe cannot work.
    #[error("`{key}` {why}")]
    Recipe {
        /// The key of the recipe.
        key: &'static str,
        /// The defect and the way out.
        why: String,
    },
    /// The public URL of a source cannot be used.
    #[error("`{given}` is not a public URL: {why}")]
    PublicUrl {
        /// The text as given.
        given: String,
        /// The way out.
        why: String,
    },
    /// The sender signs the URL, and the source does not say which.
    #[error(
        "the sender signs the URL; add `public_url`, the URL that is registered at the sender, such \
         as \"https://hooks.example.com/acme/shop\""
    )]
    NoPublicUrl,
    /// The sender does not sign the body.
    #[error(
        "the sender does not sign the body, so that anybody who sees one request can send others; add \
         `unsigned_body = true` if you accept this"
    )]
    UnsignedBody,
    /// A recipe can verify but not sign.
    #[error("this recipe cannot sign: {why}")]
    OneWay {
        /// The defect and the way out.
        why: String,
    },
    /// A URL rule allows too much or nothing.
    #[error("`{given}` is not a valid URL rule: {why}")]
    UrlRule {
        /// The text as given.
        given: String,
        /// The defect and the way out.
        why: String,
    },
    /// A template is not valid.
    #[error("`{given}` is not a valid template: {why}")]
    Template {
        /// The text as given.
        given: String,
        /// The defect and the way out.
        why: String,
    },
    /// An answer that HTTP cannot carry, or that would mislead the sender.
    #[error("the answer cannot be sent: {why}")]
    Answer {
        /// The defect and the way out.
        why: String,
    },
    /// A handshake cannot work.
    #[error("the handshake cannot work: {why}")]
    Handshake {
        /// The defect and the way out.
        why: String,
    },
    /// A handshake compares a value with a secret that the source does not have.
    #[error(
        "a handshake of the provider compares a value with a secret of the source; add \
         handshake_secret = {{ env = \"NAME\" }}, and give the same secret to the sender"
    )]
    NoHandshakeSecret,
    /// A signature cannot cover a part of a request with this name.
    #[error(
        "`{given}` is not a component of a request; use the name of a header, or one of {known}"
    )]
    UnknownComponent {
        /// The text as given.
        given: String,
        /// The components that are not headers.
        known: String,
    },
    /// A source lacks a setting that its provider's rules contain.
    #[error("the provider needs the setting `{name}`; write settings = {{ {name} = \"…\" }}")]
    MissingSetting {
        /// The name of the setting.
        name: String,
    },
    /// A setting makes no sense.
    #[error("{0}")]
    Senseless(&'static str),
}

/// Returns the name of a header in lower case, if it is valid (RFC 9110, 5.1).
pub(crate) fn header_name(given: &str) -> Result<String, SetupError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if given.is_empty() || !given.bytes().all(is_token) {
        return Err(SetupError::HeaderName {
            given: given.to_owned(),
        });
    }
    Ok(given.to_ascii_lowercase())
}
