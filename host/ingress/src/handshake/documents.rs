//! The documents that handshakes need: certificates and public keys. Each document is fetched once
//! for all requests that wait for it, and is then kept.
//!
//! The module `table` decides; this module fetches, waits and stores. A request that waits for a
//! document takes one of a limited number of slots for a limited time. It is refused at once if no
//! slot is free, so that a slow document never uses up the connections of other senders.

mod archive;
mod kept;
mod pace;
mod room;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use self::archive::{DocumentArchive, ProvenDocument};
use self::kept::KeptDocument;
use self::table::{FetchResult, NewFetch, Step, Table, Wait};
use crate::fetch::{Fetch, FetchRequest};
use bytes::Bytes;
use hookyard_model::{SourceRef, Timestamp, chain};
use hookyard_schemes::{Document, DocumentId, DocumentRef, Documents};

/// The maximum size of a document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// The time limit of one fetch.
const DOCUMENT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a request waits for a document, including the time in the waiting room.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Documents by their name.
pub(super) struct DocumentCache {
    fetch: Arc<dyn Fetch>,
    archive: Arc<dyn DocumentArchive>,
    table: Mutex<Table>,
    /// Locked while the archive is written, so that the newest set is written last.
    saving: tokio::sync::Mutex<()>,
}

/// A request's need for a document.
#[derive(Clone, Copy)]
pub(super) struct DocumentRequest<'a> {
    pub(super) name: &'a DocumentRef,
    pub(super) source: &'a SourceRef,
    /// Whether the URL may be `http:`.
    pub(super) allow_http: bool,
    /// Whether the document in memory does not contain what the request needs.
    pub(super) is_refresh: bool,
}

/// The documents that are usable at one time, for the verifier to look up.
pub(super) struct DocumentsAt<'a> {
    cache: &'a DocumentCache,
    now: Timestamp,
    /// The name of the document that was found.
    pub(super) used: OnceLock<DocumentRef>,
}

impl Documents for DocumentsAt<'_> {
    fn get(&self, wanted: &DocumentRef) -> Option<Document> {
        let document = self.cache.table().ready(wanted, self.now)?;
        let _ = self.used.set(wanted.clone());
        Some(document)
    }
}

impl DocumentCache {
    /// Starts with the documents of the archive. At most `waiting_max` requests wait for one
    /// document.
    pub(super) fn new(
        fetch: Arc<dyn Fetch>,
        archive: Arc<dyn DocumentArchive>,
        waiting_max: usize,
        now: Timestamp,
    ) -> Arc<Self> {
        let mut table = Table::new(waiting_max);
        for ProvenDocument { id, bytes, until } in archive.load() {
            if let Ok(document) = id.parse(&bytes) {
                let kept = KeptDocument::archived(&id, document, bytes, until, now);
                table.keep(id, kept);
            }
        }

        Arc::new(Self {
            fetch,
            archive,
            table: Mutex::new(table),
            saving: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn at(&self, now: Timestamp) -> DocumentsAt<'_> {
        DocumentsAt {
            cache: self,
            now,
            used: OnceLock::new(),
        }
    }

    /// Returns a document, from memory or by one fetch that all requests for the document share. If
    /// the fetch fails, returns the document in memory if it is still usable.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        wanted: DocumentRequest<'_>,
        now: Timestamp,
    ) -> FetchResult {
        let fetched = self.fetch_anew(wanted, now).await;
        match fetched {
            Err(_) if !wanted.is_refresh => {
                let old = self.table().usable(wanted.name, now);
                old.map_or(fetched, Ok)
            }
            fetched => fetched,
        }
    }

    async fn fetch_anew(
        self: &Arc<Self>,
        wanted: DocumentRequest<'_>,
        now: Timestamp,
    ) -> FetchResult {
        let step = self.table().next_step(&wanted, now)?;
        let Wait { mut end, slots } = match step {
            Step::Use(document) => return Ok(document),
            Step::Wait(wait) => wait,
            Step::Fetch(begin, wait) => {
                self.begin(begin, now);
                wait
            }
        };

        let _slot = slots
            .try_acquire()
            .map_err(|_| Arc::from("too many requests are waiting for this document"))?;

        let ended = tokio::time::timeout(WAIT_MAX, end.wait_for(Option::is_some))
            .await
            .map_err(|_elapsed| Arc::from("too many documents are waiting to be fetched"))?;
        ended
            .ok()
            .and_then(|fetched| fetched.clone())
            .unwrap_or_else(|| Err("the fetch was abandoned".into()))
    }

    /// Records that a document has verified a message, and stores it the first time.
    pub(super) fn prove(self: &Arc<Self>, name: &DocumentRef) {
        if self.table().prove(name) {
            tokio::spawn(Arc::clone(self).save());
        }
    }

    /// Fetches in a separate task, so that a sender that hangs up does not end the fetch for
    /// others.
    fn begin(
        self: &Arc<Self>,
        NewFetch {
            name,
            allow_http,
            done,
        }: NewFetch,
        now: Timestamp,
    ) {
        let (cache, began) = (Arc::clone(self), Instant::now());
        tokio::spawn(async move {
            let answer = cache.fetch.fetch(request(&name, allow_http)).await;
            let (fetched, bytes) = match answer {
                Ok(bytes) => (name.parse(&bytes).map_err(|error| chain(&error)), bytes),
                Err(error) => (Err(chain(&error)), Bytes::new()),
            };
            let fetched = fetched.map_err(Arc::from);

            let now = now.after(began.elapsed());
            let (next, is_archived) = {
                let mut table = cache.table();
                let is_archived = table.end(name, &fetched, bytes, now);
                (table.next(), is_archived)
            };
            let _ = done.send(Some(fetched));
            if let Some(next) = next {
                cache.begin(next, now);
            }
            if is_archived {
                cache.save().await;
            }
        });
    }

    async fn save(self: Arc<Self>) {
        let _saving = self.saving.lock().await;
        let proven: Vec<_> = self.table().proven().map(stored).collect();

        let archive = Arc::clone(&self.archive);
        // The panic hook reports a panic of the archive; the documents stay in memory.
        let _ = tokio::task::spawn_blocking(move || archive.save(&proven)).await;
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(name: &DocumentRef, allow_http: bool) -> FetchRequest {
    let post = match name {
        DocumentRef::Certificate { .. } | DocumentRef::KeySet { .. } => None,
        DocumentRef::Key { request, id } => Some(request.body(id)),
    };
    FetchRequest {
        url: name.url().to_owned(),
        post,
        bytes_max: DOCUMENT_BYTES_MAX,
        time_max: DOCUMENT_TIME_MAX,
        allow_http,
    }
}

/// Returns a document as an archive stores it.
fn stored((id, kept): (&DocumentId, &KeptDocument)) -> ProvenDocument {
    ProvenDocument {
        id: id.clone(),
        bytes: kept.bytes.clone(),
        until: kept.usable_until,
    }
}
