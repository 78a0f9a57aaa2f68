//! Answers the handshakes that a provider declares (`[[handshake]]` in its `provider.toml`).
//!
//! The rules are in `schemes`. This module applies them to one request, and gives a secret that the
//! request brings to the [`LearntSecrets`]. It needs neither the store nor a plugin, so that a
//! handshake is answered in time whatever state they are in. The handshakes of Amazon SNS, which
//! fetch something, are in `handshake`.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{SourceRef, Timestamp};
use hookyard_schemes::handshake::HandshakeReply;
use hookyard_schemes::value::Fields;
use hookyard_schemes::{Refusal, Request, Secret};

use crate::answer::{Accepted, Refused};
use crate::source::Source;

/// Keeps the secrets that handshakes bring until an operator has seen them. The host never trusts
/// such a secret: anybody can send one.
#[async_trait]
pub trait LearntSecrets: Send + Sync {
    /// Keeps a secret. Once this returns, an operator can see the secret, and a crash does not lose
    /// it. The number of secrets of a source is bounded: a new one may replace the oldest.
    ///
    /// # Errors
    ///
    /// Returns the error of the system. The handshake is then not answered, and the sender may try
    /// again.
    async fn keep(&self, source: &SourceRef, learnt: LearntSecret) -> io::Result<()>;
}

/// A secret that a handshake brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearntSecret {
    /// The secret.
    pub secret: Secret,
    /// The address of the peer that sent the secret.
    pub peer: Arc<str>,
    /// When the secret came.
    pub received_at: Timestamp,
}

/// Keeps nothing, for hosts whose sources learn nothing.
#[async_trait]
impl LearntSecrets for () {
    async fn keep(&self, _source: &SourceRef, _learnt: LearntSecret) -> io::Result<()> {
        Err(io::Error::other("this host keeps no secrets"))
    }
}

/// Returns whether the source serves requests with this method beside POST, GET and HEAD.
pub(crate) fn has_method(source: &Source, method: &http::Method) -> bool {
    source.handshakes.has_method(method.as_str())
}

/// Returns whether a request asks for a handshake that needs a verified request.
pub(crate) fn needs_proof(source: &Source, request: Request<'_>) -> bool {
    source
        .handshakes
        .find(&Fields::new(request), true)
        .is_some()
}

/// Returns the reply to a request, or `None` if the request asks for no handshake. `verified` says
/// which handshakes are meant: those that need a verified request, or the others.
pub(crate) fn reply(
    source: &Source,
    request: Request<'_>,
    verified: bool,
) -> Result<Option<HandshakeReply>, Refused> {
    let fields = Fields::new(request);
    let Some(handshake) = source.handshakes.find(&fields, verified) else {
        return Ok(None);
    };
    let reply = source.handshakes.reply(handshake, &fields);
    reply.map(Some).map_err(refused)
}

/// Keeps the secret that a handshake brought, and returns the outcome of the request.
pub(crate) async fn complete(
    reply: HandshakeReply,
    verified: bool,
    source: &Source,
    secrets: &dyn LearntSecrets,
    origin: (Arc<str>, Timestamp),
) -> Result<Accepted, Refused> {
    let is_learnt = reply.learnt.is_some();
    if let Some(secret) = reply.learnt {
        let (peer, received_at) = origin;
        let learnt = LearntSecret {
            secret,
            peer,
            received_at,
        };
        let kept = secrets.keep(&source.name, learnt).await;
        kept.map_err(Refused::SecretNotKept)?;
    }
    Ok(Accepted::Handshake {
        answer: reply.answer,
        verified,
        is_learnt,
    })
}

fn refused(refusal: Refusal) -> Refused {
    Refused::Handshake {
        why: refusal.to_string(),
        refusal,
    }
}
