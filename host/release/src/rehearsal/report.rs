//! The report of a rehearsal, for people and machines. The report is limited in size and contains
//! no values of stored events, only ids, names of outcomes, JSON paths and names of keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use hookyard_model::{EventId, Revision};
use serde::Serialize;

use super::compare::{Kind, Otherwise};
use hookyard_model::visible;

/// The maximum number of fixtures, and of kinds of differences, in a report.
const TOLD_MAX: usize = 20;
/// The maximum number of kinds of differences that are kept.
const WAYS_MAX: usize = 1000;
/// The maximum number of events of each difference, and of lines of each fixture.
const NAMED_MAX: usize = 5;
/// The maximum length of a line.
const LINE_MAX: usize = 400;

/// The text for events whose requests a rehearsal refuses.
const REFUSED: &str =
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
    pub events: Events,
    /// The reason why the rehearsal ended early, if it did.
    pub stopped: Option<String>,
    /// How long the rehearsal took.
    pub took: Duration,
}

/// The results of a rehearsal with stored events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// The sources of the events.
    pub sources: Vec<String>,
    /// The number of events that ran.
    pub count: usize,
    /// The events by the kind of difference between the active revision and the candidate.
    pub otherwise: BTreeMap<Otherwise, Vec<EventId>>,
    /// The number of events that could not be rehearsed, because a request was refused.
    pub unrehearsed: usize,
    /// The number of events at which the active revision differs between its own two runs.
    pub unsteady: usize,
    /// The reason why the events cannot be read, if they cannot.
    pub unreadable: Option<String>,
}

impl Events {
    /// Adds an event with a difference. Ignores kinds of differences beyond `WAYS_MAX`.
    pub fn add(&mut self, otherwise: Otherwise, event: EventId) {
        if self.otherwise.len() < WAYS_MAX || self.otherwise.contains_key(&otherwise) {
            self.otherwise.entry(otherwise).or_default().push(event);
        }
    }

    /// Returns the number of events that could be rehearsed.
    fn rehearsed(&self) -> usize {
        self.count - self.unrehearsed
    }
}

impl Report {
    /// Returns the report of a rehearsal in which nothing has run yet.
    pub fn new(candidate: Revision, active: Option<Revision>) -> Self {
        let (events, took) = (Events::default(), Duration::ZERO);
        Self {
            candidate,
            active,
            faults: Vec::new(),
            fixtures: Vec::new(),
            events,
            stopped: None,
            took,
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
            || !events.otherwise.is_empty()
            || events.unreadable.is_some()
    }

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
                "{} {REFUSED}",
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
        if self.events.otherwise.is_empty() {
            return (all > 0)
                .then(|| format!("{} without a finding{with}", count(all, "stored event")));
        }
        let of = |kind| {
            let ids = self
                .events
                .otherwise
                .iter()
                .filter(|(otherwise, _)| otherwise.kind == kind);
            ids.flat_map(|(_, ids)| ids).collect::<BTreeSet<_>>().len()
        };
        let fault = if self.active.is_some() {
            "a new fault"
        } else {
            "a fault"
        };
        let kinds = [
            (Kind::Fault, fault),
            (Kind::Outcome, "a different outcome"),
            (Kind::Effects, "different effects"),
        ];
        let parts: Vec<_> = kinds
            .into_iter()
            .map(|(kind, name)| (of(kind), name))
            .filter(|(number, _)| *number > 0)
            .map(|(number, name)| format!("{number} of {all} with {name}"))
            .collect();

        Some(format!("stored events{with}: {}", parts.join(", ")))
    }

