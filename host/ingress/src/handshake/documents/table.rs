//! The table of documents: the state of each document, and the decision whether a fetch may begin.
//! This module does no I/O.
//!
//! A stranger can name any certificate URL that the rules of the source allow, and any key id.
//! Documents therefore have two classes. A *proven* document is one that has verified a message, or
//! one that the configuration alone names; all other documents are *unproven*. The classes share no
//! limit: however many unproven documents are kept, failed, fetched or waited for, a proven document
//! is served as if there were no other. Unproven documents beyond the maximum number of fetches wait
//! in a room (`room`). Each document has its own slots for waiting requests, so that a slow one does
//! not delay another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{SourceRef, TenantName, Timestamp};
use hookyard_schemes::{Document, DocumentId, DocumentRef};
use tokio::sync::{Semaphore, watch};

use super::DocumentRequest;
use super::kept::KeptDocument;
use super::pace::Pace;
use super::room::{Candidate, WaitingRoom};

/// The minimum time between two fetches of a key set because a message names an unknown key.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(30);
/// How long the host remembers that a document could not be fetched.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(60);
/// How long the host remembers that a proven document without a usable copy could not be fetched. The failure must be forgotten before the sender's next retry.
pub(super) const PROVEN_FAILED_FOR: Duration = Duration::from_secs(5);

/// The maximum number of documents in memory.
pub(super) const KEPT_MAX: usize = 128;
/// The maximum number of failures in memory. Beyond it, the failure that expires first is
/// forgotten.
pub(super) const FAILED_MAX: usize = 1024;
/// The maximum number of concurrent fetches of unproven documents, for all tenants together.
pub(super) const FETCHING_MAX: usize = 8;
/// The maximum number of concurrent fetches of unproven documents for the sources of one tenant.
pub(super) const TENANT_FETCHING_MAX: usize = 4;
/// The maximum number of concurrent fetches of proven documents.
pub(super) const PROVEN_FETCHING_MAX: usize = 8;

/// The result of a fetch: the document, or the reason why there is none.
pub(super) type FetchResult = Result<Document, Arc<str>>;

/// The state of all documents.
pub(super) struct Table {
    kept: HashMap<DocumentId, KeptDocument>,
    failed: HashMap<DocumentRef, FailedFetch>,
    fetching: HashMap<DocumentRef, Fetching>,
    room: WaitingRoom,
    pace: Pace,
    /// The maximum number of requests that wait for the fetch of one document.
    waiting_max: usize,
}

struct FailedFetch {
    why: Arc<str>,
    until: Timestamp,
}

struct Fetching {
    wait: Wait,
    source: SourceRef,
    is_proven: bool,
}

/// The next step of a request that needs a document.
pub(super) enum Step {
    /// Use this document.
    Use(Document),
    /// Wait for a fetch that is running or waits in the room.
    Wait(Wait),
    /// Begin this fetch, and wait for its end.
    Fetch(NewFetch, Wait),
}

/// A fetch that the caller must begin. The caller sends the result to `done`.
pub(super) struct NewFetch {
    pub(super) name: DocumentRef,
    pub(super) allow_http: bool,
    pub(super) done: watch::Sender<Option<FetchResult>>,
}

/// The way to wait for the end of a fetch: in a slot, if one is free.
#[derive(Clone)]
pub(super) struct Wait {
    /// `None` until the fetch ends.
    pub(super) end: watch::Receiver<Option<FetchResult>>,
    /// A slot for each request that waits.
    pub(super) slots: Arc<Semaphore>,
}

