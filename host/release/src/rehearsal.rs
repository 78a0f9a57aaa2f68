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
//! candidate may become active is decided by the operator's policy, in `policy`. The rehearsals in
//! progress are in `queue`.

mod answering;
mod capture;
mod compare;
mod difference;
mod expect;
mod fixture;
mod fixture_event;
mod fixtures;
mod json;
mod policy;
mod queue;
mod report;
mod stage;
mod trial;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{Event, EventId, SourceRef, chain};
use hookyard_plugin::{HostFault, LoadedPlugin};
use hookyard_schemes::Provider;
use hookyard_store::{Recent, Values};

use answering::Answers;
use compare::ResultDifference;
use report::EventResults;
use stage::{Scene, StagedAttempt, ValueSnapshot};

pub use capture::{Captured, Exchange, Original};
pub use fixture::{FixtureNeeds, FixtureText, SentEvent};
pub use fixtures::{COUNT_MAX, Fixtures, is_fixture};
pub(crate) use policy::Rehearser;
pub use policy::{Component, Findings, Verdict, prepare, prepare_revision};
pub(crate) use queue::Rehearsals;
pub use report::Report;
pub use trial::Trial;

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
struct EventResult {
    /// The differences between the active revision and the candidate.
    differences: Vec<ResultDifference>,
    /// Whether the active revision had the same result in both of its runs.
    is_steady: bool,
    /// Whether the results differ and a request was refused, so that the event could not be
    /// rehearsed.
    is_unrehearsed: bool,
}

impl EventResult {
    /// Returns the result for differences between attempts. If an attempt lacked a response, the
    /// differences may have no other reason, so they do not count.
    fn new(differences: Vec<ResultDifference>, attempts: &[&StagedAttempt]) -> Self {
        let lacked_answer = attempts.iter().any(|attempt| attempt.lacked_answer);
        let is_unrehearsed = lacked_answer && !differences.is_empty();

        Self {
            differences: if is_unrehearsed {
                Vec::new()
            } else {
                differences
            },
            is_steady: true,
            is_unrehearsed,
        }
    }
}

/// The reason why a rehearsal reads no further stored events.
enum Interruption {
    /// The store cannot be read.
    Unreadable(String),
    /// The host failed to run an attempt.
    Host(HostFault),
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

            match self.try_fixture(n).await {
                Ok(trial) => report.fixtures.push((fixture.name.clone(), trial.problems)),
                Err(fault) => {
                    report.stopped = Some(stopped(n, all.len(), "fixtures", fault));
                    return;
                }
            }
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
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|(source, _)| source.clone())
            .collect();
        report.events.sources = sources.iter().map(ToString::to_string).collect();

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

            match self.run_stored_event(material, *id).await {
                Ok(Some(result)) => add_result(&mut report.events, *id, result),
                Ok(None) => {}
                Err(Interruption::Unreadable(why)) => {
                    report.events.unreadable = Some(why);
                    return;
                }
                Err(Interruption::Host(fault)) => {
                    report.stopped = Some(stopped(n, recent.len(), "events", fault));
                    return;
                }
            }
        }
    }

    /// Reads and rehearses a stored event. Returns `None` if the event was removed meanwhile.
    async fn run_stored_event(
        &self,
        material: &Material,
        id: EventId,
    ) -> Result<Option<EventResult>, Interruption> {
        let unreadable = |error| Interruption::Unreadable(chain(&error));

        let Some(event) = material.recent.event(id).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let plugin = self.candidate.plugin();
        let answers = material
            .recent
            .answers(id, plugin)
            .await
            .map_err(unreadable)?;

        let result = self
            .run_event(material, event, Answers::Recorded(answers))
            .await;
        result.map(Some).map_err(Interruption::Host)
    }

    /// Runs the candidate and the active revision with an event, and compares the results.
    async fn run_event(
        &self,
        material: &Material,
        event: Arc<Event>,
        answers: Answers,
    ) -> Result<EventResult, HostFault> {
        let scene = Scene {
            event,
            values: Arc::new(ValueSnapshot::new(Arc::clone(&material.values))),
            answers,
            config: None,
            attempt: 1,
            now: None,
        };

        let candidate = scene.run_attempt(&self.candidate).await?;
        let Some(serving) = &self.active else {
            let faults = compare::faults_of(&candidate.result);
            return Ok(EventResult::new(faults, &[&candidate]));
        };

        let active = scene.run_attempt(serving).await?;
        let differences = compare::compare_results(&active.result, &candidate.result);
        let result = EventResult::new(differences, &[&active, &candidate]);
        if result.differences.is_empty() {
            return Ok(result);
        }

        // A result that depends on chance differs from run to run, with the same code.
        let again = scene.run_attempt(serving).await?;
        let own = compare::compare_results(&active.result, &again.result);
        Ok(EventResult {
            differences: compare::without_own(result.differences, &own),
            is_steady: own.is_empty(),
            ..result
        })
    }

    fn time_is_over(&self) -> String {
        format!("time_max ({:?}) has passed", self.time_max)
    }
}

/// Adds the result of an event to the results of all events.
fn add_result(events: &mut EventResults, id: EventId, result: EventResult) {
    for difference in result.differences {
        events.add(difference, id);
    }
    events.unsteady += usize::from(!result.is_steady);
    events.unrehearsed += usize::from(result.is_unrehearsed);
    events.count += 1;
}

/// Returns the reason why a rehearsal ended early. A fault of the host is not a finding about the
/// candidate.
fn stopped(count: usize, of: usize, what: &str, why: impl Display) -> String {
    format!("stopped after {count} of {of} {what}: {why}")
}
