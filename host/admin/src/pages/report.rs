//! The report of a rehearsal, as `Report::json` of the host writes it, or as text.

use serde::Deserialize;

use super::shown::{Written, counted, milliseconds};

/// The maximum number of events that a page names for one difference.
const EVENTS_MAX: usize = 6;

/// A report for a page.
pub(crate) struct ReportShown {
    pub(crate) candidate: String,
    pub(crate) summary: Written,
    pub(crate) took: String,
    pub(crate) fixtures: Vec<FixtureShown>,
    pub(crate) differences: Vec<DifferenceShown>,
    /// The report of a host that kept it as text.
    pub(crate) text: Option<Written>,
}

/// A fixture with its differences from the expected result.
pub(crate) struct FixtureShown {
    pub(crate) name: Written,
    pub(crate) problems: Vec<Written>,
}

/// A difference between two revisions, with the events at which it occurs.
pub(crate) struct DifferenceShown {
    pub(crate) kind: &'static str,
    pub(crate) text: Written,
    pub(crate) count: String,
    pub(crate) events: Vec<EventLink>,
}

/// A link to an event.
pub(crate) struct EventLink {
    pub(crate) id: String,
    pub(crate) short: String,
}

#[derive(Deserialize)]
struct Report {
    summary: String,
    #[serde(default)]
    faults: Vec<String>,
    fixtures: Vec<Fixture>,
    differences: Vec<Difference>,
    milliseconds: f64,
}

#[derive(Deserialize)]
struct Fixture {
    name: String,
    problems: Vec<String>,
}

#[derive(Deserialize)]
struct Difference {
    kind: String,
    text: String,
    events: Vec<String>,
}

impl ReportShown {
    /// Shows the report of a step of this revision. `summary` is the reason of the step.
    pub(crate) fn of(candidate: &str, summary: &str, report: &str) -> Self {
        let candidate = candidate.get(..12).unwrap_or(candidate).to_owned();
        match serde_json::from_str::<Report>(report) {
            Ok(report) => Self::structured(candidate, report),
            Err(_) => Self {
                candidate,
                summary: Written::cut(summary, 1_000),
                took: String::new(),
                fixtures: Vec::new(),
                differences: Vec::new(),
                text: Some(Written::lines(report)),
            },
        }
    }

    fn structured(candidate: String, report: Report) -> Self {
        let faults = report.faults.iter().map(|fault| FixtureShown {
            name: Written::short("cannot be read"),
            problems: vec![Written::cut(fault, 1_000)],
        });
        let fixtures = report.fixtures.iter().map(|fixture| FixtureShown {
            name: Written::short(&fixture.name),
            problems: fixture
                .problems
                .iter()
                .map(|problem| Written::cut(problem, 1_000))
                .collect(),
        });

        Self {
            candidate,
            summary: Written::cut(&report.summary, 1_000),
            took: format!("It took {}.", milliseconds(report.milliseconds)),
            fixtures: faults.chain(fixtures).collect(),
            differences: report.differences.iter().map(DifferenceShown::of).collect(),
            text: None,
        }
    }
}

impl DifferenceShown {
    fn of(difference: &Difference) -> Self {
        let events = difference.events.iter().take(EVENTS_MAX);
        Self {
            kind: match difference.kind.as_str() {
                "fault" => "a new fault",
                "outcome" => "another outcome",
                _ => "other effects",
            },
            text: Written::cut(&difference.text, 1_000),
            count: counted(difference.events.len() as u64, "event"),
            events: events
                .map(|id| EventLink {
                    id: id.clone(),
                    short: short_id(id),
                })
                .collect(),
        }
    }
}

/// Returns the digits of an id that tell events of one hour apart.
pub(crate) fn short_id(id: &str) -> String {
    id.get(..18).unwrap_or(id).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_of_a_host_is_read() {
        let report = r#"{"revision":"eb","active":null,"is_good":false,"summary":"1 of 2 events with different effects","faults":[],"fixtures":[{"name":"first-order","problems":["expected 1 message, found 0"]}],"sources":[],"events":2,"unrehearsed":0,"unsteady":0,"differences":[{"kind":"effects","text":"messages: sent 1 instead of 0","events":["0197308f-0000-7000-8000-000000000001"]}],"stopped":null,"milliseconds":9}"#;
        let shown = ReportShown::of(&"ab".repeat(32), "", report);
        assert_eq!(shown.candidate, "ab".repeat(6));
        assert_eq!(shown.fixtures[0].problems.len(), 1);
        let difference = &shown.differences[0];
        assert_eq!(
            (difference.kind, difference.count.as_str()),
            ("other effects", "1 event")
        );
        assert_eq!(difference.events[0].short, "0197308f-0000-7000");
        assert!(shown.text.is_none());
    }

    #[test]
    fn report_as_text_is_shown_as_text() {
        let shown = ReportShown::of("ab", "as before", "12 events\nall <as> before\u{1b}");
        let text = shown.text.expect("the text").to_string();
        assert_eq!(text, "<bdi>12 events\nall &#60;as&#62; before\\u{1b}</bdi>");
    }
}