impl Table {
    /// Returns an empty table. Each document that is fetched has `waiting_max` slots for waiting
    /// requests.
    pub(super) fn new(waiting_max: usize) -> Self {
        let waiting_max = waiting_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            kept: HashMap::new(),
            failed: HashMap::new(),
            fetching: HashMap::new(),
            room: WaitingRoom::new(),
            pace: Pace::default(),
            waiting_max,
        }
    }

    /// Returns the document if it may be used without another fetch: because it is fresh, or
    /// because a fetch has just failed and it is usable.
    pub(super) fn ready(&self, name: &DocumentRef, now: Timestamp) -> Option<Document> {
        let kept = self.kept.get(&name.id())?;
        let has_failed = || {
            self.failed
                .get(name)
                .is_some_and(|failed| failed.until > now)
        };
        let is_ready = kept.fresh_until > now || (kept.usable_until > now && has_failed());
        is_ready.then(|| kept.document.clone())
    }

    /// Returns the document if it may be used after a fetch has failed.
    pub(super) fn usable(&self, name: &DocumentRef, now: Timestamp) -> Option<Document> {
        let kept = self.kept.get(&name.id())?;
        (kept.usable_until > now).then(|| kept.document.clone())
    }

    /// Decides the next step of a request that needs a document.
    ///
    /// # Errors
    ///
    /// Returns a short reason, for the operator, why the document is not available now.
    pub(super) fn next_step(
        &mut self,
        wanted: &DocumentRequest<'_>,
        now: Timestamp,
    ) -> Result<Step, Arc<str>> {
        let name = wanted.name;
        self.forget_expired(now);

        if !wanted.is_refresh
            && let Some(document) = self.ready(name, now)
        {
            return Ok(Step::Use(document));
        }
        if let Some(failed) = self.failed.get(name) {
            return Err(Arc::clone(&failed.why));
        }
        if let Some(fetching) = self.fetching.get(name) {
            return Ok(Step::Wait(fetching.wait.clone()));
        }
        if let Some(wait) = self.room.wait_for(name) {
            return Ok(Step::Wait(wait));
        }
        if wanted.is_refresh && self.was_fetched_just_now(name, now) {
            return Err("it was fetched a moment ago and does not contain the key".into());
        }

        if self.is_proven(name) {
            self.fetch_proven(wanted)
        } else {
            self.fetch_unproven(wanted, now)
        }
    }

    fn was_fetched_just_now(&self, name: &DocumentRef, now: Timestamp) -> bool {
        self.kept
            .get(&name.id())
            .is_some_and(|kept| now.since(kept.fetched_at) < REFRESH_EVERY)
    }

    fn fetch_proven(&mut self, wanted: &DocumentRequest<'_>) -> Result<Step, Arc<str>> {
        if self.count(|fetching| fetching.is_proven) >= PROVEN_FETCHING_MAX {
            return Err("too many documents are being fetched".into());
        }

        let (done, wait) = self.new_wait();
        self.fetching.insert(
            wanted.name.clone(),
            Fetching {
                wait: wait.clone(),
                source: wanted.source.clone(),
                is_proven: true,
            },
        );
        let fetch = NewFetch {
            name: wanted.name.clone(),
            allow_http: wanted.allow_http,
            done,
        };
        Ok(Step::Fetch(fetch, wait))
    }

    fn fetch_unproven(
        &mut self,
        wanted: &DocumentRequest<'_>,
        now: Timestamp,
    ) -> Result<Step, Arc<str>> {
        let is_key = matches!(wanted.name, DocumentRef::Key { .. });
        if is_key && !self.pace.allows(wanted.source, now) {
            return Err("too many unknown keys were requested in the last minute".into());
        }

        let is_repeated = self.room.remember(wanted.name);
        let is_free = self.has_room()
            && count_of(&self.fetching, &wanted.source.tenant) < TENANT_FETCHING_MAX;
        let (done, wait) = self.new_wait();
        let candidate = Candidate {
            name: wanted.name.clone(),
            source: wanted.source.clone(),
            allow_http: wanted.allow_http,
            done,
            wait: wait.clone(),
            is_repeated,
        };

        if is_free {
            return Ok(Step::Fetch(self.begin(candidate), wait));
        }
        self.room.enter(candidate);
        Ok(Step::Wait(wait))
    }

    fn new_wait(&self) -> (watch::Sender<Option<FetchResult>>, Wait) {
        let (done, end) = watch::channel(None);
        let slots = Arc::new(Semaphore::new(self.waiting_max));
        (done, Wait { end, slots })
    }

    /// Removes and returns a fetch from the room that may begin now.
    pub(super) fn next(&mut self) -> Option<NewFetch> {
        if !self.has_room() {
            return None;
        }
        self.room.forget_abandoned();

        let of_tenant = |tenant: &TenantName| count_of(&self.fetching, tenant);
        let candidate = self.room.next(of_tenant, TENANT_FETCHING_MAX)?;
        Some(self.begin(candidate))
    }

    fn begin(&mut self, candidate: Candidate) -> NewFetch {
        let Candidate {
            name,
            source,
            allow_http,
            done,
            wait,
            ..
        } = candidate;

        self.fetching.insert(
            name.clone(),
            Fetching {
                wait,
                source,
                is_proven: false,
            },
        );
        NewFetch {
            name,
            allow_http,
            done,
        }
    }

    /// Records the end of a fetch. Returns whether there is a newer copy of a document that has
    /// verified a message.
    pub(super) fn end(
        &mut self,
        name: DocumentRef,
        fetched: &FetchResult,
        bytes: Bytes,
        now: Timestamp,
    ) -> bool {
        self.fetching.remove(&name);

        match fetched {
            Ok(document) => {
                let id = name.id();
                let is_proven = self.kept.get(&id).is_some_and(|kept| kept.is_proven);
                let kept = KeptDocument {
                    is_proven,
                    ..KeptDocument::fetched(&id, document.clone(), bytes, now)
                };
                self.keep(id, kept);
                is_proven
            }
            Err(why) => {
                let is_urgent = self.is_proven(&name) && self.usable(&name, now).is_none();
                let failed_for = if is_urgent {
                    PROVEN_FAILED_FOR
                } else {
                    FAILED_FOR
                };
                let failed = FailedFetch {
                    why: Arc::clone(why),
                    until: now.after(failed_for),
                };
                self.fail(name, failed);
                false
            }
        }
    }

    /// Keeps a document. If there are too many, removes an unproven document before a proven one.
    pub(super) fn keep(&mut self, id: DocumentId, kept: KeptDocument) {
        if !self.kept.contains_key(&id) && self.kept.len() >= KEPT_MAX {
            let last = self
                .kept
                .iter()
                .min_by_key(|(id, kept)| (kept.is_proven || id.is_pinned(), kept.usable_until))
                .map(|(id, _)| id.clone());
            if let Some(last) = last {
                self.kept.remove(&last);
            }
        }
        self.kept.insert(id, kept);
    }

    /// Marks a document that has verified a message. Returns whether it was not marked yet.
    pub(super) fn prove(&mut self, name: &DocumentRef) -> bool {
        let Some(kept) = self.kept.get_mut(&name.id()) else {
            return false;
        };
        !std::mem::replace(&mut kept.is_proven, true)
    }

    /// Returns the documents that have verified a message.
    pub(super) fn proven(&self) -> impl Iterator<Item = (&DocumentId, &KeptDocument)> {
        self.kept.iter().filter(|(_, kept)| kept.is_proven)
    }

    fn is_proven(&self, name: &DocumentRef) -> bool {
        let id = name.id();
        id.is_pinned() || self.kept.get(&id).is_some_and(|kept| kept.is_proven)
    }

    /// Returns whether another unproven document may be fetched.
    fn has_room(&self) -> bool {
        self.count(|fetching| !fetching.is_proven) < FETCHING_MAX
    }

    fn count(&self, is_counted: impl Fn(&Fetching) -> bool) -> usize {
        self.fetching
            .values()
            .filter(|fetching| is_counted(fetching))
            .count()
    }

    fn fail(&mut self, name: DocumentRef, failed: FailedFetch) {
        if self.failed.len() >= FAILED_MAX
            && let Some(first) = self
                .failed
                .iter()
                .min_by_key(|(_, failed)| failed.until)
                .map(|(name, _)| name.clone())
        {
            self.failed.remove(&first);
        }
        self.failed.insert(name, failed);
    }

    /// Removes the documents that cannot be used any more. A proven document stays, so that it stays
    /// proven until the next fetch.
    fn forget_expired(&mut self, now: Timestamp) {
        self.kept
            .retain(|_, kept| kept.is_proven || kept.usable_until > now);
        self.failed.retain(|_, failed| failed.until > now);
        // If the task of a fetch was abandoned, its sender is dropped.
        self.fetching
            .retain(|_, fetching| fetching.wait.end.has_changed().is_ok());
    }
}

/// Returns the number of running fetches of unproven documents for one tenant.
fn count_of(fetching: &HashMap<DocumentRef, Fetching>, tenant: &TenantName) -> usize {
    fetching
        .values()
        .filter(|fetching| !fetching.is_proven && fetching.source.tenant == *tenant)
        .count()
}
