//! Plugins: lists, one plugin, the steps of its releases, and orders.

use axum::extract::State;
use axum::{Extension, Json};
use hookyard_model::PluginRef;

use super::Answer;
use super::fault::Fault;
use super::query::{Names, Sent};
use super::selection;
use crate::Shared;
use crate::access::Viewer;
use crate::audit::Change;
use crate::host::Wanted;
use crate::views::list::List;
use crate::views::plugin::{OrderBody, Ordered, Plugin, PluginView, StepView};

/// The tenant and the name of a plugin.
type Named = Names<(String, String)>;

/// Lists plugins.
pub(super) async fn list(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Answer<List<Plugin>> {
    let plugins = shared.host.plugins().await?;
    let plugins = plugins
        .iter()
        .filter(|standing| viewer.grant.sees(&standing.plugin.tenant));
    Ok(Json(List::whole(plugins.map(Plugin::from).collect())))
}

/// Shows one plugin.
pub(super) async fn show(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names((tenant, name)): Named,
) -> Answer<PluginView> {
    let plugin = selection::plugin(&viewer.grant, &tenant, &name)?;
    let detail = shared.host.plugin(&plugin).await?;
    let detail = detail.ok_or_else(|| unknown(&plugin))?;
    Ok(Json(PluginView::from(&detail)))
}

/// Lists the steps of the releases of a plugin.
pub(super) async fn steps(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names((tenant, name)): Named,
) -> Answer<List<StepView>> {
    let plugin = selection::plugin(&viewer.grant, &tenant, &name)?;
    let steps = shared.store.steps(&plugin).await?;
    Ok(Json(List::whole(
        steps.iter().map(StepView::from).collect(),
    )))
}

/// Rolls a plugin back.
pub(super) async fn rollback(
    shared: State<Shared>,
    viewer: Extension<Viewer>,
    names: Named,
    Sent(sent): Sent<OrderBody>,
) -> Answer<Ordered> {
    let wanted = Wanted::Rollback(revision(sent.to)?);
    order(shared, viewer, names, "plugin.rollback", wanted).await
}

/// Ends the quarantine and the blocks of a plugin.
pub(super) async fn release(
    shared: State<Shared>,
    viewer: Extension<Viewer>,
    names: Named,
) -> Answer<Ordered> {
    order(shared, viewer, names, "plugin.release", Wanted::Clear).await
}

/// Pins a plugin.
pub(super) async fn pin(
    shared: State<Shared>,
    viewer: Extension<Viewer>,
    names: Named,
    Sent(sent): Sent<OrderBody>,
) -> Answer<Ordered> {
    let wanted = Wanted::Pin(revision(sent.to)?);
    order(shared, viewer, names, "plugin.pin", wanted).await
}

/// Ends a pin.
pub(super) async fn unpin(
    shared: State<Shared>,
    viewer: Extension<Viewer>,
    names: Named,
) -> Answer<Ordered> {
    order(shared, viewer, names, "plugin.unpin", Wanted::Unpin).await
}

async fn order(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
    Names((tenant, name)): Named,
    action: &'static str,
    wanted: Wanted,
) -> Answer<Ordered> {
    let plugin = selection::plugin(&viewer.grant, &tenant, &name)?;
    if shared.host.plugin(&plugin).await?.is_none() {
        return Err(unknown(&plugin));
    }

    let change = Change::new(action, Some(plugin.tenant.clone()), plugin.to_string());
    let change = match &wanted {
        Wanted::Rollback(Some(to)) | Wanted::Pin(Some(to)) => change.with(to.clone()),
        _ => change,
    };
    let result = shared.host.order(plugin, wanted).await;
    let result = change.record(&shared, &viewer, result, String::clone).await;
    let result = result.map_err(|refused| Fault::conflict(refused.to_string()))?;
    Ok(Json(Ordered { result }))
}

/// Checks the first digits of a revision.
fn revision(digits: Option<String>) -> Result<Option<String>, Fault> {
    let is_hexadecimal = |text: &String| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    if digits.as_ref().is_some_and(|text| !is_hexadecimal(text)) {
        let detail = "must be a revision, or its first hexadecimal digits";
        return Err(Fault::parameter("to", detail));
    }
    Ok(digits)
}

fn unknown(plugin: &PluginRef) -> Fault {
    Fault::unknown(format!("there is no plugin {plugin}"))
}
