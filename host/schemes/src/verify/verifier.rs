//! The verifier of one source: its scheme, compiled from settings and applied to requests.

use std::sync::Arc;

use hookyard_model::{Payload, Timestamp};

use super::component::{ComponentFile, ComponentVerifier, RequestVerifier};
use super::credential::CredentialVerifier;
use super::http_signatures::HttpSignatureVerifier;
use super::jws::JwsVerifier;
use super::jwt::JwtVerifier;
use super::recipe::RecipeVerifier;
use super::sns::SnsVerifier;
use super::standard_webhooks::StandardWebhooksVerifier;
use super::token::TokenVerifier;
use super::{Documents, Refusal, Request, Verdict, Verification, Verified};
use crate::diagnose::SignatureTrace;
use crate::redact::SecretPlace;
use crate::value::PlaceKind;
use crate::{Scheme, SetupError};

/// Headers that may carry a credential in every scheme.
const ALWAYS_CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// The scheme of one source, ready for use.
#[derive(Debug)]
pub struct Verifier {
    scheme: SchemeVerifier,
    credential_headers: Vec<String>,
}

#[derive(Debug)]
enum SchemeVerifier {
    StandardWebhooks(StandardWebhooksVerifier),
    DetachedJws(JwsVerifier),
    AwsSns(Box<SnsVerifier>),
    Static(CredentialVerifier),
    Recipe(Box<RecipeVerifier>),
    Token(TokenVerifier),
    Component(ComponentVerifier),
    NoSecretYet,
    Jwt(Box<JwtVerifier>),
    HttpSignatures(Box<HttpSignatureVerifier>),
    Unverified,
}

impl Verifier {
    /// Checks the settings of a source and compiles its scheme.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the settings cannot work. No later call reports an error in them.
    pub fn new(scheme: Scheme) -> Result<Self, SetupError> {
        let scheme = match scheme {
            Scheme::StandardWebhooks(settings) => {
                SchemeVerifier::StandardWebhooks(StandardWebhooksVerifier::new(&settings)?)
            }
            Scheme::DetachedJws(settings) => {
                SchemeVerifier::DetachedJws(JwsVerifier::new(&settings)?)
            }
            Scheme::AwsSns(settings) => {
                SchemeVerifier::AwsSns(Box::new(SnsVerifier::new(settings)?))
            }
            Scheme::Static(credential) => {
                SchemeVerifier::Static(CredentialVerifier::new(credential)?)
            }
            Scheme::Recipe(settings) => {
                SchemeVerifier::Recipe(Box::new(RecipeVerifier::new(*settings)?))
            }
            Scheme::Token(settings) => SchemeVerifier::Token(TokenVerifier::new(settings)?),
            Scheme::Component(settings) => {
                SchemeVerifier::Component(ComponentVerifier::new(settings)?)
            }
            Scheme::NoSecretYet(_) => SchemeVerifier::NoSecretYet,
            Scheme::Jwt(settings) => SchemeVerifier::Jwt(Box::new(JwtVerifier::new(*settings)?)),
            Scheme::HttpSignatures(settings) => {
                SchemeVerifier::HttpSignatures(Box::new(HttpSignatureVerifier::new(*settings)?))
            }
            Scheme::Unverified => SchemeVerifier::Unverified,
        };

        let own_header = match &scheme {
            SchemeVerifier::Static(credential) => credential.header(),
            SchemeVerifier::AwsSns(sns) => sns.proof_header(),
            SchemeVerifier::Token(token) => token.header(),
            SchemeVerifier::Jwt(jwt) => jwt.credential_header(),
            _ => None,
        };
        let mut credential_headers: Vec<String> = ALWAYS_CREDENTIALS.map(str::to_owned).to_vec();
        credential_headers.extend(own_header.map(str::to_owned));
        if let SchemeVerifier::Component(component) = &scheme {
            credential_headers.extend_from_slice(component.credential_headers());
        }

        Ok(Self {
            scheme,
            credential_headers,
        })
    }

    /// Makes the verifier refuse every message that is a text of [`handshake::token`], because a
    /// handshake of the source signs such texts for anybody.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if every message of the sender is such a text.
    ///
    /// [`handshake::token`]: crate::handshake
    pub fn refusing_tokens(mut self) -> Result<Self, SetupError> {
        if let SchemeVerifier::Recipe(scheme) = &mut self.scheme {
            scheme.refuse_tokens()?;
        }
        Ok(self)
    }

