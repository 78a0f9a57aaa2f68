//! The report of a rehearsal, for people and machines. The report is limited in size and contains
//! no values of stored events, only ids, names of outcomes, JSON paths and names of keys.

mod json;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookyard_model::{EventId, Revision};

use super::compare::{DifferenceKind, ResultDifference};

/// The maximum number of kinds of differences that are kept.
const DIFFERENCES_MAX: usize = 1000;

/// The text for events whose requests a rehearsal refuses.
const UNREHEARSED: &str =
    "could not be rehearsed: a rehearsal sends no requests, and an answer is missing";

/// The result of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The revision that was rehearsed.
    pub candidate: Revision,
    /// The revision that the candidate was compared with.
    pub active: Option<Revision>,
    /// The faults of fixtures that cannot be read.
    pub faults: Vec<String>,
    /// The name of each fixture that ran, with its differences from the expected results.
    pub fixtures: Vec<(String, Vec<String>)>,
    /// The results with stored events.
    pub events: EventResults,
    /// The reason why the rehearsal ended early, if it did.
    pub stopped: Option<String>,
    /// How long the rehearsal took.
    pub took: Duration,
}

/// The results of a rehearsal with stored events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventResults {
    /// The sources of the events.
    pub sources: Vec<String>,
    /// The number of events that ran.
    pub count: usize,
    /// The events by the kind of difference between the active revision and the candidate.
    pub differences: BTreeMap<ResultDifference, Vec<EventId>>,
    /// The number of events that could not be rehearsed, because a request was refused.
    pub unrehearsed: usize,
    /// The number of events at which the active revision differs between its own two runs.
    pub unsteady: usize,
    /// The reason why the events cannot be read, if they cannot.
    pub unreadable: Option<String>,
}

impl EventResults {
    /// Adds an event with a difference. Ignores kinds of differences beyond `DIFFERENCES_MAX`.
    pub fn add(&mut self, difference: ResultDifference, event: EventId) {
        if self.differences.len() < DIFFERENCES_MAX || self.differences.contains_key(&difference) {
            self.differences.entry(difference).or_default().push(event);
        }
    }

    /// Returns the number of events with a difference of this kind.
    fn count_of(&self, kind: DifferenceKind) -> usize {
        let events: BTreeSet<_> = self
            .differences
            .iter()
            .filter(|(difference, _)| difference.kind == kind)
            .flat_map(|(_, events)| events)
            .collect();
        events.len()
    }

    /// Returns the number of events that could be rehearsed.
    fn rehearsed(&self) -> usize {
        self.count - self.unrehearsed
    }
}

impl Report {
    /// Returns the report of a rehearsal in which nothing has run yet.
    pub fn new(candidate: Revision, active: Option<Revision>) -> Self {
        Self {
            candidate,
            active,
            faults: Vec::new(),
            fixtures: Vec::new(),
            events: EventResults::default(),
            stopped: None,
            took: Duration::ZERO,
        }
    }

    /// Returns whether the report contains nothing to show.
    pub fn is_empty(&self) -> bool {
        self.fixtures.is_empty()
            && self.events.count == 0
            && self.stopped.is_none()
            && !self.has_findings()
    }

    /// Returns whether the report contains a fault or a difference.
    pub fn has_findings(&self) -> bool {
        let events = &self.events;
        !self.faults.is_empty()
            || self.failed().next().is_some()
            || !events.differences.is_empty()
            || events.unreadable.is_some()
    }

    /// Returns the fixtures whose results are not as expected.
    fn failed(&self) -> impl Iterator<Item = &(String, Vec<String>)> {
        self.fixtures
            .iter()
            .filter(|(_, problems)| !problems.is_empty())
    }

    /// Returns a summary of one line.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if !self.faults.is_empty() {
            parts.push("fixtures that cannot be read".to_owned());
        }

        match (self.fixtures.len(), self.failed().count()) {
            (0, _) => {}
            (all, 0) => parts.push(format!("{} as expected", count(all, "fixture"))),
            (all, failed) => parts.push(format!(
                "{failed} of {} not as expected",
                count(all, "fixture")
            )),
        }

        parts.extend(self.summary_of_events());
        if self.events.unrehearsed > 0 {
            parts.push(format!(
                "{} {UNREHEARSED}",
                count(self.events.unrehearsed, "stored event")
            ));
        }

        if let Some(why) = &self.stopped {
            parts.push(why.clone());
        }
        parts.join("; ")
    }

    fn summary_of_events(&self) -> Option<String> {
        if let Some(why) = &self.events.unreadable {
            return Some(format!("the stored events cannot be read: {why}"));
        }

        let all = self.events.rehearsed();
        let with = self
            .active
            .map(|active| format!(", compared with {}", active.short()))
            .unwrap_or_default();
        if self.events.differences.is_empty() {
            return (all > 0)
                .then(|| format!("{} without a finding{with}", count(all, "stored event")));
        }

        let fault = if self.active.is_some() {
            "a new fault"
        } else {
            "a fault"
        };

        let kinds = [
            (DifferenceKind::Fault, fault),
            (DifferenceKind::Outcome, "a different outcome"),
            (DifferenceKind::Effects, "different effects"),
        ];
        let parts: Vec<_> = kinds
            .into_iter()
            .map(|(kind, name)| (self.events.count_of(kind), name))
            .filter(|(number, _)| *number > 0)
            .map(|(number, name)| format!("{number} of {all} with {name}"))
            .collect();

        Some(format!("stored events{with}: {}", parts.join(", ")))
    }
}

/// Returns a count with its noun.
pub(super) fn count(count: usize, of: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {of}{plural}")
}

#[cfg(test)]
mod tests;
