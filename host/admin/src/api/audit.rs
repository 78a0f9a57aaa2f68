//! The audit log.

use axum::extract::State;
use axum::{Extension, Json};
use hookyard_store::{AuditId, AuditPage, AuditSelection};
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::{self, Parameters};
use super::{Answer, cursor, events, selection};
use crate::Shared;
use crate::access::Viewer;
use crate::views::audit::Entry;
use crate::views::list::List;

/// The query of the audit log. Absent filters exclude nothing.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// The name of the author.
    author: Option<String>,
    /// What was done, for example `plugin.rollback`.
    action: Option<String>,
    /// The thing that was changed, for example `acme/books`.
    target: Option<String>,
    /// The tenant.
    tenant: Option<String>,
    /// The earliest time: a time, or `90m`, `2h` or `7d` for that long ago.
    since: Option<String>,
    /// The time before which the changes were made.
    until: Option<String>,
    /// `newest` (the default) or `oldest` first.
    order: Option<String>,
    /// The maximum number of items, from 1 to 200; the default is 50.
    limit: Option<String>,
    /// The `next` of the previous part of the list.
    cursor: Option<String>,
}

/// Lists entries.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Parameters(query): Parameters<AuditQuery>,
) -> Answer<List<Entry>> {
    let now = shared.clock.now();
    let is_oldest_first = query::is_oldest_first(query.order.as_deref())?;
    let filters = AuditQuery {
        limit: None,
        cursor: None,
        ..query.clone()
    };
    let filters = format!("{filters:?}");
    let limit = query::limit(query.limit.as_deref())?;
    let page = AuditPage {
        selection: AuditSelection {
            tenant: selection::tenant(&viewer.grant, query.tenant.as_deref())?,
            since: query::time("since", query.since.as_deref(), now)?,
            until: query::time("until", query.until.as_deref(), now)?,
            author: query.author,
            action: query.action,
            target: query.target,
        },
        order: events::order(is_oldest_first),
        after: cursor::read(query.cursor.as_deref(), &filters)?.map(AuditId::from_uuid),
        limit,
    };
    let entries = shared.store.audit(page, &viewer.grant.tenants).await?;

    let last = entries.last().map(|entry| entry.id.as_uuid());
    let last = last.filter(|_| entries.len() == limit);
    Ok(Json(List {
        next: last.map(|last| cursor::write(last, &filters)),
        ..List::whole(entries.into_iter().map(Entry::from).collect())
    }))
}
