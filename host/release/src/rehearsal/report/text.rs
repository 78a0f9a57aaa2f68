//! The report of a rehearsal as text, for people.

use std::fmt::Write as _;

use hookyard_model::{EventId, visible};

use super::super::compare::ResultDifference;
use super::{Report, UNREHEARSED, count};

/// The maximum number of fixtures, and of kinds of differences, in the text.
const ITEMS_MAX: usize = 20;
/// The maximum number of events of each difference, and of lines of each fixture.
const DETAILS_MAX: usize = 5;
/// The maximum length of a line.
pub(super) const LINE_MAX: usize = 400;

impl Report {
    /// Returns the whole report as text.
    pub fn text(&self) -> String {
        let mut lines = self.fixture_lines();
        lines.extend(self.event_lines());
        lines.extend(self.stopped.clone());
        lines.push(format!("took {} ms", self.took.as_millis()));

        let mut text = String::new();
        for line in lines {
            let cut: String = line.chars().take(LINE_MAX).collect();
            let _ = writeln!(text, "{}", visible(&cut));
        }
        text
    }

    /// Returns the lines about the fixtures: the faults, the failed fixtures, and the others.
    fn fixture_lines(&self) -> Vec<String> {
        if self.fixtures.is_empty() && self.faults.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![format!("fixtures: {}", self.fixtures.len())];

        let faults = self.faults.iter().take(ITEMS_MAX);
        lines.extend(faults.map(|fault| format!("  BAD   {fault}")));

        for (name, problems) in self.failed().take(ITEMS_MAX) {
            lines.push(format!("  BAD   {name}"));
            let problems = problems.iter().take(DETAILS_MAX);
            lines.extend(problems.map(|problem| format!("        {problem}")));
        }

        let passed = || {
            self.fixtures
                .iter()
                .filter(|(_, problems)| problems.is_empty())
        };
        let names = passed().take(ITEMS_MAX);
        lines.extend(names.map(|(name, _)| format!("  ok    {name}")));

        let counts = [self.faults.len(), self.failed().count(), passed().count()];
        if counts.iter().any(|count| *count > ITEMS_MAX) {
            lines.push("  ...   and more".to_owned());
        }
        lines
    }

    /// Returns the lines about the stored events.
    fn event_lines(&self) -> Vec<String> {
        let events = &self.events;
        if let Some(why) = &events.unreadable {
            return vec![format!("stored events: cannot be read: {why}")];
        }
        if events.sources.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![self.event_heading()];

        if events.unrehearsed > 0 {
            let number = count(events.unrehearsed, "event");
            lines.push(format!("  note  {number} {UNREHEARSED}"));
        }
        if events.unsteady > 0 {
            let number = count(events.unsteady, "event");
            lines.push(format!(
                "  note  {number}: two runs of the active revision differ, and such differences \
                 do not count"
            ));
        }

        for (ResultDifference { text, .. }, ids) in events.differences.iter().take(ITEMS_MAX) {
            lines.push(format!("  BAD   {}: {text}", count(ids.len(), "event")));
            lines.push(format!("        {}", first_ids(ids)));
        }

        let more = events.differences.len().saturating_sub(ITEMS_MAX);
        if more > 0 {
            lines.push(format!("  ...   and {more} other differences"));
        } else if events.differences.is_empty() && events.rehearsed() > 0 {
            lines.push("  ok    nothing found".to_owned());
        }
        lines
    }

    fn event_heading(&self) -> String {
        let comparison = match self.active {
            Some(active) => format!("compared with {}", active.short()),
            None => "without an active revision to compare with: only faults count".to_owned(),
        };
        format!(
            "stored events: {} of {}, {comparison}",
            self.events.count,
            self.events.sources.join(", ")
        )
    }
}

/// Returns the first ids, and the number of the others.
fn first_ids(ids: &[EventId]) -> String {
    let first: Vec<_> = ids
        .iter()
        .take(DETAILS_MAX)
        .map(ToString::to_string)
        .collect();
    let more = ids.len().saturating_sub(DETAILS_MAX);

    let first = first.join(", ");
    if more > 0 {
        format!("{first} and {more} more")
    } else {
        first
    }
}
