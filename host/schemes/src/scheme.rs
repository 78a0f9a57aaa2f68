//! Which scheme a source uses, with its settings, and what can be wrong with them.
//!
//! Settings are plain data; [`Verifier::new`](crate::Verifier::new) checks them all at once, at load.

use std::fmt;
use std::str::FromStr;

use crate::{Credential, hmac, jws, sns, standard_webhooks};

/// How a source's requests are proven, with all that this needs.
#[derive(Debug, Clone)]
pub enum Scheme {
    /// Standard Webhooks and Svix.
    StandardWebhooks(standard_webhooks::Settings),
    /// A detached JWS over the body in one header.
    DetachedJws(jws::Settings),
    /// Amazon SNS over HTTP.
    AwsSns(sns::Settings),
    /// A credential that is the same for each request.
    Static(Credential),
    /// An HMAC scheme given as data.
    Hmac(hmac::Settings),
    /// Every request is accepted from anybody. Never a default: the operator has to ask for it in words.
    Unverified,
}

impl Scheme {
    /// Which scheme it is, without its settings.
    pub const fn kind(&self) -> SchemeKind {
        match self {
            Self::StandardWebhooks(_) => SchemeKind::StandardWebhooks,
            Self::DetachedJws(_) => SchemeKind::DetachedJws,
            Self::AwsSns(_) => SchemeKind::AwsSns,
            Self::Static(Credential::Basic { .. }) => SchemeKind::Basic,
            Self::Static(Credential::Bearer { .. }) => SchemeKind::Bearer,
            Self::Static(Credential::Header { .. }) => SchemeKind::Header,
            Self::Static(Credential::SecretPath { .. }) => SchemeKind::SecretPath,
            Self::Hmac(_) => SchemeKind::Hmac,
            Self::Unverified => SchemeKind::Unverified,
        }
    }
}

/// A scheme's name, as configuration says it.
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
    /// `unverified`
    Unverified,
}

impl SchemeKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::StandardWebhooks,
        Self::DetachedJws,
        Self::AwsSns,
        Self::Basic,
        Self::Bearer,
        Self::Header,
        Self::SecretPath,
        Self::Hmac,
        Self::Unverified,
    ];

    /// The name.
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

/// Settings that can't be used. Each message names the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No such scheme.
    #[error("there is no scheme `{given}`; use one of {}", SchemeKind::ALL.map(SchemeKind::name).join(", "))]
    UnknownScheme {
        /// As given.
        given: String,
    },
    /// A scheme without any key.
    #[error("no {what} is given; without one nothing can be verified, so name at least one")]
    NoKeys {
        /// What is missing.
        what: &'static str,
    },
    /// A key without any bytes.
    #[error("a {what} is empty; an empty key would let anybody sign")]
    EmptyKey {
        /// What is empty.
        what: &'static str,
    },
    /// A key that can't be read.
    #[error("a {what} can't be used: {why}")]
    UnusableKey {
        /// What kind of key.
        what: &'static str,
        /// What is wrong, and the way out.
        why: String,
    },
    /// A header's name that isn't one.
    #[error("`{given}` is not a header name; use letters, digits and `-`")]
    HeaderName {
        /// As given.
        given: String,
    },
    /// A header that is about the connection or the body, or that holds the message's id, and can't carry a proof.
    #[error("the header `{name}` is set by whoever sends the request; choose another")]
    ReservedHeader {
        /// In lower case.
        name: String,
    },
    /// An HMAC recipe by which one can verify and not sign.
    #[error("nothing can be signed by this recipe: {why}")]
    OneWay {
        /// What is wrong, and the way out.
        why: String,
    },
    /// A URL rule that would allow too much or nothing.
    #[error("`{given}` can't be used as a URL rule: {why}")]
    UrlRule {
        /// As given.
        given: String,
        /// What is wrong, and the way out.
        why: String,
    },
    /// A template that can't be used.
    #[error("`{given}` can't be used as a template: {why}")]
    Template {
        /// As given.
        given: String,
        /// What is wrong, and the way out.
        why: String,
    },
    /// A setting that makes no sense.
    #[error("{0}")]
    Senseless(&'static str),
}

/// A header's name in lower case, if it is one (RFC 9110, 5.1).
pub(crate) fn header_name(given: &str) -> Result<String, SetupError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if given.is_empty() || !given.bytes().all(fits) {
        return Err(SetupError::HeaderName {
            given: given.to_owned(),
        });
    }
    Ok(given.to_ascii_lowercase())
}
