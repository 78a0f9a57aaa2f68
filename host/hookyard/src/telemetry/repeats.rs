//! Repeated failures: after some lines of a kind, further ones are counted and summed up.
//!
//! A sender with a wrong secret, a plugin that fails and a receiver that is away cause the same line
//! for each request, attempt or delivery. Lines are of one kind if they have the same message and
//! the same tenant, source, plugin, destination and reason. The first lines of a kind are written at
//! once. Further lines within a minute are counted, and one line reports their number.
//!
//! The parts of the host log every failure and do not know of this. At level DEBUG, every line is
//! written.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The number of lines of a kind that are written within a minute.
const LINES_MAX: u64 = 10;
/// The time in which lines of a kind are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How often windows are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// The maximum number of kinds within a minute. Lines of further kinds are of one kind.
const KINDS_MAX: usize = 1024;

/// The messages of lines that are summed up.
const MESSAGES: [&str; 3] = ["refused", "attempt ended", "delivery ended"];
/// The fields in which lines of a kind are the same.
const FIELDS: [&str; 8] = [
    "tenant",
    "source",
    "plugin",
    "destination",
    "reason",
    "outcome",
    "result",
    "state",
];
/// A field of lines that have a limited rate of their own.
const LIMITED: &str = "meant";

static REPEATS: LazyLock<Repeats> = LazyLock::new(Repeats::default);

/// Reports repeated failures at the end of their minute. Never returns.
pub(crate) async fn sum_up() {
    loop {
        tokio::time::sleep(PERIOD).await;
        REPEATS.report(WINDOW);
    }
}

/// Reports the repeated failures up to now.
pub(crate) fn sum_up_rest() {
    REPEATS.report(Duration::ZERO);
}

/// The layer that leaves out repeated failures.
pub(super) struct Summing(&'static Repeats);

impl Summing {
    pub(super) fn new() -> Self {
        Self(&REPEATS)
    }
}

impl<S: Subscriber> Layer<S> for Summing {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if *event.metadata().level() != Level::WARN {
            return true;
        }
        let mut read = Read::default();
        event.record(&mut read);
        let is_summed = read.kind.message.is_some() && !read.is_limited;
        !is_summed || self.0.admit(read.kind, Instant::now())
    }
}

/// What lines of a kind have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Kind {
    message: Option<&'static str>,
    fields: [Option<String>; FIELDS.len()],
}

/// The kind of a line, as far as its fields are read.
#[derive(Default)]
struct Read {
    kind: Kind,
    is_limited: bool,
}

impl Visit for Read {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if let Some(place) = FIELDS.iter().position(|name| *name == field.name()) {
            self.kind.fields[place] = Some(format!("{value:?}"));
        } else if field.name() == "message" {
            let text = format!("{value:?}");
            self.kind.message = MESSAGES.into_iter().find(|message| *message == text);
        } else if field.name() == LIMITED {
            self.is_limited = true;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Without the quotes of a text.
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// The lines of a kind since its first line.
#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u64,
}

/// The report about lines that were left out.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    kind: Kind,
    more: u64,
    time: Duration,
}

/// The kinds of lines of the last minute.
#[derive(Debug, Default)]
struct Repeats(Mutex<HashMap<Kind, Window>>);

impl Repeats {
    /// Counts a line, and returns whether to write it.
    fn admit(&self, mut kind: Kind, now: Instant) -> bool {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            kind.fields = Default::default();
        }

        let window = kinds.entry(kind).or_insert(Window {
            began: now,
            lines: 0,
        });
        window.lines += 1;
        window.lines <= LINES_MAX
    }

    /// Ends the windows of at least this age, and returns a report for each with lines that were
    /// left out.
    fn end(&self, age: Duration, now: Instant) -> Vec<Report> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = |window: &Window| now.saturating_duration_since(window.began);
        kinds
            .extract_if(|_, window| time(window) >= age)
            .filter(|(_, window)| window.lines > LINES_MAX)
            .map(|(kind, window)| Report {
                kind,
                more: window.lines - LINES_MAX,
                time: time(&window),
            })
            .collect()
    }

    fn report(&self, age: Duration) {
        for Report { kind, more, time } in self.end(age, Instant::now()) {
            let [
                tenant,
                source,
                plugin,
                destination,
                reason,
                outcome,
                result,
                state,
            ] = kind.fields;
            let message = kind.message.unwrap_or_default();
            tracing::warn!(
                target: "hookyard::repeats",
                tenant, source, plugin, destination, reason, outcome, result, state, more,
                "{message} {more} more times in {} s",
                time.as_secs().max(1)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::queue::{Lines, Queue};

    fn of(reason: &str) -> Kind {
        let mut kind = Kind {
            message: Some("refused"),
            ..Kind::default()
        };
        kind.fields[4] = Some(reason.to_owned());
        kind
    }

    #[test]
    fn further_lines_are_counted_and_reported_once() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let written = (0..1_214).filter(|_| repeats.admit(of("one"), start));
        assert_eq!(written.count(), 10);
        assert!(repeats.admit(of("other"), start), "another kind is written");

        assert_eq!(repeats.end(WINDOW, start + WINDOW / 2), []);
        let report = Report {
            kind: of("one"),
            more: 1_204,
            time: WINDOW,
        };
        assert_eq!(repeats.end(WINDOW, start + WINDOW), [report]);
        assert_eq!(repeats.end(Duration::ZERO, start + WINDOW), []);
        assert!(repeats.admit(of("one"), start + WINDOW), "a new minute");
    }

    #[test]
    fn number_of_kinds_is_bounded() {
        let (repeats, now) = (Repeats::default(), Instant::now());
        let written = (0..3_000).filter(|number| repeats.admit(of(&number.to_string()), now));
        assert_eq!(written.count(), KINDS_MAX + 10);
        assert_eq!(repeats.0.lock().expect("no panic").len(), KINDS_MAX + 1);
        let reports = repeats.end(Duration::ZERO, now);
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].more, (3_000 - KINDS_MAX - 10) as u64);
    }

    #[test]
    fn only_repeated_failures_are_left_out() {
        let (repeats, queue) = (Box::leak(Box::default()), Box::leak(Box::default()));
        let written: &'static Queue = queue;
        let subscriber = tracing_subscriber::fmt()
            .with_writer(Lines(written))
            .with_ansi(false)
            .finish()
            .with(Summing(repeats));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..15 {
                tracing::warn!(tenant = "acme", reason = "bad-signature", number, "refused");
                tracing::warn!(tenant = %"acme", outcome = "trapped", number, "attempt ended");
                tracing::warn!(reason = "unknown-route", meant = "/a/b", number, "refused");
                tracing::info!(tenant = "acme", number, "accepted");
            }
            repeats.report(Duration::ZERO);
        });

        let lines = written.text();
        let count = |text: &str| lines.lines().filter(|line| line.contains(text)).count();
        assert_eq!(count(" refused tenant="), 10, "{lines}");
        assert_eq!(count("attempt ended tenant="), 10, "{lines}");
        assert_eq!((count("meant="), count("accepted")), (15, 15), "{lines}");
        assert_eq!(
            count(r#"refused 5 more times in 1 s tenant="acme" reason="bad-signature" more=5"#),
            1,
            "{lines}"
        );
        assert_eq!(count("attempt ended 5 more times"), 1, "{lines}");
    }
}
