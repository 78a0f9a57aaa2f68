//! Verifies requests with a component of the provider, for signatures that no recipe can describe.
//!
//! The component receives the request, and handles of the keys. [`KeyHandle`] computes with a key
//! and never shows its bytes. The caller of this crate runs the component, because that takes time.

mod key;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{Header, Payload, Timestamp};

pub use self::key::KeyHandle;
use super::{Freshness, Refusal, Request, Verdict, Verified};
use crate::SetupError;
use crate::recipe::{PublicUrl, SourceValues};

/// The maximum size of an id that a component returns, in bytes.
const ID_BYTES_MAX: usize = 512;

/// The component of a provider, as `provider.toml` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The path of the component.
    pub component: PathBuf,
    /// The maximum distance of a signed time from now.
    pub tolerance: Duration,
    /// The headers that carry a credential, in lower case.
    pub credential_headers: Vec<String>,
}

/// The settings of a source that a component verifies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file of the component.
    pub file: Arc<ComponentFile>,
    /// The keys of the source, in the order of its configuration.
    pub keys: Vec<KeyHandle>,
    /// What the operator knows about the source.
    pub source: SourceValues,
    /// The maximum distance of a signed time from now.
    pub freshness: Freshness,
    /// The headers that carry a credential, in lower case. They are not stored.
    pub credential_headers: Vec<String>,
}

/// The file of a component that verifies requests.
#[derive(PartialEq, Eq)]
pub struct ComponentFile {
    /// The path of the file, for messages.
    pub path: String,
    /// The content of the file.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for ComponentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentFile")
            .field("path", &self.path)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// A loaded component that verifies requests.
pub trait RequestVerifier: fmt::Debug + Send + Sync {
    /// Runs the component for one request.
    ///
    /// # Errors
    ///
    /// The future returns the [`Refusal`] of the component, or [`Refusal::VerifierFailed`] if the
    /// component did not return a verdict.
    fn verify(self: Arc<Self>, input: Input) -> Running<Accepted>;
}

/// The result of a component that runs.
pub type Running<T> = Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send>>;

/// The verdict of a component that runs. No two of them are equal.
pub struct RunningVerdict(Running<Verdict>);

impl Future for RunningVerdict {
    type Output = Result<Verdict, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl PartialEq for RunningVerdict {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl fmt::Debug for RunningVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunningVerdict(..)")
    }
}

/// What a component learns about a request.
#[derive(Debug, Clone)]
pub struct Input {
    /// The method, as received.
    pub method: String,
    /// The URL that the sender uses, with the query of the request.
    pub url: Option<String>,
    /// The query as received, without the question mark.
    pub query: Option<String>,
    /// The headers, as received.
    pub headers: Vec<Header>,
    /// The body, as received.
    pub body: Bytes,
    /// The keys of the source.
    pub keys: Arc<[KeyHandle]>,
    /// The texts that the operator gives to the component.
    pub settings: Arc<BTreeMap<String, String>>,
    /// The time at which the request was received.
    pub received_at: Timestamp,
}

/// What a component says about a request that it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The sender's id of the message.
    pub id: Option<String>,
    /// The time of signing, if it is under the signature.
    pub signed_at: Option<Timestamp>,
}

/// The component of one source, and what it works with.
#[derive(Debug)]
pub(crate) struct ComponentVerifier {
    file: Arc<ComponentFile>,
    keys: Arc<[KeyHandle]>,
    settings: Arc<BTreeMap<String, String>>,
    public_url: Option<PublicUrl>,
    freshness: Freshness,
    credential_headers: Vec<String>,
    /// The component, once it is loaded.
    loaded: OnceLock<Arc<dyn RequestVerifier>>,
}

impl ComponentVerifier {
    pub(crate) fn new(settings: Settings) -> Result<Self, SetupError> {
        if settings.keys.is_empty() {
            return Err(SetupError::NoKeys {
                what: "secret or key",
            });
        }
        Ok(Self {
            file: settings.file,
            keys: settings.keys.into(),
            settings: Arc::new(settings.source.settings),
            public_url: settings.source.public_url,
            freshness: settings.freshness,
            credential_headers: settings.credential_headers,
            loaded: OnceLock::new(),
        })
    }

    pub(crate) fn file(&self) -> &ComponentFile {
        &self.file
    }

    /// Returns the headers that carry a credential.
    pub(crate) fn credential_headers(&self) -> &[String] {
        &self.credential_headers
    }

    /// Provides the loaded component. Only the first call has an effect.
    pub(crate) fn provide(&self, loaded: Arc<dyn RequestVerifier>) {
        let _first_counts = self.loaded.set(loaded);
    }

    /// Returns a future that runs the component for a request, and checks the time of signing.
    pub(crate) fn verify(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<RunningVerdict, Refusal> {
        let loaded = self.loaded.get().ok_or_else(|| Refusal::VerifierFailed {
            why: "the component is not loaded".to_owned(),
        })?;
        let running = Arc::clone(loaded).verify(self.input(request, now));
        let freshness = self.freshness;

        Ok(RunningVerdict(Box::pin(async move {
            let accepted = running.await?;
            if let Some(signed_at) = accepted.signed_at {
                freshness.check(signed_at, now)?;
            }
            if accepted
                .id
                .as_ref()
                .is_some_and(|id| id.len() > ID_BYTES_MAX)
            {
                return Err(Refusal::VerifierFailed {
                    why: format!("it returned an id of more than {ID_BYTES_MAX} bytes"),
                });
            }
            Ok(Verdict::Event(Verified {
                id: accepted.id,
                payload: Payload::Body,
            }))
        })))
    }

    fn input(&self, request: &Request<'_>, now: Timestamp) -> Input {
        let url = self.public_url.as_ref();
        let url = url.map(|url| url.with_query(request.query));

        Input {
            method: request.method.to_owned(),
            url,
            query: request.query.map(str::to_owned),
            headers: request.headers.all(),
            body: Bytes::copy_from_slice(request.body),
            keys: Arc::clone(&self.keys),
            settings: Arc::clone(&self.settings),
            received_at: now,
        }
    }
}
