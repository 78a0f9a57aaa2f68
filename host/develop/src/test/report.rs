//! The results of a test as text, as JSON and as JUnit XML.

use std::fmt::Write as _;

use hookyard_model::{LogLine, visible};
use serde_json::{Value, json};

use super::{FixtureReport, Report};

impl Report {
    /// Returns the report for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.fixtures.iter().map(|it| it.name.chars().count()).max();
        let width = width.unwrap_or(0);

        for fault in &self.faults {
            let _ = writeln!(out, "FAIL  {}", visible(fault));
        }
        for fixture in &self.fixtures {
            fixture.write(width, &mut out);
        }

        let _ = writeln!(out, "{}", self.summary());
        out
    }

    /// Returns a line for each fixture that is not as expected.
    pub fn failures(&self) -> Vec<String> {
        let fixture = |fixture: &FixtureReport| {
            let problem = fixture.problems.first().filter(|_| !fixture.is_good())?;
            Some(format!(
                "FAIL  {}: {}",
                visible(&fixture.name),
                visible(problem)
            ))
        };
        let faults = self.faults.iter();
        let faults = faults.map(|fault| format!("FAIL  {}", visible(fault)));
        let fixtures = self.fixtures.iter().filter_map(fixture);
        faults.chain(fixtures).collect()
    }

    /// Returns one line about all fixtures.
    pub fn summary(&self) -> String {
        let total = self.fixtures.len();
        let good = self.fixtures.iter().filter(|it| it.is_good()).count();
        let updated = self.fixtures.iter().filter(|it| it.is_updated).count();

        let mut line = format!("{} {}: ", self.name, self.revision.short());
        let _ = match total {
            0 => write!(line, "no fixture ran"),
            _ => write!(line, "{good} of {total} fixtures as expected"),
        };
        if updated > 0 {
            let _ = write!(line, ", {updated} updated");
        }
        if !self.faults.is_empty() {
            line.push_str(", and fixtures that cannot be read");
        }
        let _ = write!(line, " ({} ms)", self.took.as_millis());
        line
    }

    /// Returns the report for machines.
    pub fn json(&self) -> String {
        json!({
            "plugin": self.name,
            "revision": self.revision.to_string(),
            "is_good": self.is_good(),
            "faults": self.faults,
            "fixtures": self.fixtures.iter().map(FixtureReport::json).collect::<Vec<_>>(),
            "milliseconds": self.took.as_millis() as u64,
        })
        .to_string()
    }

    /// Returns the report in the format of JUnit, which CI systems read.
    pub fn junit(&self) -> String {
        let failures = self.fixtures.iter().filter(|it| !it.is_good()).count();
        let (name, seconds) = (xml(&self.name), self.took.as_secs_f64());
        let tests = self.fixtures.len() + self.faults.len();
        let failures = failures + self.faults.len();

        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            out,
            "<testsuites tests=\"{tests}\" failures=\"{failures}\" time=\"{seconds:.3}\">\n  \
             <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
             skipped=\"0\" time=\"{seconds:.3}\">"
        );
        for fixture in &self.fixtures {
            fixture.write_junit(&self.name, &mut out);
        }
        for fault in &self.faults {
            let fault = xml(fault);
            let _ = writeln!(
                out,
                "    <testcase classname=\"{name}\" name=\"{fault}\" time=\"0.000\">\n      \
                 <failure message=\"{fault}\"/>\n    </testcase>"
            );
        }
        out.push_str("  </testsuite>\n</testsuites>\n");
        out
    }
}

