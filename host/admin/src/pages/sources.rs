//! Sources: where senders deliver, how each proves itself, and what was refused.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State as Part};
use hookyard_model::SourceRef;
use hookyard_store::{EventPage, EventSelection, RefusedPage, RefusedSelection, RefusedSummary};

use super::advice;
use super::frame::{Frame, Section};
use super::shown::{Time, Written, bytes, count};
use super::{Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::host::SourceFacts;
use crate::problem::Problem;

/// The maximum number of kept requests that a page sums up.
const REFUSED_MAX: usize = 200;

/// The page of all sources.
#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    frame: Frame,
    sources: Vec<SourceRow>,
}

/// A source in the list.
struct SourceRow {
    id: String,
    path: String,
    name: Written,
    provider: Written,
    scheme: Written,
    is_unverified: bool,
    last: Option<Time>,
}

/// The page of one source.
#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    frame: Frame,
    tenant: String,
    name: String,
    /// The path for senders, such as `/acme/offers`.
    path: String,
    events: String,
    provider: Written,
    scheme: Written,
    is_unverified: bool,
    body_max: String,
    last: Option<Time>,
    refusals: Vec<RefusalShown>,
}

/// The kept requests that were refused for one reason, with what to do about them.
struct RefusalShown {
    reason: Written,
    status: u16,
    count: String,
    advice: &'static str,
    detail: Written,
    first: Time,
    last: Time,
    peer: Written,
}

/// Lists the sources.
pub(super) async fn list(Part(shared): Part<Shared>, Extension(viewer): Extension<Viewer>) -> Page {
    let frame = Frame::still(&shared, &viewer, "Sources".to_owned(), Section::Sources);
    let mut sources = Vec::new();
    for facts in shared.host.sources() {
        sources.push(SourceRow {
            id: facts.source.to_string().replace('/', "-"),
            path: format!("/sources/{}", facts.source),
            name: Written::short(&facts.source.to_string()),
            provider: Written::short(&facts.provider),
            scheme: Written::short(&facts.scheme),
            is_unverified: facts.is_unverified,
            last: last_event(&shared, &facts.source)
                .await?
                .map(|at| Time::short(&at, &frame.now)),
        });
    }
    html(&SourcesPage { frame, sources })
}

/// Shows a source.
pub(super) async fn one(
    Part(shared): Part<Shared>,
    Extension(viewer): Extension<Viewer>,
    Path((tenant, name)): Path<(String, String)>,
) -> Page {
    let full = format!("{tenant}/{name}");
    let facts = shared
        .host
        .sources()
        .into_iter()
        .find(|facts| facts.source.to_string() == full);
    let Some(SourceFacts {
        source,
        provider,
        scheme,
        is_unverified,
        body_max,
    }) = facts
    else {
        return Err(Problem::unknown(
            "There is no such source in the configuration.",
        ));
    };

    let frame = Frame::still(&shared, &viewer, full, Section::Sources);
    html(&SourcePage {
        tenant: source.tenant.to_string(),
        name: source.name.to_string(),
        path: format!("/{source}"),
        events: format!("/?tenant={}&source={}", source.tenant, source.name),
        provider: Written::short(&provider),
        scheme: Written::short(&scheme),
        is_unverified,
        body_max: bytes(body_max),
        last: last_event(&shared, &source)
            .await?
            .map(|at| Time::full(&at)),
        refusals: refusals(&shared, &source, &frame.now).await?,
        frame,
    })
}

/// Returns the time at which the last stored event of a source arrived.
async fn last_event(shared: &Shared, source: &SourceRef) -> Result<Option<String>, Problem> {
    let selection = EventSelection {
        tenant: Some(source.tenant.clone()),
        source: Some(source.name.clone()),
        ..EventSelection::default()
    };
    let found = shared.store.events(EventPage::last(selection, 1)).await?;
    Ok(found.first().map(|event| event.received_at.to_string()))
}

/// Returns the kept refused requests of a source by their reason, the most frequent first.
async fn refusals(
    shared: &Shared,
    source: &SourceRef,
    now: &str,
) -> Result<Vec<RefusalShown>, Problem> {
    let selection = RefusedSelection {
        tenant: Some(source.tenant.clone()),
        source: Some(source.name.clone()),
        ..RefusedSelection::default()
    };
    let mut kept = shared
        .store
        .refused(RefusedPage::last(selection, REFUSED_MAX))
        .await?;
    // A stable sort: within a reason, the newest request stays first.
    kept.sort_by(|one, other| one.reason.cmp(&other.reason));

    let mut refusals: Vec<_> = kept
        .chunk_by(|one, next| one.reason == next.reason)
        .collect();
    refusals.sort_by_key(|requests| std::cmp::Reverse(requests.len()));
    Ok(refusals
        .iter()
        .filter_map(|requests| RefusalShown::of(requests, now))
        .collect())
}

impl RefusalShown {
    /// Sums up requests of one reason, the newest first.
    fn of(requests: &[RefusedSummary], now: &str) -> Option<Self> {
        let (newest, oldest) = (requests.first()?, requests.last()?);
        Some(Self {
            reason: Written::short(&newest.reason),
            status: newest.status,
            count: count(requests.len() as u64),
            advice: advice::about(&newest.reason).map_or("", |advice| advice.text.as_str()),
            detail: Written::cut(&newest.detail, 600),
            first: Time::short(&oldest.received_at.to_string(), now),
            last: Time::short(&newest.received_at.to_string(), now),
            peer: Written::short(&newest.peer),
        })
    }
}
