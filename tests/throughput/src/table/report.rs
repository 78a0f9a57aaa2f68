//! The table as text.

use std::fmt::Write as _;

use crate::spread::Spread;

use super::{Loaded, Slice, Subject, Table, Trio};

/// Returns a line that reports what was just measured.
pub(super) fn progress(round: usize, trio: &Trio) -> String {
    let Trio {
        native,
        durable,
        slice,
        ..
    } = trio;
    format!(
        "{round} {:<8} {:<5} {:>7.0}/s answered {:>7.0}/s settled {:>7.1} us CPU = {:>5.2} x native {:>5.2} x durable   p50 {:>7.0} p99 {:>7.0} us (durable {:>6.0} {:>6.0}; native {:>5.0}/s {:.1} us CPU)",
        trio.subject.name(),
        format!("{:?}", trio.load).to_lowercase(),
        slice.answered_per_second,
        slice.settled_per_second,
        slice.cpu_us,
        slice.cpu_us / native.cpu_us,
        slice.cpu_us / durable.cpu_us,
        slice.p50_us,
        slice.p99_us,
        durable.p50_us,
        durable.p99_us,
        native.answered_per_second,
        native.cpu_us,
    )
}

/// Returns a ratio, such as `3.12 (3.01-3.40)`.
fn ratio(spread: Spread) -> String {
    let Spread {
        median,
        least,
        most,
    } = spread;
    if least == 1.0 && most == 1.0 {
        return "1".to_owned();
    }
    format!("{median:.2} ({least:.2}-{most:.2})")
}

/// A row: the slices of a contender, and those of the floors next to them.
struct Row<'a> {
    name: &'static str,
    slices: Vec<(&'a Slice, &'a Trio)>,
}

impl Table {
    /// Returns the tables in Markdown, one for each load.
    pub(crate) fn text(&self) -> String {
        let mut text = self.machine.text() + "\n";
        for (load, title) in [
            (Loaded::Many, "64 connections"),
            (Loaded::One, "1 connection"),
            (
                Loaded::Half,
                "half of the rate that each sustains with 64 connections",
            ),
        ] {
            let _ = write!(text, "\n{title}:\n\n{HEAD}\n");
            for row in self.rows(load) {
                if row.slices.is_empty() {
                    continue;
                }
                let _ = writeln!(text, "{}", row.line());
            }
        }
        text
    }

    fn rows(&self, load: Loaded) -> Vec<Row<'_>> {
        let trios = || self.trios.iter().filter(move |trio| trio.load == load);
        let mut rows = vec![
            Row {
                name: "native",
                slices: trios().map(|trio| (&trio.native, trio)).collect(),
            },
            Row {
                name: "native-durable",
                slices: trios().map(|trio| (&trio.durable, trio)).collect(),
            },
        ];
        for subject in Subject::ALL {
            let of = trios().filter(|trio| trio.subject == subject);
            rows.push(Row {
                name: subject.title(),
                slices: of.map(|trio| (&trio.slice, trio)).collect(),
            });
        }
        rows
    }
}

const HEAD: &str = "\
| | CPU of a request | × native | × native-durable | answered/s | settled/s | × native | × native-durable | p50 | p99 | p99.9 |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

impl Row<'_> {
    fn line(&self) -> String {
        let spread =
            |of: &dyn Fn(&Slice) -> f64| Spread::of(self.slices.iter().map(|(slice, _)| of(slice)));
        let against = |of: &dyn Fn(&Slice) -> f64, base: &dyn Fn(&Trio) -> Slice| {
            let pairs = self.slices.iter();
            ratio(Spread::of(
                pairs.map(|(slice, trio)| of(slice) / of(&base(trio))),
            ))
        };
        let (native, durable) = (|trio: &Trio| trio.native, |trio: &Trio| trio.durable);
        let cpu = |slice: &Slice| slice.cpu_us;
        let settled = |slice: &Slice| slice.settled_per_second;
        format!(
            "| {} | {:.1} µs | {} | {} | {:.0} | {:.0} | {} | {} | {:.0} µs | {:.0} µs | {:.0} µs |",
            self.name,
            spread(&cpu).median,
            against(&cpu, &native),
            against(&cpu, &durable),
            spread(&|slice| slice.answered_per_second).median,
            spread(&settled).median,
            against(&settled, &native),
            against(&settled, &durable),
            spread(&|slice| slice.p50_us).median,
            spread(&|slice| slice.p99_us).median,
            spread(&|slice| slice.p999_us).median,
        )
    }
}

impl Subject {
    /// Returns the name in the table.
    fn title(self) -> &'static str {
        match self {
            Self::Stored => "Hookyard, no plugin",
            Self::Fresh => "Hookyard, a fresh instance for each event",
            Self::Reused => "Hookyard, instances reused",
            Self::Refused => "Hookyard, wrong signature",
        }
    }
}