impl FixtureReport {
    fn write(&self, width: usize, out: &mut String) {
        let verdict = match (self.is_updated, self.problems.is_empty()) {
            (true, _) => "new ",
            (false, true) => "ok  ",
            (false, false) => "FAIL",
        };
        let (name, took) = (visible(&self.name), self.took.as_millis());
        let _ = writeln!(out, "{verdict}  {name:width$}  {took:>4} ms");
        if self.problems.is_empty() {
            return;
        }

        if let Some(file) = &self.file {
            let _ = writeln!(out, "      {}", visible(&file.display().to_string()));
        }
        for problem in &self.problems {
            let _ = writeln!(out, "      {}", visible(problem));
        }
        if !self.diff.is_empty() {
            let _ = writeln!(out, "      expected (-) and found (+):");
        }
        for line in &self.diff {
            let _ = writeln!(out, "        {}", visible(line));
        }
        if !self.log.is_empty() {
            let _ = writeln!(out, "      log:");
        }
        for LogLine { text, .. } in &self.log {
            let _ = writeln!(out, "        {}", visible(text));
        }
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "file": self.file.as_ref().map(|file| file.display().to_string()),
            "is_good": self.is_good(),
            "is_updated": self.is_updated,
            "outcome": self.outcome,
            "problems": self.problems,
            "diff": self.diff,
            "log": self.log.iter().map(|line| &line.text).collect::<Vec<_>>(),
            "milliseconds": self.took.as_millis() as u64,
        })
    }

    fn write_junit(&self, plugin: &str, out: &mut String) {
        let (plugin, name, seconds) = (xml(plugin), xml(&self.name), self.took.as_secs_f64());
        let _ = writeln!(
            out,
            "    <testcase classname=\"{plugin}\" name=\"{name}\" time=\"{seconds:.3}\">"
        );

        if !self.is_good() {
            let message = self.problems.first().map(|it| xml(it)).unwrap_or_default();
            let details = [&self.problems[..], &self.diff[..]].concat().join("\n");
            let _ = writeln!(
                out,
                "      <failure message=\"{message}\">{}</failure>",
                xml(&details)
            );
        }
        if !self.log.is_empty() {
            let lines: Vec<&str> = self.log.iter().map(|line| line.text.as_str()).collect();
            let _ = writeln!(
                out,
                "      <system-out>{}</system-out>",
                xml(&lines.join("\n"))
            );
        }
        out.push_str("    </testcase>\n");
    }
}

/// Escapes a text for XML, and replaces characters that XML cannot contain.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hookyard_model::Revision;

    use super::*;

    fn report() -> Report {
        let fixture = |name: &str, problems: &[&str]| FixtureReport {
            name: name.into(),
            file: Some(format!("fixtures/{name}.json").into()),
            outcome: Some("done".into()),
            problems: problems.iter().map(|it| (*it).to_owned()).collect(),
            diff: problems.iter().map(|_| "- \"a\"".to_owned()).collect(),
            log: vec![LogLine {
                is_error: false,
                text: "a < b & \u{1b}[1m".into(),
            }],
            took: Duration::from_millis(3),
            is_updated: false,
        };
        Report {
            name: "decide".into(),
            revision: Revision::from_sha256([7; 32]),
            faults: Vec::new(),
            fixtures: vec![fixture("good", &[]), fixture("bad", &["it is `done`"])],
            took: Duration::from_millis(12),
        }
    }

    #[test]
    fn failed_fixture_shows_difference_and_log() {
        assert_eq!(
            report().text(),
            "ok    good     3 ms\n\
             FAIL  bad      3 ms\n      fixtures/bad.json\n      it is `done`\n      expected (-) \
             and found (+):\n        - \"a\"\n      log:\n        a < b & \\u{1b}[1m\n\
             decide 070707070707: 1 of 2 fixtures as expected (12 ms)\n"
        );
        assert!(!report().is_good());
    }

    #[test]
    fn junit_escapes_text() {
        let junit = report().junit();

        assert!(
            junit.contains("<testsuites tests=\"2\" failures=\"1\""),
            "{junit}"
        );
        assert!(junit.contains("a &lt; b &amp; \u{fffd}[1m"), "{junit}");
        assert!(
            junit.contains("<failure message=\"it is `done`\">"),
            "{junit}"
        );
    }
}
