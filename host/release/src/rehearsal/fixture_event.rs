//! Turns a fixture into a scene: the stored event that the host would have made, with the values
//! and stubs of the fixture.

use std::sync::Arc;
use std::time::Duration;

use hookyard_config::document::unknown;
use hookyard_model::{Event, EventId, Payload, SourceName, SourceRef, Timestamp, chain};
use hookyard_schemes::{Provider, Request, Verified};
use uuid::Uuid;

use super::Rehearsal;
use super::answering::Answers;
use super::fixture::{Fixture, FixtureEvent, Origin};
use super::stage::{FixtureValues, Scene};

/// The time at which the event of a fixture arrived, unless the fixture contains one.
const RECEIVED_AT: Timestamp = Timestamp::from_unix_secs(1_767_225_600);

impl Rehearsal {
    /// Returns the scene that a fixture describes.
    pub(super) fn fixture_scene(&self, fixture: &Fixture, number: usize) -> Result<Scene, String> {
        let event = self.stored_event(&fixture.event, number)?;
        let config = fixture.config.clone().map(Arc::new);
        Ok(Scene {
            event: Arc::new(event),
            values: Arc::new(FixtureValues(fixture.values.clone())),
            answers: Answers::Stubs(Arc::new(fixture.http.clone())),
            config,
            attempt: fixture.event.attempt,
            now: fixture.event.now,
        })
    }

    /// Returns the event of a fixture, as the host would have stored it.
    fn stored_event(&self, fixture: &FixtureEvent, number: usize) -> Result<Event, String> {
        let (source, provider) = self.origin(&fixture.origin)?;
        let id = fixture
            .id
            .unwrap_or_else(|| EventId::from_uuid(Uuid::from_u128(number as u128 + 1)));
        let verified = Verified {
            id: Some(id.to_string()),
            payload: Payload::Body,
        };

        let (mut key, mut event_type) = (fixture.key.clone(), fixture.event_type.clone());
        if key.is_none() || event_type.is_none() {
            let description =
                provider
                    .describe(&verified, &request(fixture))
                    .map_err(|refusal| {
                        format!(
                            "the source {source} would refuse the event: {}",
                            chain(&refusal)
                        )
                    })?;
            key = key.or(description.key);
            event_type = event_type.or(description.event_type);
        }

        let received_at = fixture.received_at.unwrap_or(RECEIVED_AT);
        Ok(Event {
            id,
            source,
            provider: provider.name.clone(),
            event_type,
            key: key.unwrap_or_else(|| id.to_string()),
            key_window: Duration::ZERO,
            received_at,
            headers: fixture.headers.clone(),
            body: fixture.body.clone(),
            payload: Payload::Body,
            ordering_key: None,
        })
    }

    /// Returns the source of a fixture's event, and the provider of the source.
    fn origin(&self, origin: &Origin) -> Result<(SourceRef, &Arc<Provider>), String> {
        match origin {
            Origin::Source(name) => {
                let source = self.sources.iter().find(|(source, _)| source.name == *name);

                let (source, provider) = source.ok_or_else(|| self.unknown_source(name))?;
                Ok((source.clone(), self.provider(provider)?))
            }
            Origin::Provider(name) => {
                let provider = self.provider(name)?;
                let source = self.sources.iter().find(|(_, of)| of == name);

                let source = match source {
                    Some((source, _)) => source.clone(),
                    // The plugin may not have a source of this provider yet.
                    None => SourceRef {
                        tenant: self.candidate.plugin().tenant.clone(),
                        name: SourceName::new(name).map_err(|error| error.to_string())?,
                    },
                };
                Ok((source, provider))
            }
        }
    }

    fn provider(&self, name: &str) -> Result<&Arc<Provider>, String> {
        self.providers
            .get(name)
            .ok_or_else(|| unknown("provider", name, self.providers.keys().map(String::as_str)))
    }

    fn unknown_source(&self, name: &SourceName) -> String {
        let known: Vec<_> = self
            .sources
            .iter()
            .map(|(source, _)| source.name.as_str())
            .collect();
        format!(
            "the plugin does not receive the events of the source {name}; its sources are: {}",
            known.join(", ")
        )
    }
}

/// Returns the request of a fixture's event. A fixture has no path and no query.
fn request(fixture: &FixtureEvent) -> Request<'_> {
    Request {
        method: "POST",
        path: "/",
        tail: None,
        query: None,
        headers: &fixture.headers,
        body: &fixture.body,
    }
}
