//! How log lines look: for people, or one JSON object each.
//!
//! JSON lines hold every field. Lines for people put what they are about first, and leave out what only somebody who
//! looks for a fault wants to know, unless the line is about a fault.
//!
//! What comes from outside (a sender's text, a guest's line) is quoted wherever it could break a line or colour a
//! terminal. Errors arrive here as one line already (`explain`).
//!
//! Standard error is written by a thread of its own (`queue`), so that no line holds up or ends what it is about.

mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use hookyard_model::{Clock, is_hidden};
use metrics::{counter, describe_counter};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::SystemClock;
use hookyard_model::visible;
use queue::{Lines, Queue};

/// Lines of level INFO and above. What `h2` warns of, anybody who sends broken HTTP/2 can cause in any number.
const BY_DEFAULT: &str = "info,h2=error";

/// What the log says of itself, and of panics, whatever `RUST_LOG` leaves out.
const ALWAYS: [&str; 2] = ["hookyard::log=warn", "hookyard::panic=error"];
/// How long the process waits at its end until the log is written.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object per line
    Json,
}

/// There from the start of the log on.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Writes log lines to standard error from now on. `RUST_LOG` may say which.
pub(crate) fn start(format: LogFormat) -> anyhow::Result<()> {
    let queue = QUEUE.get_or_init(Queue::default);
    queue
        .write_to_stderr()
        .context("the thread that writes the log can't be started")?;
    std::panic::set_hook(Box::new(tell_panic));

    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(BY_DEFAULT));
    let always = ALWAYS.map(|directive| directive.parse().expect("a directive"));
    let filter = always.into_iter().fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines(queue))
        .log_internal_errors(false);
    match format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
        LogFormat::Text => lines.with_ansi(wants_colour()).event_format(Text).init(),
    }
    Ok(())
}

/// Gives lines that are no events to the log. `false` where there is no log.
pub(crate) fn push(lines: &str) -> bool {
    QUEUE
        .get()
        .map(|queue| queue.push(lines.as_bytes()))
        .is_some()
}

/// Waits until the log is written, though not for a reader that stalls.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_MAX);
    }
}

/// Says what is counted here.
pub(crate) fn describe_metrics() {
    describe_counter!(
        queue::LOST,
        "Log lines that standard error did not take: `full` where it was too slow."
    );
    ["full", "unwritten"]
        .into_iter()
        .for_each(|reason| counter!(queue::LOST, "reason" => reason).increment(0));
}

/// One line, as for everything else. The standard library would write to standard error itself, and wait for its reader.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let (message, backtrace) = (
        panic.payload_as_str().unwrap_or("no message"),
        Backtrace::capture(),
    );
    let location = panic.location().map(ToString::to_string);
    let backtrace =
        (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        target: "hookyard::panic",
        thread = thread::current().name(), location, backtrace,
        "panicked: {message}"
    );
}

/// Colours are for terminals, and for those who haven't declined them (no-color.org).
fn wants_colour() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// One line for people: when, how grave, which room, what happened, and the details.
struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let (metadata, mut line) = (event.metadata(), Line::default());
        event.record(&mut line);
        let paint = Paint(out.has_ansi_escapes());
        let is_fault = *metadata.level() <= Level::WARN;
        let (level, colour) = level(metadata.level());
        paint.write(&mut out, DIM, &SystemClock.now().to_string())?;
        out.write_char(' ')?;
        paint.write(&mut out, colour, level)?;
        out.write_char(' ')?;
        paint.write(&mut out, DIM, &format!("{:<8}", room(metadata.target())))?;
        if let Some(subject) = line.take_subject() {
            out.write_char(' ')?;
            paint.write(&mut out, SUBJECT, &visible(&subject))?;
        }
        if metadata.target() == GUEST {
            return writeln!(out, " | {}", visible(&line.message));
        }
        out.write_char(' ')?;
        paint.write(
            &mut out,
            if is_fault { BOLD } else { PLAIN },
            &visible(&line.message),
        )?;
        for (name, value) in line
            .details
            .iter()
            .filter(|(name, value)| is_fault || is_told(name, value))
        {
            out.write_char(' ')?;
            paint.write(&mut out, DIM, &format!("{name}="))?;
            out.write_str(&quoted(value))?;
        }
        writeln!(out)
    }
}

/// What guests write: nothing but their words and whose they are.
const GUEST: &str = "hookyard::guest";

