//! The owner of the token, the tenants, and the work by state.

use axum::extract::State;
use axum::{Extension, Json};

use super::Answer;
use super::events::COUNT_MAX;
use crate::Shared;
use crate::access::Viewer;
use crate::views::list::List;
use crate::views::me::Me;
use crate::views::overview::{Overview, Tenant};

/// Says who asks.
pub(super) async fn me(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<Me> {
    Ok(Json(Me::of(&viewer.grant, shared.access.is_read_only())))
}

/// Counts the work by state.
pub(super) async fn overview(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<Overview> {
    let tenants = &viewer.grant.tenants;
    let jobs = shared.store.job_counts(tenants, COUNT_MAX).await?;
    let messages = shared.store.message_counts(tenants, COUNT_MAX).await?;
    Ok(Json(Overview::of(jobs, messages)))
}

/// Lists what each tenant stores.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<List<Tenant>> {
    let totals = shared.store.totals(&viewer.grant.tenants).await?;
    Ok(Json(List::whole(
        totals.into_iter().map(Tenant::from).collect(),
    )))
}
