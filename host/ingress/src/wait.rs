//! The wait of a request for the jobs of its event, between the append and the answer.
//!
//! The event is durable before the wait, so whatever happens to the jobs, the request can be
//! answered. Each wait ends at a known time. It ends earlier if there is nothing to wait for: a job
//! that failed is attempted again later, and no request waits for that.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::{EventId, PluginName, Response, WorkState};
use hookyard_store::{
    Error, EventPage, EventSelection, Events, JobEnd, NoWait, Reports, Wait, Wanted,
};
use tokio::time::{Instant, timeout_at};

/// What the requests of a source wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitRule {
    /// What a request waits for.
    pub wanted: Wanted,
    /// The maximum time from the end of a request's body to the answer.
    pub time_max: Duration,
}

/// A wait that began before the append of the event, or the reason why none began.
pub(crate) struct BegunWait<'a> {
    pub(crate) rule: &'a WaitRule,
    pub(crate) until: Instant,
    pub(crate) wait: Result<Wait, NoWait>,
}

/// The end of a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Waited {
    /// All jobs of the event are done.
    Handled,
    /// A plugin responded.
    Responded(Response),
    /// The request is answered like one that does not wait.
    FellBack(Fallback),
}

/// The reason why a wait ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// The time was over.
    Late,
    /// A job waits for another attempt.
    Retry,
    /// A job is dead or discarded.
    Dead,
    /// A job does not run for now.
    Held,
    /// The event has no job, or none for the plugin that responds.
    Unrouted,
    /// All jobs are done, and no plugin responded.
    NoResponse,
    /// As many requests wait as may wait.
    Full,
    /// The host stops.
    Stopping,
    /// The store did not tell which jobs the event has.
    Unreadable,
}

impl Waited {
    /// Returns the name of the end, for the log and metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Responded(_) => "responded",
            Self::FellBack(fallback) => fallback.name(),
        }
    }
}

impl Fallback {
    fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Retry => "retry",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Unrouted => "unrouted",
            Self::NoResponse => "no-response",
            Self::Full => "full",
            Self::Stopping => "stopping",
            Self::Unreadable => "unreadable",
        }
    }
}

impl BegunWait<'_> {
    /// Waits until the answer to a new event is known, or the time is over.
    pub(crate) async fn end(self, inbox: &dyn Events, event: EventId) -> Waited {
        let wait = match self.wait {
            Ok(wait) => wait,
            Err(NoWait::Full) => return Waited::FellBack(Fallback::Full),
            Err(NoWait::Closed) => return Waited::FellBack(Fallback::Stopping),
        };

        let wanted = &self.rule.wanted;
        let ended = async {
            let Ok(jobs) = jobs(inbox, event).await else {
                return Waited::FellBack(Fallback::Unreadable);
            };
            loop {
                if let Some(waited) = decide(wanted, &jobs, wait.reports()) {
                    return waited;
                }
                wait.changed().await;
            }
        };
        timeout_at(self.until, ended)
            .await
            .unwrap_or(Waited::FellBack(Fallback::Late))
    }
}

/// Returns the jobs of a stored event.
async fn jobs(
    inbox: &dyn Events,
    event: EventId,
) -> Result<BTreeMap<PluginName, WorkState>, Error> {
    let selection = EventSelection {
        ids: vec![event],
        ..EventSelection::default()
    };
    let found = inbox.events(EventPage::first(selection, 1)).await?;
    let jobs = found.into_iter().flat_map(|event| event.jobs);
    Ok(jobs.map(|job| (job.plugin, job.state)).collect())
}

/// Decides whether a wait ends. `jobs` has the states of the jobs at some time after the append.
fn decide(
    wanted: &Wanted,
    jobs: &BTreeMap<PluginName, WorkState>,
    reports: Reports,
) -> Option<Waited> {
    let named = match wanted {
        Wanted::Response { of } => of.as_ref(),
        Wanted::Outcomes => None,
    };
    let mut awaited = jobs
        .iter()
        .filter(|(plugin, _)| named.is_none_or(|named| named == *plugin))
        .peekable();
    if awaited.peek().is_none() {
        return Some(Waited::FellBack(Fallback::Unrouted));
    }

    let mut ends = reports.ends;
    let ends: Vec<_> = awaited
        .map(|(plugin, state)| ends.remove(plugin).or_else(|| stored_end(*state)))
        .collect();
    let waited = match wanted {
        Wanted::Outcomes => decide_handled(&ends),
        Wanted::Response { .. } => decide_response(ends),
    };
    let stopping = || Waited::FellBack(Fallback::Stopping);
    waited.or_else(|| reports.is_closed.then(stopping))
}

/// Returns the end of a job that no report tells. The report on an ended attempt is on its way, so
/// it is waited for.
fn stored_end(state: WorkState) -> Option<JobEnd> {
    match state {
        WorkState::Held => Some(JobEnd::NotRun),
        WorkState::Discarded => Some(JobEnd::Dead),
        WorkState::Pending
        | WorkState::Leased { .. }
        | WorkState::Waiting { .. }
        | WorkState::Done
        | WorkState::Dead => None,
    }
}

