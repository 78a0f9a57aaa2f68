//! The report of a rehearsal as JSON, for machines.

use serde::Serialize;

use super::super::compare::{DifferenceKind, ResultDifference};
use super::Report;

impl Report {
    /// Returns the report as JSON.
    pub fn json(&self) -> String {
        let differences =
            self.events
                .differences
                .iter()
                .map(|(ResultDifference { kind, text }, ids)| DifferenceJson {
                    kind: match kind {
                        DifferenceKind::Fault => "fault",
                        DifferenceKind::Outcome => "outcome",
                        DifferenceKind::Effects => "effects",
                    },
                    text,
                    events: ids.iter().map(ToString::to_string).collect(),
                });

        let document = ReportJson {
            revision: self.candidate.to_string(),
            active: self.active.map(|active| active.to_string()),
            is_good: !self.has_findings(),
            summary: self.summary(),
            faults: &self.faults,
            fixtures: self
                .fixtures
                .iter()
                .map(|(name, problems)| FixtureJson { name, problems })
                .collect(),
            sources: &self.events.sources,
            events: self.events.count,
            unrehearsed: self.events.unrehearsed,
            unsteady: self.events.unsteady,
            differences: differences.collect(),
            stopped: self.stopped.as_deref(),
            milliseconds: self.took.as_millis(),
        };

        serde_json::to_string(&document).expect("texts make JSON")
    }
}

#[derive(Serialize)]
struct ReportJson<'r> {
    revision: String,
    active: Option<String>,
    is_good: bool,
    summary: String,
    faults: &'r [String],
    fixtures: Vec<FixtureJson<'r>>,
    sources: &'r [String],
    events: usize,
    unrehearsed: usize,
    unsteady: usize,
    differences: Vec<DifferenceJson<'r>>,
    stopped: Option<&'r str>,
    milliseconds: u128,
}

#[derive(Serialize)]
struct FixtureJson<'r> {
    name: &'r str,
    problems: &'r [String],
}

#[derive(Serialize)]
struct DifferenceJson<'r> {
    kind: &'static str,
    text: &'r str,
    events: Vec<String>,
}