    /// Returns the whole report as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let mut line = |text: &str| {
            let cut: String = text.chars().take(LINE_MAX).collect();
            let _ = writeln!(out, "{}", visible(&cut));
        };
        if !self.fixtures.is_empty() || !self.faults.is_empty() {
            line(&format!("fixtures: {}", self.fixtures.len()));
        }
        self.faults
            .iter()
            .take(TOLD_MAX)
            .for_each(|fault| line(&format!("  BAD   {fault}")));
        for (name, problems) in self.failed().take(TOLD_MAX) {
            line(&format!("  BAD   {name}"));
            problems
                .iter()
                .take(NAMED_MAX)
                .for_each(|problem| line(&format!("        {problem}")));
        }
        let good: Vec<_> = self
            .fixtures
            .iter()
            .filter(|(_, problems)| problems.is_empty())
            .collect();
        good.iter()
            .take(TOLD_MAX)
            .for_each(|(name, _)| line(&format!("  ok    {name}")));
        let untold = self
            .faults
            .len()
            .max(good.len())
            .max(self.failed().count())
            .saturating_sub(TOLD_MAX);
        if untold > 0 {
            line("  ...   and more");
        }
        self.lines_of_events().iter().for_each(|text| line(text));
        if let Some(why) = &self.stopped {
            line(why);
        }
        line(&format!("took {} ms", self.took.as_millis()));
        out
    }

    fn lines_of_events(&self) -> Vec<String> {
        let Events {
            sources,
            count,
            otherwise,
            unrehearsed,
            unsteady,
            unreadable,
        } = &self.events;
        if let Some(why) = unreadable {
            return vec![format!("stored events: cannot be read: {why}")];
        }
        if sources.is_empty() {
            return Vec::new();
        }
        let with = self
            .active
            .map(|active| format!(", compared with {}", active.short()));
        let with = with.unwrap_or_else(|| {
            ", without an active revision to compare with: only faults count".to_owned()
        });
        let mut lines = vec![format!(
            "stored events: {count} of {}{with}",
            sources.join(", ")
        )];
        if *unrehearsed > 0 {
            lines.push(format!(
                "  note  {} {REFUSED}",
                self::count(*unrehearsed, "event")
            ));
        }
        if *unsteady > 0 {
            let events = self::count(*unsteady, "event");
            lines.push(format!(
                "  note  {events}: two runs of the active revision differ, and such differences do not count"
            ));
        }
        for (Otherwise { what, .. }, ids) in otherwise.iter().take(TOLD_MAX) {
            lines.push(format!(
                "  BAD   {}: {what}",
                self::count(ids.len(), "event")
            ));
            let named: Vec<_> = ids
                .iter()
                .take(NAMED_MAX)
                .map(ToString::to_string)
                .collect();
            let more = ids.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            lines.push(format!("        {}{more}", named.join(", ")));
        }
        match otherwise.len().saturating_sub(TOLD_MAX) {
            0 if otherwise.is_empty() && self.events.rehearsed() > 0 => {
                lines.push("  ok    nothing found".to_owned())
            }
            0 => {}
            more => lines.push(format!("  ...   and {more} other differences")),
        }
        lines
    }

    /// Returns the report as JSON.
    pub fn json(&self) -> String {
        let otherwise = self
            .events
            .otherwise
            .iter()
            .map(|(Otherwise { kind, what }, ids)| Way {
                kind: match kind {
                    Kind::Fault => "fault",
                    Kind::Outcome => "outcome",
                    Kind::Effects => "effects",
                },
                what,
                events: ids.iter().map(ToString::to_string).collect(),
            });
        let document = Document {
            revision: self.candidate.to_string(),
            active: self.active.map(|active| active.to_string()),
            is_good: !self.has_findings(),
            summary: self.summary(),
            faults: &self.faults,
            fixtures: self
                .fixtures
                .iter()
                .map(|(name, problems)| Ran { name, problems })
                .collect(),
            sources: &self.events.sources,
            events: self.events.count,
            unrehearsed: self.events.unrehearsed,
            unsteady: self.events.unsteady,
            otherwise: otherwise.collect(),
            stopped: self.stopped.as_deref(),
            milliseconds: self.took.as_millis(),
        };
        serde_json::to_string(&document).expect("texts make JSON")
    }
}

#[derive(Serialize)]
struct Document<'r> {
    revision: String,
    active: Option<String>,
    is_good: bool,
    summary: String,
    faults: &'r [String],
    fixtures: Vec<Ran<'r>>,
    sources: &'r [String],
    events: usize,
    unrehearsed: usize,
    unsteady: usize,
    otherwise: Vec<Way<'r>>,
    stopped: Option<&'r str>,
    milliseconds: u128,
}

#[derive(Serialize)]
struct Ran<'r> {
    name: &'r str,
    problems: &'r [String],
}

#[derive(Serialize)]
struct Way<'r> {
    kind: &'static str,
    what: &'r str,
    events: Vec<String>,
}

