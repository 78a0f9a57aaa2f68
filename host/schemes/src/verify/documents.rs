//! Documents that a verifier needs and its caller fetches: certificates, sets of public keys, and
//! single public keys.
//!
//! A verifier names a document by its [`DocumentRef`]. The URL in it comes from the configuration,
//! or a rule of the configuration has checked it. The caller fetches the document with limits on
//! size and time and without following redirects, keeps it, and verifies the request again.

use std::sync::Arc;

use super::Refusal;
use super::certificate::Certificate;
use super::key_request::{self, KeyRequest};
use super::key_set::KeySet;
use crate::JsonPointer;

/// The name of a document that has to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentRef {
    /// A certificate, with the authorities above it, in PEM.
    Certificate {
        /// The URL, which a message names and a rule of the source has checked.
        url: String,
    },
    /// A set of public keys (RFC 7517, 5).
    KeySet {
        /// The URL, which the configuration names.
        url: String,
    },
    /// A single public key.
    Key {
        /// The request that returns a key.
        request: Arc<KeyRequest>,
        /// The id of the key, which a message names.
        id: String,
    },
}

/// The identity of a document. It contains no credential, so that the document may be kept under it
/// and stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentId {
    /// A certificate.
    Certificate {
        /// Its URL.
        url: String,
    },
    /// A set of public keys.
    KeySet {
        /// Its URL.
        url: String,
    },
    /// A single public key.
    Key {
        /// The URL that the request for the key is posted to.
        url: String,
        /// [The fingerprint](KeyRequest::fingerprint) of the request. Accounts of one sender may
        /// have different keys with the same id.
        request: String,
        /// The location of the key in the answer.
        key: JsonPointer,
        /// The id of the key.
        id: String,
    },
}

/// A document that was fetched and read. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Document {
    /// A certificate.
    Certificate(Arc<Certificate>),
    /// A set of keys. A single key is a set with one key.
    Keys(Arc<KeySet>),
}

/// The error for bytes that are not the document that they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDocument(pub(super) String);

/// The documents that the caller has already fetched.
pub trait Documents {
    /// Returns the document with this name, if the caller has fetched it.
    fn get(&self, wanted: &DocumentRef) -> Option<Document>;
}

/// No documents.
impl Documents for () {
    fn get(&self, _wanted: &DocumentRef) -> Option<Document> {
        None
    }
}

impl DocumentRef {
    /// Returns the URL to fetch.
    pub fn url(&self) -> &str {
        match self {
            Self::Certificate { url } | Self::KeySet { url } => url,
            Self::Key { request, .. } => &request.url,
        }
    }

    /// Returns the identity of the document.
    pub fn id(&self) -> DocumentId {
        match self {
            Self::Certificate { url } => DocumentId::Certificate { url: url.clone() },
            Self::KeySet { url } => DocumentId::KeySet { url: url.clone() },
            Self::Key { request, id } => DocumentId::Key {
                url: request.url.clone(),
                request: request.fingerprint(),
                key: request.key.clone(),
                id: id.clone(),
            },
        }
    }

    /// Returns the name of this kind of document, for messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "certificate",
            Self::KeySet { .. } => "key set",
            Self::Key { .. } => "key",
        }
    }

    /// Returns the refusal of a request if the document cannot be fetched now.
    pub const fn unavailable(&self) -> Refusal {
        match self {
            Self::Certificate { .. } => Refusal::CertificateUnavailable,
            Self::KeySet { .. } | Self::Key { .. } => Refusal::KeysUnavailable,
        }
    }

    /// Reads the body of the answer.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidDocument`] if the body is not this document, or contains no usable key.
    pub fn parse(&self, body: &[u8]) -> Result<Document, InvalidDocument> {
        self.id().parse(body)
    }
}

impl DocumentId {
    /// Returns whether the configuration alone decides what is fetched, so that no stranger can
    /// choose it.
    pub const fn is_pinned(&self) -> bool {
        matches!(self, Self::KeySet { .. })
    }

    /// Reads the body of the answer.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidDocument`] if the body is not this document, or contains no usable key.
    pub fn parse(&self, body: &[u8]) -> Result<Document, InvalidDocument> {
        match self {
            Self::Certificate { .. } => Certificate::parse_pem(body)
                .map(|certificate| Document::Certificate(Arc::new(certificate)))
                .map_err(|error| InvalidDocument(error.to_string())),
            Self::KeySet { .. } => KeySet::parse(body).map(|keys| Document::Keys(Arc::new(keys))),
            Self::Key { key, id, .. } => {
                key_request::read_answer(key, body, id).map(|keys| Document::Keys(Arc::new(keys)))
            }
        }
    }
}

/// Returns the certificate at `url`, if the caller has fetched it.
pub(crate) fn certificate(documents: &dyn Documents, url: &str) -> Option<Arc<Certificate>> {
    let wanted = DocumentRef::Certificate {
        url: url.to_owned(),
    };
    match documents.get(&wanted)? {
        Document::Certificate(certificate) => Some(certificate),
        Document::Keys(_) => None,
    }
}
