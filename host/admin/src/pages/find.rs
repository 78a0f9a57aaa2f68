//! Find: opens the event or message with an id, or lists the events with a sender's key.

use axum::extract::{Query, State};
use axum::response::Redirect;
use hookyard_model::{EventId, MessageId};
use serde::Deserialize;

use super::filters::path;
use crate::Shared;
use crate::problem::Problem;

/// The query of the search field.
#[derive(Debug, Deserialize)]
pub(super) struct Find {
    #[serde(default)]
    q: String,
}

/// Answers the search field.
pub(super) async fn find(
    State(shared): State<Shared>,
    Query(Find { q }): Query<Find>,
) -> Result<Redirect, Problem> {
    let wanted = q.trim();
    if wanted.is_empty() {
        return Ok(Redirect::to("/"));
    }
    if let Ok(id) = wanted.parse::<EventId>()
        && shared.store.read(id).await?.is_some()
    {
        return Ok(Redirect::to(&format!("/events/{id}")));
    }
    if let Ok(id) = wanted.parse::<MessageId>()
        && shared.store.message(id).await?.is_some()
    {
        return Ok(Redirect::to(&format!("/messages/{id}")));
    }
    let sources: Vec<_> = shared
        .host
        .sources()
        .into_iter()
        .map(|facts| facts.source)
        .collect();
    let keyed = shared.store.keyed(&sources, wanted).await?;
    match keyed.as_slice() {
        [id] => Ok(Redirect::to(&format!("/events/{id}"))),
        _ => Ok(Redirect::to(&path("/", &[("key", wanted.to_owned())]))),
    }
}
