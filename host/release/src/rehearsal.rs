//! Rehearsal: what a revision would come to, found out before it serves.
//!
//! First its fixtures: what the tenant wrote down of events and of what is to be made of them. Then the stored events of
//! late, each on the revision that serves and on the candidate, with the same values, the same time, the same chance:
//! what differs is their code. Where they differ, the serving one is run once more, and what it differs from itself in
//! counts for nothing. Requests are answered with what was recorded of the event, or refused. An event at which they differ
//! and a request was refused couldn't be rehearsed: what they would come to with the answer is not known.
//!
//! Attempts here are captured: no effect is committed, no request is made, nothing of them reaches the record of
//! attempts, metrics, quarantine or the watch over a release. One attempt is made at a time. Whether a candidate may
//! serve isn't decided here but in `release`, by the operator's policy.

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

/// When the event of a fixture came in, unless it says so.
const RECEIVED_AT: Timestamp = Timestamp::from_unix_secs(1_767_225_600);

/// What is to be rehearsed, and with what.
pub struct Rehearsal {
    pub candidate: Arc<LoadedPlugin>,
    pub active: Option<Arc<LoadedPlugin>>,
    pub fixtures: Arc<Fixtures>,
    /// Whose events the plugin is given, each with its provider's name.
    pub sources: Vec<(SourceRef, String)>,
    pub providers: Arc<BTreeMap<String, Arc<Provider>>>,
    /// How many of the last events are run.
    pub events: usize,
    /// After this long no further attempt is begun.
    pub time_max: Duration,
}

/// What an inbox shows to a rehearsal.
#[derive(Clone)]
pub struct Material {
    pub values: Arc<dyn Values>,
    pub recent: Arc<dyn Recent>,
}

/// What was found with one event.
struct Found {
    otherwise: Vec<Otherwise>,
    /// Whether the serving revision came to the same twice, as far as it was asked.
    is_steady: bool,
    /// Whether it's otherwise, and a request was refused: nobody can tell what it would be with the answer.
    is_unrehearsed: bool,
}

impl Found {
    /// What one of these attempts did otherwise. Where one lacked an answer, that may be the only reason.
    fn of(otherwise: Vec<Otherwise>, played: &[&Played]) -> Self {
        let lacked_answer = played.iter().any(|played| played.lacked_answer);
        match lacked_answer && !otherwise.is_empty() {
            true => Self {
                otherwise: Vec::new(),
                is_steady: true,
                is_unrehearsed: true,
            },
            false => Self {
                otherwise,
                is_steady: true,
                is_unrehearsed: false,
            },
        }
    }
}

impl Rehearsal {
    /// Runs it. Takes no longer than `time_max` and one attempt more.
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

    /// What is otherwise than it expects.
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
        format!("{:?} (time_max) had passed", self.time_max)
    }

    /// What the fixture says, put up.
    fn scene(&self, fixture: &Fixture, number: usize) -> Result<Scene, String> {
        let event = self.event(&fixture.event, number)?;
        let values = Arc::new(stage::Given(fixture.values.clone()));
        Ok(Scene {
            event: Arc::new(event),
            values,
            answers: Answers::Stubs(Arc::new(fixture.http.clone())),
        })
    }

    /// The event as it would have been stored, had it come in.
    fn event(&self, given: &Given, number: usize) -> Result<Event, String> {
        let (source, provider) = self.origin(&given.origin)?;
        let id = EventId::from_uuid(Uuid::from_u128(number as u128 + 1));
        let verified = Verified {
            id: Some(id.to_string()),
            payload: Payload::Body,
        };
        let (mut key, mut event_type) = (given.key.clone(), given.event_type.clone());
        if key.is_none() || event_type.is_none() {
            let told = provider.describe(&verified, &given.headers, &given.body);
            let told = told.map_err(|refusal| {
                format!("{source} would refuse its event: {}", chain(&refusal))
            })?;
            key = key.or(Some(told.key));
            event_type = event_type.or(told.event_type);
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
                        "the plugin is given no events of the source {name}, but of: {}",
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
                // The plugin may be checked where nobody sends to it yet.
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

/// Why not all of them were run. The host's own faults are none of the candidate's.
fn stopped(count: usize, of: usize, what: &str, why: impl Display) -> String {
    format!("stopped after {count} of {of} {what}, as {why}")
}
