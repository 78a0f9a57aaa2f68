//! Destinations: which there are, which are disabled, and enabling.

use axum::extract::State;
use axum::{Extension, Json};
use hookyard_model::DestinationRef;

use super::Answer;
use super::fault::Fault;
use super::query::Names;
use crate::Shared;
use crate::access::Viewer;
use crate::audit::Change;
use crate::views::change::Enabled;
use crate::views::list::List;
use crate::views::source::Destination;

/// Lists the destinations that are configured or disabled.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<List<Destination>> {
    let disabled = shared.store.disabled().await?;
    let configured = shared.host.destinations();
    let is_configured =
        |name: &DestinationRef| configured.iter().any(|facts| facts.destination == *name);

    let mut items: Vec<_> = configured
        .iter()
        .filter(|facts| viewer.grant.sees(&facts.destination.tenant))
        .map(|facts| {
            let disabled = disabled
                .iter()
                .find(|it| it.destination == facts.destination);
            Destination::configured(facts, disabled)
        })
        .collect();
    let forgotten = disabled.iter().filter(|it| !is_configured(&it.destination));
    let forgotten = forgotten.filter(|it| viewer.grant.sees(&it.destination.tenant));
    items.extend(forgotten.map(Destination::forgotten));
    Ok(Json(List::whole(items)))
}

/// Enables a destination.
pub(super) async fn enable(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names((tenant, name)): Names<(String, String)>,
) -> Answer<Enabled> {
    let unknown = || Fault::unknown(format!("there is no destination {tenant}/{name}"));
    let destination = DestinationRef {
        tenant: tenant.parse().map_err(|_| unknown())?,
        name: name.parse().map_err(|_| unknown())?,
    };
    if !viewer.grant.sees(&destination.tenant) {
        return Err(unknown());
    }
    let configured = shared.host.destinations();
    let mut known = configured.iter().map(|facts| &facts.destination);
    let is_configured = known.any(|known| *known == destination);

    let tenant = Some(destination.tenant.clone());
    let change = Change::new("destination.enable", tenant, destination.to_string());
    let entry = change.entry(&shared, &viewer, "enabled");
    let was_disabled = shared.store.enable(&destination, Some(entry)).await?;
    if !was_disabled && !is_configured {
        return Err(unknown());
    }
    Ok(Json(Enabled { was_disabled }))
}