/// Returns a count with its noun.
pub(super) fn count(count: usize, of: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {of}{plural}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> EventId {
        EventId::from_uuid(Uuid::from_u128(number as u128))
    }

    fn revision(number: u8) -> Revision {
        Revision::from_sha256([number; 32])
    }

    /// Returns a report of `count` events with the given numbers of differences.
    fn report(count: usize, ways: &[(Kind, &str, usize)]) -> Report {
        let way = |(kind, what, count): &(Kind, &str, usize)| {
            let ids = (0..*count).map(id).collect();
            (
                Otherwise {
                    kind: *kind,
                    what: (*what).to_owned(),
                },
                ids,
            )
        };
        let otherwise = ways.iter().map(way).collect();
        let sources = vec!["acme/payments".to_owned()];
        let events = Events {
            sources,
            count,
            otherwise,
            ..Events::default()
        };
        let took = Duration::from_millis(12);
        Report {
            events,
            took,
            ..Report::new(revision(2), Some(revision(1)))
        }
    }

    #[test]
    fn a_summary_is_a_line() {
        let check = |report: &Report, expected: &str| {
            assert_eq!(report.summary(), expected);
            let is_good = expected.contains("as expected") && !expected.contains("not as")
                || expected.contains("without");
            assert_eq!(report.has_findings(), !is_good, "{expected}");
        };
        check(
            &report(9, &[]),
            "9 stored events without a finding, compared with 010101010101",
        );
        let ways = [
            (Kind::Fault, "a", 2),
            (Kind::Fault, "b", 1),
            (Kind::Effects, "c", 7),
        ];
        let expected = "stored events, compared with 010101010101: 2 of 9 with a new fault, 7 of 9 with different effects";
        check(&report(9, &ways), expected);
        let first = Report {
            active: None,
            ..report(1, &[(Kind::Fault, "a", 1)])
        };
        check(&first, "stored events: 1 of 1 with a fault");
        let good = ("good".to_owned(), Vec::new());
        let fixtures = |all: &[(String, Vec<String>)]| Report {
            fixtures: all.to_vec(),
            ..report(0, &[])
        };
        check(
            &fixtures(std::slice::from_ref(&good)),
            "1 fixture as expected",
        );
        let bad = ("bad".to_owned(), vec!["why".to_owned()]);
        check(&fixtures(&[good, bad]), "1 of 2 fixtures not as expected");
        check(
            &Report {
                faults: vec!["f".into()],
                ..report(0, &[])
            },
            "fixtures that cannot be read",
        );
        let mut some = report(9, &[]);
        some.events.unrehearsed = 7;
        check(
            &some,
            &format!(
                "2 stored events without a finding, compared with 010101010101; 7 stored events {REFUSED}"
            ),
        );
        some.events.unrehearsed = 9;
        assert_eq!(
            (some.summary(), some.has_findings()),
            (format!("9 stored events {REFUSED}"), false)
        );
        let events = Events {
            unreadable: Some("busy".into()),
            ..Events::default()
        };
        check(
            &Report {
                events,
                ..report(0, &[])
            },
            "the stored events cannot be read: busy",
        );
        assert!(report(0, &[]).is_empty() && !report(1, &[]).is_empty());
    }

    #[test]
    fn a_report_names_what_and_where_and_is_bounded() {
        let mut one = report(9, &[(Kind::Fault, "trapped instead of done", 7)]);
        one.fixtures = vec![
            ("bad".into(), vec!["why\u{1b}[1m".into()]),
            ("good".into(), Vec::new()),
        ];
        one.stopped = Some("stopped after 9 of 10 events: time_max (10s) has passed".into());
        let ids: Vec<_> = (0..5).map(|number| id(number).to_string()).collect();
        let expected = format!(
            "fixtures: 2\n  BAD   bad\n        why\\u{{1b}}[1m\n  ok    good\n\
             stored events: 9 of acme/payments, compared with 010101010101\n  BAD   7 events: trapped instead of done\n\
             \u{20}       {} and 2 more\nstopped after 9 of 10 events: time_max (10s) has passed\ntook 12 ms\n",
            ids.join(", ")
        );
        assert_eq!(one.text(), expected);
        let json: serde_json::Value = serde_json::from_str(&one.json()).expect("JSON");
        assert_eq!(
            (&json["otherwise"][0]["kind"], &json["is_good"]),
            (&"fault".into(), &false.into())
        );

        let names: Vec<String> = (0..1000).map(|number| format!("{number:0900}")).collect();
        let ways: Vec<_> = names
            .iter()
            .map(|name| (Kind::Effects, name.as_str(), 50))
            .collect();
        let mut many = report(50, &ways);
        many.fixtures = names
            .iter()
            .map(|name| (name.clone(), names.clone()))
            .collect();
        many.faults.clone_from(&names);
        let text = many.text();
        assert!(
            text.len() < 100_000 && text.lines().all(|line| line.len() <= LINE_MAX),
            "{}",
            text.len()
        );
        assert!(
            text.contains("and 980 other differences") && text.contains("and more"),
            "{text}"
        );
    }
}
