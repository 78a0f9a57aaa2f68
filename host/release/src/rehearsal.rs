//! Rehearsal: running a candidate revision before it becomes active.
//!
//! A rehearsal first runs the candidate with the plugin's fixtures, which a tenant wrote: events
//! and the results to expect. Then it runs the active revision and the candidate with recent stored
//! events. Both runs have the same values, the same time and the same random numbers, so that only
//! the code differs. If the results differ, the active revision runs again; a difference between
//! its own two runs does not count.
//!
//! A rehearsal sends no requests. A request gets the recorded response, or is refused. If the
//! results differ and a request was refused, the event could not be rehearsed, because the result
//! with the real response is unknown.
//!
//! Rehearsed attempts are captured: no effect is committed, and nothing reaches the stored
//! attempts, the metrics, quarantine or probation. Attempts run one after the other. Whether a
//! candidate may become active is not decided here, but by the operator's policy.

mod walk;
mod fixture;
mod fixtures;
mod difference;
mod expect;
mod compare;
mod stage;
mod answering;
mod report;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{Event, EventId, Payload, SourceName, SourceRef, Timestamp};
use hookyard_plugin::{HostFault, LoadedPlugin};
use hookyard_schemes::{Provider, Verified};
use hookyard_store::{Recent, Values};
use uuid::Uuid;

use answering::Answers;
use compare::Otherwise;
use fixture::{Fixture, Given, Origin, Written};
use hookyard_model::chain;
use stage::{Played, Remembered, Scene};

pub use fixtures::{COUNT_MAX, Fixtures, is_fixture};
pub use report::Report;

/// The time at which the event of a fixture arrived, unless the fixture contains one.
const RECEIVED_AT: Timestamp = Timestamp::from_unix_secs(1_767_225_600);

/// The input of a rehearsal.
pub struct Rehearsal {
    /// The revision to rehearse.
    pub candidate: Arc<LoadedPlugin>,
    /// The active revision, if there is one.
    pub active: Option<Arc<LoadedPlugin>>,
    /// The fixtures of the candidate.
    pub fixtures: Arc<Fixtures>,
    /// The sources whose events the plugin handles, each with the name of its provider.
    pub sources: Vec<(SourceRef, String)>,
    /// All providers by name.
    pub providers: Arc<BTreeMap<String, Arc<Provider>>>,
    /// The maximum number of stored events to run.
    pub events: usize,
    /// How long the rehearsal starts new attempts.
    pub time_max: Duration,
}

/// The stored data that a rehearsal reads.
#[derive(Clone)]
pub struct Material {
    /// The key-value stores of plugins.
    pub values: Arc<dyn Values>,
    /// The recent events.
    pub recent: Arc<dyn Recent>,
}

/// The result of rehearsing one event.
struct Found {
    /// The differences between the active revision and the candidate.
    otherwise: Vec<Otherwise>,
    /// Whether the active revision had the same result in both of its runs.
    is_steady: bool,
    /// Whether the results differ and a request was refused, so that the event could not be
    /// rehearsed.
    is_unrehearsed: bool,
}

impl Found {
    /// Returns the result for differences between attempts. If an attempt lacked a response, the
    /// differences may have no other reason, so they do not count.
    fn of(otherwise: Vec<Otherwise>, played: &[&Played]) -> Self {
        let lacked_answer = played.iter().any(|played| played.lacked_answer);
        let is_unrehearsed = lacked_answer && !otherwise.is_empty();

        Self {
            otherwise: if is_unrehearsed {
                Vec::new()
            } else {
                otherwise
            },
            is_steady: true,
            is_unrehearsed,
        }
    }
}

impl Rehearsal {
    /// Runs the rehearsal, for at most `time_max` and the duration of one more attempt.
    pub async fn run(&self, material: &Material) -> Report {
        let began = Instant::now();
        let is_over = || began.elapsed() >= self.time_max;
        let active = self.active.as_ref().map(|active| active.revision());
        let mut report = Report::new(self.candidate.revision(), active);
        report.faults.clone_from(&self.fixtures.faults);
        self.run_fixtures(&mut report, &is_over).await;
        self.run_events(material, &mut report, &is_over).await;
        report.took = began.elapsed();
        report
    }

    async fn run_fixtures(&self, report: &mut Report, is_over: &(impl Fn() -> bool + Sync)) {
        let all = &self.fixtures.all;
        for (n, fixture) in all.iter().enumerate() {
            if is_over() {
                report.stopped = Some(stopped(n, all.len(), "fixtures", self.time_is_over()));
                return;
            }
            let problems = match self.run_fixture(fixture, n).await {
                Ok(problems) => problems,
                Err(fault) => {
                    report.stopped = Some(stopped(n, all.len(), "fixtures", fault));
                    return;
                }
            };
            report.fixtures.push((fixture.name.clone(), problems));
        }
    }

    /// Runs one fixture. Returns the differences from the expected results.
    async fn run_fixture(
        &self,
        written: &Written,
        number: usize,
    ) -> Result<Vec<String>, HostFault> {
        let fixture = match written.fixture() {
            Ok(fixture) => fixture,
            Err(why) => return Ok(vec![why]),
        };
        match self.scene(&fixture, number) {
            Ok(scene) => Ok(expect::check(
                &fixture.expect,
                &scene.play(&self.candidate).await?.rehearsed,
            )),
            Err(why) => Ok(vec![why]),
        }
    }

