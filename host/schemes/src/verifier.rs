//! The one door: a source's scheme, compiled, applied to a request.

use hookyard_model::{Payload, Timestamp};

use crate::credential::CompiledCredential;
use crate::{Certificates, Refusal, Request, Scheme, SetupError, Verdict, Verified};
use crate::{hmac, jws, sns, standard_webhooks};

/// Headers that may carry a credential whatever the scheme is.
const ALWAYS_CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];

/// One source's scheme, ready for use.
#[derive(Debug)]
pub struct Verifier {
    scheme: Compiled,
    credential_headers: Vec<String>,
}

#[derive(Debug)]
enum Compiled {
    StandardWebhooks(standard_webhooks::Compiled),
    DetachedJws(jws::Compiled),
    AwsSns(Box<sns::Compiled>),
    Static(CompiledCredential),
    Hmac(Box<hmac::Compiled>),
    Unverified,
}

impl Verifier {
    /// Checks the settings and makes them ready. What is wrong with them is said here, at load, and never later.
    pub fn new(scheme: Scheme) -> Result<Self, SetupError> {
        let scheme = match scheme {
            Scheme::StandardWebhooks(settings) => {
                Compiled::StandardWebhooks(standard_webhooks::Compiled::new(&settings)?)
            }
            Scheme::DetachedJws(settings) => Compiled::DetachedJws(jws::Compiled::new(&settings)?),
            Scheme::AwsSns(settings) => Compiled::AwsSns(Box::new(sns::Compiled::new(settings)?)),
            Scheme::Static(credential) => Compiled::Static(CompiledCredential::new(credential)?),
            Scheme::Hmac(settings) => Compiled::Hmac(Box::new(hmac::Compiled::new(&settings)?)),
            Scheme::Unverified => Compiled::Unverified,
        };
        let own = match &scheme {
            Compiled::Static(credential) => credential.header(),
            Compiled::AwsSns(sns) => sns.proof_header(),
            _ => None,
        };
        let mut credential_headers: Vec<String> = ALWAYS_CREDENTIALS.map(str::to_owned).to_vec();
        credential_headers.extend(own.map(str::to_owned));
        Ok(Self {
            scheme,
            credential_headers,
        })
    }

    /// Says what the request is, or why it is refused.
    pub fn verify(
        &self,
        request: &Request<'_>,
        certificates: &dyn Certificates,
        now: Timestamp,
    ) -> Result<Verdict, Refusal> {
        let id = match &self.scheme {
            Compiled::AwsSns(sns) => return sns.verify(request, certificates, now),
            Compiled::StandardWebhooks(scheme) => Some(scheme.verify(request, now)?),
            Compiled::Hmac(scheme) => scheme.verify(request, now)?,
            Compiled::DetachedJws(scheme) => scheme.verify(request).map(|()| None)?,
            Compiled::Static(credential) => credential.verify(request).map(|()| None)?,
            Compiled::Unverified => None,
        };
        Ok(Verdict::Event(Verified {
            id,
            payload: Payload::Body,
        }))
    }

    /// Names, in lower case, of the headers that carry a credential. They must not be stored.
    pub fn credential_headers(&self) -> &[String] {
        &self.credential_headers
    }

    /// Whether the source's path has a tail that is its secret.
    pub fn takes_tail(&self) -> bool {
        match &self.scheme {
            Compiled::Static(credential) => credential.takes_tail(),
            Compiled::AwsSns(sns) => sns.takes_tail(),
            _ => false,
        }
    }

    /// Whether anybody at all may send.
    pub const fn is_unverified(&self) -> bool {
        matches!(self.scheme, Compiled::Unverified)
    }
}
