//! Plugins: what serves, since when, and why a file does not.

use askama::Template;
use axum::Extension;
use axum::extract::State as Part;

use super::frame::{Frame, Section};
use super::shown::{State, Time, Written};
use super::{Page, html};
use crate::Shared;
use crate::access::Viewer;
use crate::host::PluginStanding;

/// The page.
#[derive(Template)]
#[template(path = "plugins.html")]
struct PluginsPage {
    frame: Frame,
    plugins: Vec<PluginRow>,
}

/// A plugin in the list.
struct PluginRow {
    id: String,
    path: String,
    name: Written,
    state: &'static str,
    mark: State,
    revision: String,
    since: Option<Time>,
    notes: Vec<Written>,
}

/// Returns the shape and colour of a plugin's state or of a step, such as `active` or `refused`.
pub(crate) fn mark_of(state: &str) -> State {
    State::named(match state {
        "active" | "rehearsed" => "done",
        "refused" | "blocked" => "dead",
        "quarantined" => "held",
        "seen" | "settled" | "queued" | "checked" => "pending",
        "compiling" | "compiled" | "draining" => "leased",
        _ => "none",
    })
}

/// Lists the plugins.
pub(super) async fn page(Part(shared): Part<Shared>, Extension(viewer): Extension<Viewer>) -> Page {
    let frame = Frame::still(&shared, &viewer, "Plugins".to_owned(), Section::Plugins);
    let plugins = shared.host.plugins().await?;
    html(&PluginsPage {
        plugins: plugins
            .iter()
            .map(|plugin| PluginRow::of(plugin, &frame.now))
            .collect(),
        frame,
    })
}

impl PluginRow {
    fn of(standing: &PluginStanding, now: &str) -> Self {
        let name = standing.plugin.to_string();
        let active = standing.active.as_ref();
        Self {
            id: name.replace('/', "-"),
            path: format!("/plugins/{name}"),
            name: Written::short(&name),
            state: standing.state,
            mark: mark_of(standing.state),
            revision: active
                .map(|(revision, _)| revision.short())
                .unwrap_or_default(),
            since: active.map(|(_, since)| Time::short(&since.to_string(), now)),
            notes: standing
                .notes
                .iter()
                .map(|note| Written::cut(note, 600))
                .collect(),
        }
    }
}
