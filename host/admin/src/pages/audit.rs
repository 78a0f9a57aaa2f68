//! Audit: every change that a person made, and where it came from.

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State as Part};
use hookyard_store::{AuditEntry, AuditId, AuditPage as Entries, AuditSelection};
use serde::Deserialize;
use uuid::Uuid;

use super::filters::path;
use super::frame::{Frame, Section};
use super::selection::parsed;
use super::shown::{Time, Written};
use super::{ITEMS_MAX, Page, html};
use crate::Shared;
use crate::access::Viewer;

/// The page.
#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    entries: Vec<EntryRow>,
    has_cursor: bool,
    older: Option<String>,
}

/// A change.
struct EntryRow {
    at: Time,
    who: Written,
    role: Written,
    from: Written,
    action: Written,
    on: Written,
    detail: Written,
    result: Written,
}

/// The query of the page.
#[derive(Debug, Deserialize)]
pub(super) struct AuditQuery {
    /// The id of the entry that precedes the list.
    cursor: Option<String>,
}

/// Lists the changes.
pub(super) async fn page(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<AuditQuery>,
) -> Page {
    let cursor: Option<Uuid> = parsed("cursor", query.cursor.as_deref())?;
    let mut page = Entries::last(AuditSelection::default(), ITEMS_MAX + 1);
    page.after = cursor.map(AuditId::from_uuid);
    let mut entries = shared.store.audit(page, &viewer.tenants).await?;
    let has_more = entries.len() > ITEMS_MAX;
    entries.truncate(ITEMS_MAX);

    let last = entries.last().filter(|_| has_more);
    let older = last.map(|last| path("/audit", &[("cursor", last.id.as_uuid().to_string())]));
    let frame = Frame::still(&shared, &viewer, "Audit".to_owned(), Section::Audit);
    html(&AuditPage {
        entries: entries
            .iter()
            .map(|entry| EntryRow::of(entry, &frame.now))
            .collect(),
        has_cursor: cursor.is_some(),
        older,
        frame,
    })
}

impl EntryRow {
    fn of(entry: &AuditEntry, now: &str) -> Self {
        Self {
            at: Time::short(&entry.at.to_string(), now),
            who: Written::short(&entry.author.name),
            role: Written::short(&entry.author.role),
            from: Written::short(&entry.author.from),
            action: Written::short(&entry.action),
            on: Written::cut(&entry.target, 300),
            detail: Written::cut(entry.detail.as_deref().unwrap_or_default(), 300),
            result: Written::cut(&entry.result, 600),
        }
    }
}
