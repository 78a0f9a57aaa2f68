//! The archive of proven documents, which survives a restart.

use bytes::Bytes;
use hookyard_model::Timestamp;
use hookyard_schemes::DocumentId;

/// A document that has verified a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenDocument {
    /// The identity of the document.
    pub id: DocumentId,
    /// The body of the answer.
    pub bytes: Bytes,
    /// The time after which the document is not used any more.
    pub until: Timestamp,
}

/// Stores proven documents. The binary implements this trait with a private file.
///
/// Both methods may block; ingress calls them where they delay no request.
pub trait DocumentArchive: Send + Sync + 'static {
    /// Returns the documents of the last [`save`](Self::save), or none if they cannot be read.
    fn load(&self) -> Vec<ProvenDocument>;

    /// Replaces all stored documents. The implementation reports its failures; nothing else depends
    /// on them.
    fn save(&self, documents: &[ProvenDocument]);
}

/// An archive that stores nothing.
impl DocumentArchive for () {
    fn load(&self) -> Vec<ProvenDocument> {
        Vec::new()
    }

    fn save(&self, _documents: &[ProvenDocument]) {}
}
