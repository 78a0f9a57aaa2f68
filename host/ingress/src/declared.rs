//! Answers the handshakes that a provider declares (`[[handshake]]` in its `provider.toml`).
//!
//! The rules are in `schemes`. This module applies them to one request, and gives a secret that the
//! request brings to the [`LearntSecrets`]. It needs neither the store nor a plugin, so that a
//! handshake is answered in time whatever state they are in. The handshakes of Amazon SNS, which
//! fetch something, are in `handshake`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{SourceRef, Timestamp};
use hookyard_schemes::handshake::HandshakeReply;
use hookyard_schemes::value::Fields;
use hookyard_schemes::{Request, Secret};

use crate::answer::{Accepted, Refused};
use crate::source::Source;

/// Keeps the secrets that handshakes bring until an operator has seen them. The host never trusts
/// such a secret: anybody can send one.
#[async_trait]
pub trait LearntSecrets: Send + Sync {
    /// Keeps a secret. Once this returns, an operator can see the secret, and a crash does not lose
    /// it. The number of secrets of a source is bounded, and no secret replaces another.
    ///
    /// # Errors
    ///
    /// Returns why the secret is not kept. The handshake is then not answered, and the sender may try
    /// again.
    async fn keep(&self, source: &SourceRef, learnt: LearntSecret) -> Result<(), NotKept>;
}

/// The reason why a secret is not kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The source has the maximum number of secrets.
    #[error(
        "{secrets_max} secrets of the source wait for an operator; \
         `hookyard handshakes <tenant>/<source>` shows and removes them"
    )]
    Full {
        /// The maximum number.
        secrets_max: usize,
    },
    /// The source has just been given another secret.
    #[error("another secret of the source came less than {period:?} ago")]
    TooSoon {
        /// The time in which at most one secret of a source is kept.
        period: Duration,
    },
    /// The system cannot write the secret.
    #[error("the secret cannot be written")]
    Io(#[from] io::Error),
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
    async fn keep(&self, _source: &SourceRef, _learnt: LearntSecret) -> Result<(), NotKept> {
        Err(io::Error::other("this host keeps no secrets").into())
    }
}

/// The reply to a request that asks for a handshake.
pub(crate) struct Reply {
    content: HandshakeReply,
    /// Whether the source's scheme has verified the request.
    verified: bool,
}

/// The origin of a request.
pub(crate) struct Origin {
    pub(crate) peer: Arc<str>,
    pub(crate) received_at: Timestamp,
}

/// Returns whether a handshake of the source has this method.
pub(crate) fn has_method(source: &Source, method: &http::Method) -> bool {
    source.handshakes.has_method(method.as_str())
}

/// Returns whether a request asks for a handshake that needs a verified request.
pub(crate) fn needs_proof(source: &Source, request: Request<'_>) -> bool {
    let fields = Fields::new(request);
    source.handshakes.find(&fields, true).is_some()
}

/// Returns the reply to a request, or `None` if the request asks for no handshake. `verified` says
/// which handshakes are meant: those that need a verified request, or the others.
pub(crate) fn reply(
    source: &Source,
    request: Request<'_>,
    verified: bool,
) -> Result<Option<Reply>, Refused> {
    let fields = Fields::new(request);
    let Some(handshake) = source.handshakes.find(&fields, verified) else {
        return Ok(None);
    };
    match source.handshakes.reply(handshake, &fields) {
        Ok(content) => Ok(Some(Reply { content, verified })),
        Err(refusal) => Err(Refused::Handshake {
            why: refusal.to_string(),
            refusal,
        }),
    }
}

impl Reply {
    /// Keeps the secret that the request brought, and returns the outcome of the request.
    pub(crate) async fn complete(
        self,
        source: &Source,
        secrets: &dyn LearntSecrets,
        origin: Origin,
    ) -> Result<Accepted, Refused> {
        let HandshakeReply { answer, learnt } = self.content;
        let is_learnt = learnt.is_some();
        if let Some(secret) = learnt {
            let Origin { peer, received_at } = origin;
            let learnt = LearntSecret {
                secret,
                peer,
                received_at,
            };
            let kept = secrets.keep(&source.name, learnt).await;
            kept.map_err(Refused::SecretNotKept)?;
        }
        Ok(Accepted::Handshake {
            answer,
            verified: self.verified,
            is_learnt,
        })
    }
}