fn decide_handled(ends: &[Option<JobEnd>]) -> Option<Waited> {
    if let Some(fallback) = ends.iter().flatten().find_map(fallback) {
        return Some(Waited::FellBack(fallback));
    }
    ends.iter().all(Option::is_some).then_some(Waited::Handled)
}

fn decide_response(ends: Vec<Option<JobEnd>>) -> Option<Waited> {
    let are_over = ends.iter().all(Option::is_some);
    let fallback = ends.iter().flatten().find_map(fallback);
    let response = ends.into_iter().flatten().find_map(|end| match end {
        JobEnd::Done(response) => response,
        JobEnd::Retried | JobEnd::Dead | JobEnd::NotRun => None,
    });

    match response {
        Some(response) => Some(Waited::Responded(response)),
        None => are_over.then(|| Waited::FellBack(fallback.unwrap_or(Fallback::NoResponse))),
    }
}

fn fallback(end: &JobEnd) -> Option<Fallback> {
    match end {
        JobEnd::Done(_) => None,
        JobEnd::Retried => Some(Fallback::Retry),
        JobEnd::Dead => Some(Fallback::Dead),
        JobEnd::NotRun => Some(Fallback::Held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> PluginName {
        name.parse().expect("a name")
    }

    fn response() -> Response {
        Response {
            status: 201,
            headers: Vec::new(),
            body: "made".into(),
        }
    }

    /// Returns the end of a wait for these jobs, each with its stored state and its reported end.
    fn decided(
        wanted: &Wanted,
        jobs: &[(&str, WorkState, Option<JobEnd>)],
        is_closed: bool,
    ) -> Option<&'static str> {
        let states = jobs.iter().map(|(name, state, _)| (plugin(name), *state));
        let ends = jobs
            .iter()
            .filter_map(|(name, _, end)| Some((plugin(name), end.clone()?)));
        let reports = Reports {
            ends: ends.collect(),
            is_closed,
        };
        decide(wanted, &states.collect(), reports).map(|waited| waited.name())
    }

    #[test]
    fn handled_needs_every_job_done() {
        let check = |jobs: &[_], expected| {
            assert_eq!(
                decided(&Wanted::Outcomes, jobs, false),
                expected,
                "{jobs:?}"
            );
        };
        let done = || Some(JobEnd::Done(None));
        const PENDING: WorkState = WorkState::Pending;

        check(&[], Some("unrouted"));
        check(&[("audit", PENDING, done()), ("ship", PENDING, None)], None);
        check(
            &[("audit", PENDING, done()), ("ship", WorkState::Done, None)],
            None,
        );
        check(
            &[("audit", PENDING, done()), ("ship", PENDING, done())],
            Some("handled"),
        );
        for (end, fallback) in [
            (JobEnd::Retried, "retry"),
            (JobEnd::Dead, "dead"),
            (JobEnd::NotRun, "held"),
        ] {
            let jobs = [("audit", PENDING, None), ("ship", PENDING, Some(end))];
            check(&jobs, Some(fallback));
        }
        check(
            &[("audit", PENDING, None), ("ship", WorkState::Held, None)],
            Some("held"),
        );
    }

    #[test]
    fn response_is_waited_for_while_a_plugin_may_give_one() {
        let wanted = Wanted::Response { of: None };
        let check = |jobs: &[_], expected| {
            assert_eq!(decided(&wanted, jobs, false), expected, "{jobs:?}");
        };
        let none = || Some(JobEnd::Done(None));
        const PENDING: WorkState = WorkState::Pending;

        check(&[], Some("unrouted"));
        check(
            &[
                ("audit", PENDING, Some(JobEnd::Dead)),
                ("ship", PENDING, None),
            ],
            None,
        );
        check(
            &[("audit", PENDING, none()), ("ship", PENDING, none())],
            Some("no-response"),
        );
        check(
            &[
                ("audit", PENDING, none()),
                ("ship", PENDING, Some(JobEnd::Retried)),
            ],
            Some("retry"),
        );
        let given = Some(JobEnd::Done(Some(response())));
        check(
            &[("audit", PENDING, None), ("ship", PENDING, given)],
            Some("responded"),
        );
    }

    #[test]
    fn only_the_named_plugin_is_waited_for() {
        let wanted = Wanted::Response {
            of: Some(plugin("ship")),
        };
        const PENDING: WorkState = WorkState::Pending;
        let failed = || Some(JobEnd::Retried);

        let jobs = [("audit", PENDING, failed()), ("ship", PENDING, None)];
        assert_eq!(decided(&wanted, &jobs, false), None);
        let jobs = [("audit", PENDING, None), ("ship", PENDING, failed())];
        assert_eq!(decided(&wanted, &jobs, false), Some("retry"));
        assert_eq!(decided(&wanted, &jobs[..1], false), Some("unrouted"));
    }

    #[test]
    fn stopping_host_ends_a_wait_without_result() {
        let jobs = |end| [("ship", WorkState::Pending, end)];
        let done = Some(JobEnd::Done(None));
        assert_eq!(
            decided(&Wanted::Outcomes, &jobs(None), true),
            Some("stopping")
        );
        assert_eq!(
            decided(&Wanted::Outcomes, &jobs(done), true),
            Some("handled")
        );
    }
}