    async fn run_events(
        &self,
        material: &Material,
        report: &mut Report,
        is_over: &(impl Fn() -> bool + Sync),
    ) {
        if self.events == 0 || self.sources.is_empty() || report.stopped.is_some() {
            return;
        }
        report.events.sources = self
            .sources
            .iter()
            .map(|(source, _)| source.to_string())
            .collect();
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|(source, _)| source.clone())
            .collect();
        let recent = match material.recent.recent(&sources, self.events).await {
            Ok(recent) => recent,
            Err(error) => {
                report.events.unreadable = Some(chain(&error));
                return;
            }
        };
        for (n, id) in recent.iter().enumerate() {
            if is_over() {
                report.stopped = Some(stopped(n, recent.len(), "events", self.time_is_over()));
                return;
            }
            let event = match material.recent.event(*id).await {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                Err(error) => {
                    report.events.unreadable = Some(chain(&error));
                    return;
                }
            };
            let answers = match material.recent.answers(*id, self.candidate.plugin()).await {
                Ok(answers) => Answers::Recorded(answers),
                Err(error) => {
                    report.events.unreadable = Some(chain(&error));
                    return;
                }
            };
            let Found {
                otherwise,
                is_steady,
                is_unrehearsed,
            } = match self.run_event(material, event, answers).await {
                Ok(found) => found,
                Err(fault) => {
                    report.stopped = Some(stopped(n, recent.len(), "events", fault));
                    return;
                }
            };
            otherwise
                .into_iter()
                .for_each(|otherwise| report.events.add(otherwise, *id));
            report.events.unsteady += usize::from(!is_steady);
            report.events.unrehearsed += usize::from(is_unrehearsed);
            report.events.count += 1;
        }
    }

    async fn run_event(
        &self,
        material: &Material,
        event: Arc<Event>,
        answers: Answers,
    ) -> Result<Found, HostFault> {
        let values = Arc::new(Remembered::new(Arc::clone(&material.values)));
        let scene = Scene {
            event,
            values,
            answers,
        };
        let candidate = scene.play(&self.candidate).await?;
        let Some(serving) = &self.active else {
            return Ok(Found::of(
                compare::alone(&candidate.rehearsed),
                &[&candidate],
            ));
        };
        let active = scene.play(serving).await?;
        let found = Found::of(
            compare::compare(&active.rehearsed, &candidate.rehearsed),
            &[&active, &candidate],
        );
        if found.otherwise.is_empty() {
            return Ok(found);
        }
        let own = compare::compare(&active.rehearsed, &scene.play(serving).await?.rehearsed);
        Ok(Found {
            otherwise: compare::steady(found.otherwise, &own),
            is_steady: own.is_empty(),
            ..found
        })
    }

    fn time_is_over(&self) -> String {
        format!("time_max ({:?}) has passed", self.time_max)
    }

    /// Returns the scene that a fixture describes.
    fn scene(&self, fixture: &Fixture, number: usize) -> Result<Scene, String> {
        let event = self.event(&fixture.event, number)?;
        let values = Arc::new(stage::Given(fixture.values.clone()));
        Ok(Scene {
            event: Arc::new(event),
            values,
            answers: Answers::Stubs(Arc::new(fixture.http.clone())),
        })
    }

    /// Returns the event of a fixture, as the host would have stored it.
    fn event(&self, given: &Given, number: usize) -> Result<Event, String> {
        let (source, provider) = self.origin(&given.origin)?;
        let id = EventId::from_uuid(Uuid::from_u128(number as u128 + 1));
        let verified = Verified {
            id: Some(id.to_string()),
            payload: Payload::Body,
        };
        let (mut key, mut event_type) = (given.key.clone(), given.event_type.clone());
        if key.is_none() || event_type.is_none() {
            let description = provider
                .describe(&verified, &given.headers, &given.body)
                .map_err(|refusal| {
                    format!(
                        "the source {source} would refuse the event: {}",
                        chain(&refusal)
                    )
                })?;
            key = key.or(Some(description.key));
            event_type = event_type.or(description.event_type);
        }
        let received_at = given.received_at.unwrap_or(RECEIVED_AT);
        Ok(Event {
            id,
            source,
            provider: provider.name.clone(),
            event_type,
            key: key.unwrap_or_default(),
            key_until: received_at,
            received_at,
            headers: given.headers.clone(),
            body: given.body.clone(),
            payload: Payload::Body,
            ordering_key: None,
        })
    }

    fn origin(&self, origin: &Origin) -> Result<(SourceRef, &Arc<Provider>), String> {
        let provider = |name: &str| {
            let known = self.providers.keys().map(String::as_str);
            self.providers
                .get(name)
                .ok_or_else(|| hookyard_config::document::unknown("provider", name, known))
        };
        match origin {
            Origin::Source(name) => {
                let found = self.sources.iter().find(|(source, _)| source.name == *name);
                let known: Vec<_> = self
                    .sources
                    .iter()
                    .map(|(source, _)| source.name.as_str())
                    .collect();
                let (source, of) = found.ok_or_else(|| {
                    format!(
                        "the plugin does not receive the events of the source {name}; its sources are: {}",
                        known.join(", ")
                    )
                })?;
                Ok((source.clone(), provider(of)?))
            }
            Origin::Provider(name) => {
                let provider = provider(name)?;
                let found = self
                    .sources
                    .iter()
                    .find(|(_, of)| of == name)
                    .map(|(source, _)| source.clone());
                // The plugin may not have a source yet.
                let named = SourceName::new(name).map_err(|error| error.to_string());
                let tenant = self.candidate.plugin().tenant.clone();
                let source = found.map_or_else(
                    || {
                        named.map(|source| SourceRef {
                            tenant,
                            name: source,
                        })
                    },
                    Ok,
                )?;
                Ok((source, provider))
            }
        }
    }
}

/// Returns the reason why a rehearsal ended early. A fault of the host is not a finding about the
/// candidate.
fn stopped(count: usize, of: usize, what: &str, why: impl Display) -> String {
    format!("stopped after {count} of {of} {what}: {why}")
}
