//! All endpoints.

use axum::routing::{delete, get, post, put};
use hookyard_model::Role::Viewer;

use super::route::Route;
use super::{audit, destinations, events, messages, plugins, sources, stats, stream, tenants};
use crate::views::audit::Entry;
use crate::views::change::{DiscardedCount, Enabled, Replayed};
use crate::views::chart::FigureView;
use crate::views::event::{Event, EventDetail};
use crate::views::me::Me;
use crate::views::message::{Message, MessageDetail};
use crate::views::overview::{Overview, Tenant};
use crate::views::plugin::{OrderBody, Ordered, Plugin, PluginView, StepView};
use crate::views::source::{Destination, Refusals, Source};

/// Returns all endpoints.
pub(super) fn all() -> Vec<Route> {
    let parts = [
        of_host(),
        of_events(),
        of_messages(),
        of_plugins(),
        of_sources(),
    ];
    parts.into_iter().flatten().collect()
}

fn of_host() -> Vec<Route> {
    vec![
        Route::get("/me", Viewer, get(tenants::me))
            .says("Who asks, and what the host allows.")
            .answers::<Me>(),
        Route::get("/overview", Viewer, get(tenants::overview))
            .says("How many jobs and messages are in which state.")
            .answers::<Overview>(),
        Route::get("/tenants", Viewer, get(tenants::list))
            .says("What each tenant stores.")
            .lists::<Tenant>(),
        Route::get("/stats", Viewer, get(stats::figures))
            .takes::<stats::StatsQuery>()
            .says("The figures of the charts, by minute or quarter of an hour.")
            .lists::<FigureView>(),
        Route::get("/audit", Viewer, get(audit::list))
            .takes::<audit::AuditQuery>()
            .says("Who changed what, when and from where, newest first.")
            .lists::<Entry>(),
        Route::get("/live", Viewer, get(stream::live))
            .says("Hints on what changes, as server-sent events.")
            .answers_bytes("text/event-stream"),
    ]
}

fn of_events() -> Vec<Route> {
    vec![
        Route::get("/events", Viewer, get(events::list))
            .takes::<events::EventQuery>()
            .says("The stored events with their jobs.")
            .lists::<Event>(),
        Route::post("/events/replay", post(events::replay))
            .reads::<events::ReplayBody>()
            .says("Runs jobs again. A dry run counts them; the replay repeats the count.")
            .answers::<Replayed>(),
        Route::post("/events/discard", post(events::discard))
            .reads::<events::DiscardBody>()
            .says("Ends jobs that are not over, and unrouted events.")
            .answers::<DiscardedCount>(),
        Route::get("/events/{id}", Viewer, get(events::show))
            .says("One event with its attempts, log lines and messages.")
            .answers::<EventDetail>(),
        Route::get("/events/{id}/body", Viewer, get(events::body))
            .says("The body of an event, byte for byte. Needs `payloads`."),
    ]
}

fn of_messages() -> Vec<Route> {
    vec![
        Route::get("/messages", Viewer, get(messages::list))
            .takes::<messages::MessageQuery>()
            .says("The messages of plugins with their states.")
            .lists::<Message>(),
        Route::post("/messages/replay", post(messages::replay))
            .reads::<messages::ReplayBody>()
            .says("Sends messages again under their old ids.")
            .answers::<Replayed>(),
        Route::get("/messages/{id}", Viewer, get(messages::show))
            .says("One message with its deliveries.")
            .answers::<MessageDetail>(),
        Route::get("/messages/{id}/body", Viewer, get(messages::body))
            .says("The body of a message, byte for byte. Needs `payloads`."),
        Route::get("/destinations", Viewer, get(destinations::list))
            .says("The destinations, and which are disabled.")
            .lists::<Destination>(),
        Route::post(
            "/destinations/{tenant}/{name}/enable",
            post(destinations::enable),
        )
        .says("Sends to a disabled destination again.")
        .answers::<Enabled>(),
    ]
}

fn of_plugins() -> Vec<Route> {
    vec![
        Route::get("/plugins", Viewer, get(plugins::list))
            .says("The plugins: what serves, since when, and what stands against it.")
            .lists::<Plugin>(),
        Route::get("/plugins/{tenant}/{name}", Viewer, get(plugins::show))
            .says("One plugin with its revisions and settings.")
            .answers::<PluginView>(),
        Route::get(
            "/plugins/{tenant}/{name}/steps",
            Viewer,
            get(plugins::steps),
        )
        .says("The steps of the releases of a plugin with their reports, oldest first.")
        .lists::<StepView>(),
        Route::post("/plugins/{tenant}/{name}/rollback", post(plugins::rollback))
            .reads::<OrderBody>()
            .says("Returns to an earlier revision, and blocks the active one.")
            .answers::<Ordered>(),
        Route::post("/plugins/{tenant}/{name}/release", post(plugins::release))
            .says("Ends the quarantine and the blocks of a plugin.")
            .answers::<Ordered>(),
        Route::put("/plugins/{tenant}/{name}/pin", put(plugins::pin))
            .reads::<OrderBody>()
            .says("Keeps a plugin at a revision.")
            .answers::<Ordered>(),
        Route::delete("/plugins/{tenant}/{name}/pin", delete(plugins::unpin))
            .says("Ends a pin.")
            .answers::<Ordered>(),
    ]
}

fn of_sources() -> Vec<Route> {
    vec![
        Route::get("/sources", Viewer, get(sources::list))
            .says("The configured sources.")
            .lists::<Source>(),
        Route::get(
            "/sources/{tenant}/{name}/refusals",
            Viewer,
            get(sources::refusals),
        )
        .takes::<sources::RefusalQuery>()
        .says("Why requests to a source were refused, and how often.")
        .lists::<Refusals>(),
    ]
}
