//! Ingress's view of the part that knows whether the host keeps up with its senders.

use hookyard_model::SourceRef;

/// Decides whether new events are stored.
pub trait Admission: Send + Sync + 'static {
    /// Returns whether an event of this source may be stored now. If not, the sender is asked to
    /// send it again later.
    fn is_open(&self, source: &SourceRef) -> bool;

    /// Records that a new event of this source was stored.
    fn stored(&self, source: &SourceRef);
}

/// Every event may be stored.
impl Admission for () {
    fn is_open(&self, _source: &SourceRef) -> bool {
        true
    }

    fn stored(&self, _source: &SourceRef) {}
}