/// Whether a detail is told of something that went well.
fn is_told(name: &str, value: &str) -> bool {
    let is_measure = matches!(
        name,
        "decode" | "instantiate" | "run" | "memory_bytes" | "host_calls" | "host_bytes"
    );
    !is_measure && !matches!(name, "bytes" | "peer" | "provider" | "status") && value != "false"
}

/// The room that a line comes from: ours without the house, others by their crate.
fn room(target: &str) -> &str {
    let room = ["hookyard::", "hookyard_"]
        .iter()
        .find_map(|house| target.strip_prefix(house))
        .unwrap_or(target);
    room.split("::").next().unwrap_or(room)
}

fn level(level: &Level) -> (&'static str, &'static str) {
    match *level {
        Level::ERROR => ("ERROR", "31"),
        Level::WARN => (" WARN", "33"),
        Level::INFO => (" INFO", "32"),
        Level::DEBUG => ("DEBUG", "34"),
        Level::TRACE => ("TRACE", "35"),
    }
}

const PLAIN: &str = "0";
const BOLD: &str = "1";
const DIM: &str = "2";
const SUBJECT: &str = "36";

struct Paint(bool);

impl Paint {
    fn write(&self, out: &mut Writer<'_>, style: &str, text: &str) -> fmt::Result {
        if self.0 {
            write!(out, "\x1b[{style}m{text}\x1b[0m")
        } else {
            out.write_str(text)
        }
    }
}

/// An event's fields, as they were given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    message: String,
    details: Vec<(&'static str, String)>,
}

impl Line {
    fn add(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else if !value.is_empty() {
            self.details.push((field.name(), value));
        }
    }

    /// What the line is about, as `tenant/name`: the destination, or else the plugin, or else the source.
    fn take_subject(&mut self) -> Option<String> {
        let name = ["destination", "plugin", "source"]
            .into_iter()
            .find_map(|name| self.take(name));
        match (self.take("tenant"), name) {
            (Some(tenant), Some(name)) => Some(format!("{tenant}/{name}")),
            (tenant, name) => name.or(tenant),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = self.details.iter().position(|(given, _)| *given == name)?;
        Some(self.details.remove(index).1)
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

/// As `visible`, in quotes where it would be hard to tell from its surroundings.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| !c.is_whitespace() && !is_hidden(c) && c != '"' && c != '=';
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("\"{}\"", visible(text).replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_line_is_quoted() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("acme/orders", "acme/orders");
        check("two words", "\"two words\"");
        check("a\nb", "\"a\\nb\"");
        check("a=b", "\"a=b\"");
        check("say \"hi\"", "\"say \\\"hi\\\"\"");
        check("\u{1b}[31mred", "\"\\u{1b}[31mred\"");
    }

    #[test]
    fn a_line_is_about_one_thing() {
        let check = |details: &[(&'static str, &str)], expected: Option<&str>, left: usize| {
            let details = details
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect();
            let mut line = Line {
                message: String::new(),
                details,
            };
            assert_eq!(line.take_subject().as_deref(), expected);
            assert_eq!(line.details.len(), left);
        };
        check(
            &[
                ("tenant", "acme"),
                ("source", "payments"),
                ("plugin", "books"),
            ],
            Some("acme/books"),
            1,
        );
        check(
            &[
                ("tenant", "acme"),
                ("plugin", "books"),
                ("destination", "partner"),
            ],
            Some("acme/partner"),
            1,
        );
        check(
            &[("tenant", "acme"), ("source", "payments"), ("key", "1")],
            Some("acme/payments"),
            1,
        );
        check(&[("plugin", "acme/books")], Some("acme/books"), 0);
        check(&[("address", "127.0.0.1:1")], None, 1);
    }

    #[test]
    fn a_room_is_named_shortly_wherever_it_is() {
        let check = |target: &str, expected: &str| assert_eq!(room(target), expected);
        check("hookyard::ingress", "ingress");
        check("hookyard_plugin::cache", "plugin");
        check("hookyard_store_sqlite", "inbox_sqlite");
        check("notify::inotify", "notify");
    }

    #[test]
    fn what_any_sender_can_cause_is_not_a_warning() {
        use tracing::subscriber::with_default;
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(BY_DEFAULT))
            .finish();
        with_default(subscriber, || {
            assert!(tracing::enabled!(target: "hookyard::ingress", Level::INFO));
            assert!(!tracing::enabled!(target: "h2::proto::streams::recv", Level::WARN));
            assert!(tracing::enabled!(target: "h2::proto::streams::recv", Level::ERROR));
        });
    }
}