    /// Verifies a request.
    ///
    /// # Errors
    ///
    /// Returns the [`Refusal`] if the request is not accepted.
    pub fn verify(
        &self,
        request: &Request<'_>,
        documents: &dyn Documents,
        now: Timestamp,
    ) -> Result<Verification, Refusal> {
        let id = match &self.scheme {
            SchemeVerifier::AwsSns(sns) => return sns.verify(request, documents, now),
            SchemeVerifier::Component(scheme) => {
                return scheme.verify(request, now).map(Verification::Running);
            }
            SchemeVerifier::Jwt(jwt) => return jwt.verify(request, documents, now),
            SchemeVerifier::HttpSignatures(scheme) => {
                return scheme.verify(request, documents, now);
            }
            SchemeVerifier::StandardWebhooks(scheme) => Some(scheme.verify(request, now)?),
            SchemeVerifier::Recipe(scheme) => return scheme.verify(request, documents, now),
            SchemeVerifier::Token(token) => token.verify(request).map(|()| None)?,
            SchemeVerifier::DetachedJws(scheme) => scheme.verify(request).map(|()| None)?,
            SchemeVerifier::Static(credential) => credential.verify(request).map(|()| None)?,
            SchemeVerifier::NoSecretYet => return Err(Refusal::NoSecretYet),
            SchemeVerifier::Unverified => None,
        };

        Ok(Verification::Complete(Verdict::Event(Verified {
            id,
            payload: Payload::Body,
        })))
    }

    /// Returns how the signature of a request is checked, for each text that it may cover.
    ///
    /// # Errors
    ///
    /// Returns the [`Refusal`] if a value is missing or malformed.
    pub(crate) fn trace(&self, request: &Request<'_>) -> Result<Vec<SignatureTrace>, Refusal> {
        match &self.scheme {
            SchemeVerifier::Recipe(scheme) => scheme.trace(request),
            SchemeVerifier::StandardWebhooks(scheme) => Ok(vec![scheme.trace(request)?]),
            _ => Ok(Vec::new()),
        }
    }

    /// Checks the age of a request whose signature has a date.
    ///
    /// # Errors
    ///
    /// Returns the [`Refusal`] of a request that is too old or from the future.
    pub(crate) fn check_age(&self, signed_at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        match &self.scheme {
            SchemeVerifier::Recipe(scheme) => scheme.check_freshness(Some(signed_at), now),
            SchemeVerifier::StandardWebhooks(scheme) => scheme.check_age(signed_at, now),
            _ => Ok(()),
        }
    }

    /// Returns the file of the component that verifies the requests, if a component does.
    pub fn component(&self) -> Option<&ComponentFile> {
        match &self.scheme {
            SchemeVerifier::Component(scheme) => Some(scheme.file()),
            _ => None,
        }
    }

    /// Provides the loaded component to a scheme that needs one. Until then, every request is
    /// refused.
    pub fn provide(&self, loaded: Arc<dyn RequestVerifier>) {
        if let SchemeVerifier::Component(scheme) = &self.scheme {
            scheme.provide(loaded);
        }
    }

    /// Returns the names, in lower case, of the headers that carry a credential. They must not be
    /// stored.
    pub fn credential_headers(&self) -> &[String] {
        &self.credential_headers
    }

    /// Returns the places of a request that may hold a credential, apart from the end of the path.
    pub(crate) fn secret_places(&self) -> Vec<SecretPlace> {
        let headers = self.credential_headers.iter().cloned();
        let mut places: Vec<_> = headers
            .map(|name| SecretPlace {
                kind: PlaceKind::Header(name),
                is_token: false,
            })
            .collect();
        match &self.scheme {
            SchemeVerifier::Token(token) => places.push(SecretPlace {
                kind: token.place().clone(),
                is_token: false,
            }),
            SchemeVerifier::Jwt(jwt) => {
                places.retain(|place| place.kind != *jwt.place());
                places.push(SecretPlace {
                    kind: jwt.place().clone(),
                    is_token: true,
                });
            }
            // A signature is not a credential, wherever it is.
            SchemeVerifier::Recipe(recipe) => {
                places.retain(|place| place.kind != *recipe.signature_place());
            }
            _ => {}
        }
        places
    }

    /// Returns whether the path of the source has another segment, which is its secret.
    pub fn takes_tail(&self) -> bool {
        match &self.scheme {
            SchemeVerifier::Static(credential) => credential.takes_tail(),
            SchemeVerifier::AwsSns(sns) => sns.takes_tail(),
            _ => false,
        }
    }

    /// Returns whether the source accepts requests from anybody.
    pub const fn is_unverified(&self) -> bool {
        matches!(self.scheme, SchemeVerifier::Unverified)
    }
}
