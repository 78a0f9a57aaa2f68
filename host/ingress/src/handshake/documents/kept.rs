//! A document in memory, and how long it is used.
//!
//! A document is *fresh* at first and is used without a fetch. Later, it is fetched again before it
//! is used. If that fails, the old document is used while it is still *usable*, so that the keys of a
//! sender whose server is down keep working for a time.

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::Timestamp;
use hookyard_schemes::{Document, DocumentId};

/// How long a certificate is used before the host fetches it again. The verifier checks its dates
/// at each use.
pub(super) const CERTIFICATE_FRESH_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long keys are used before the host fetches them again: a key that the sender withdraws is
/// accepted for this time.
pub(super) const KEYS_FRESH_FOR: Duration = Duration::from_secs(3600);
/// How long keys are used if they cannot be fetched again.
pub(super) const KEYS_USABLE_FOR: Duration = Duration::from_secs(24 * 3600);

/// A document in memory.
#[derive(Clone)]
pub(super) struct KeptDocument {
    pub(super) document: Document,
    pub(super) bytes: Bytes,
    pub(super) fetched_at: Timestamp,
    pub(super) fresh_until: Timestamp,
    pub(super) usable_until: Timestamp,
    pub(super) is_proven: bool,
}

/// How long a document is fresh and usable after its fetch.
struct Lifetime {
    fresh: Duration,
    usable: Duration,
}

impl Lifetime {
    fn of(id: &DocumentId) -> Self {
        match id {
            DocumentId::Certificate { .. } => Self {
                fresh: CERTIFICATE_FRESH_FOR,
                usable: CERTIFICATE_FRESH_FOR,
            },
            DocumentId::KeySet { .. } | DocumentId::Key { .. } => Self {
                fresh: KEYS_FRESH_FOR,
                usable: KEYS_USABLE_FOR,
            },
        }
    }
}

impl KeptDocument {
    /// Returns a document that was fetched at this time.
    pub(super) fn fetched(
        id: &DocumentId,
        document: Document,
        bytes: Bytes,
        fetched_at: Timestamp,
    ) -> Self {
        let Lifetime { fresh, usable } = Lifetime::of(id);
        Self {
            document,
            bytes,
            fetched_at,
            fresh_until: fetched_at.after(fresh),
            usable_until: fetched_at.after(usable),
            is_proven: false,
        }
    }

    /// Returns a proven document that is usable until this time, as an archive has stored it.
    ///
    /// A clock that was set back must not make the host keep a document for longer.
    pub(super) fn archived(
        id: &DocumentId,
        document: Document,
        bytes: Bytes,
        until: Timestamp,
        now: Timestamp,
    ) -> Self {
        let usable = Lifetime::of(id).usable;
        let rest = until.since(now).min(usable);
        let age = usable.saturating_sub(rest);
        Self {
            is_proven: true,
            ..Self::fetched(id, document, bytes, now.before(age))
        }
    }
}
