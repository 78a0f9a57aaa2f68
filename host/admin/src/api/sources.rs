//! Sources and the refusals of their requests.

use axum::extract::State;
use axum::{Extension, Json};
use hookyard_store::RefusalSelection;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Answer;
use super::fault::Fault;
use super::query::{self, Names, Parameters};
use crate::Shared;
use crate::access::Viewer;
use crate::views::list::List;
use crate::views::source::{Refusals, Source};

/// The query of refusals.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefusalQuery {
    /// The earliest time of a refusal (a day ago by default).
    since: Option<String>,
}

/// Lists sources.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<List<Source>> {
    let sources = shared.host.sources();
    let sources = sources
        .iter()
        .filter(|facts| viewer.grant.sees(&facts.source.tenant));
    Ok(Json(List::whole(sources.map(Source::from).collect())))
}

/// Lists why requests to a source were refused.
pub(super) async fn refusals(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names((tenant, name)): Names<(String, String)>,
    Parameters(query): Parameters<RefusalQuery>,
) -> Answer<List<Refusals>> {
    let since = query.since.as_deref().unwrap_or("1d");
    let since = query::time("since", Some(since), shared.clock.now())?;
    let is_named = |source: &hookyard_model::SourceRef| {
        source.tenant.as_str() == tenant && source.name.as_str() == name
    };
    let sources = shared.host.sources();
    let source = sources.into_iter().map(|facts| facts.source).find(is_named);
    let source = source.filter(|source| viewer.grant.sees(&source.tenant));
    let source =
        source.ok_or_else(|| Fault::unknown(format!("there is no source {tenant}/{name}")))?;

    let selection = RefusalSelection {
        tenant: Some(source.tenant),
        source: Some(source.name),
        since,
    };
    let refusals = shared
        .store
        .refusals(selection, &viewer.grant.tenants)
        .await?;
    Ok(Json(List::whole(
        refusals.into_iter().map(Refusals::from).collect(),
    )))
}
