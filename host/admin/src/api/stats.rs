//! The figures of charts.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use hookyard_store::{Chart, Resolution, SeriesKind};
use serde::Deserialize;
use utoipa::IntoParams;

use super::fault::Fault;
use super::query::{self, Parameters};
use super::{Answer, selection};
use crate::Shared;
use crate::access::Viewer;
use crate::views::chart::FigureView;
use crate::views::list::List;

/// The query of figures.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    /// The tenant.
    tenant: Option<String>,
    /// `request`, `attempt`, `queue`, `delivery` or `release`; absent for all.
    kind: Option<String>,
    /// The name of the source, plugin or destination.
    name: Option<String>,
    /// The earliest time of a figure (an hour ago by default).
    from: Option<String>,
    /// The time before which the shown steps begin; the default is now.
    until: Option<String>,
    /// `minute` (the default) or `quarter` of an hour. Minutes are kept and shown for two days.
    step: Option<String>,
}

/// Lists figures.
pub(super) async fn figures(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Parameters(query): Parameters<StatsQuery>,
) -> Answer<List<FigureView>> {
    let now = shared.clock.now();
    let until = query::time("until", query.until.as_deref(), now)?.unwrap_or(now);
    let from = query::time("from", query.from.as_deref(), now)?;
    let resolution = resolution(query.step.as_deref())?;
    let from = from.unwrap_or_else(|| until.before(Duration::from_secs(3_600)));
    if until.since(from) > resolution.kept() {
        return Err(Fault::parameter(
            "from",
            "is longer ago than figures of this step are kept",
        ));
    }

    let chart = Chart {
        tenant: selection::tenant(&viewer.grant, query.tenant.as_deref())?,
        kind: query.kind.as_deref().map(kind).transpose()?,
        name: query.name,
        from,
        until,
        resolution,
    };
    let figures = shared.store.figures(chart, &viewer.grant.tenants).await?;
    Ok(Json(List::whole(
        figures.into_iter().map(FigureView::from).collect(),
    )))
}

fn resolution(step: Option<&str>) -> Result<Resolution, Fault> {
    match step {
        None | Some("minute") => Ok(Resolution::Minute),
        Some("quarter") => Ok(Resolution::Quarter),
        Some(_) => Err(Fault::parameter("step", "must be minute or quarter")),
    }
}

fn kind(name: &str) -> Result<SeriesKind, Fault> {
    let names: Vec<_> = SeriesKind::ALL.iter().map(|kind| kind.name()).collect();
    let wrong = || Fault::parameter("kind", format!("must be one of {}", names.join(", ")));
    SeriesKind::from_name(name).ok_or_else(wrong)
}
