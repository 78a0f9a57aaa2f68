//! The log: its filter, its format, and its way to standard error.
//!
//! A line is text for people or one JSON object. JSON lines contain every field. Text lines begin
//! with their subject, and leave out measurements unless the line reports a fault.
//!
//! Text from outside, such as a sender's or a guest's, is quoted wherever it could break a line or
//! colour a terminal. An error reaches the log as one line: `hookyard_model::chain` joins its
//! causes.
//!
//! A thread of its own writes to standard error ([`queue`]), so that a slow reader of the log
//! cannot slow down the host.

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

/// The filter without `RUST_LOG`. Any client can make `h2` warn by sending broken HTTP/2, in any
/// number, so its warnings are left out.
const DEFAULT_FILTER: &str = "info,h2=error";

/// Lines about lost log lines and about panics, which `RUST_LOG` cannot turn off.
const MANDATORY_FILTERS: [&str; 2] = ["hookyard::log=warn", "hookyard::panic=error"];
/// How long the process waits at its end for the log to be written.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// JSON objects, one per line
    Json,
}

/// The queue of the log. It is set once the log has started.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts the log: from now on its lines go to standard error.
///
/// The environment variable `RUST_LOG` replaces the default filter.
///
/// # Errors
///
/// Fails if the thread that writes the log cannot be started.
pub(crate) fn start(format: LogFormat) -> anyhow::Result<()> {
    let queue = QUEUE.get_or_init(Queue::default);
    queue
        .write_to_stderr()
        .context("cannot start the thread that writes the log")?;
    std::panic::set_hook(Box::new(log_panic));

    let mut filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    for directive in MANDATORY_FILTERS {
        filter = filter.add_directive(directive.parse().expect("a valid directive"));
    }

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

/// Starts the log of a host that runs within another command. The lines go to a writer of that
/// command.
#[cfg(feature = "develop")]
pub(crate) fn start_into<W: std::io::Write + Send + 'static>(
    writer: impl Fn() -> W + Send + Sync + 'static,
) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .log_internal_errors(false)
        .with_ansi(false)
        .event_format(Text)
        .init();
}

/// Writes a line by way of the log. Returns `false` if the log has not started.
pub(crate) fn push(lines: &str) -> bool {
    QUEUE
        .get()
        .map(|queue| queue.push(lines.as_bytes()))
        .is_some()
}

/// Waits until the log is written, or until [`FLUSH_MAX`] has passed.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_MAX);
    }
}

/// Describes the metrics of the log.
pub(crate) fn describe_metrics() {
    describe_counter!(
        queue::LOST,
        "Log lines that were lost: `full` because standard error was too slow, `unwritten` \
         because it could not be written."
    );

    for reason in ["full", "unwritten"] {
        counter!(queue::LOST, "reason" => reason).increment(0);
    }
}

/// Logs a panic as one line.
///
/// The panic hook of the standard library would write to standard error itself and wait for its
/// reader.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let location = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| backtrace.to_string());

    tracing::error!(
        target: "hookyard::panic",
        thread = thread::current().name(), location, backtrace,
        "panicked: {message}"
    );
}

/// Returns whether lines are coloured: on a terminal, unless `NO_COLOR` is set (no-color.org).
fn wants_colour() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The text format: the time, the level, the room, the subject, the message and the details.
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
        let metadata = event.metadata();
        let mut line = Line::default();
        event.record(&mut line);

        let paint = Paint(out.has_ansi_escapes());
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

        let is_fault = *metadata.level() <= Level::WARN;
        let style = if is_fault { BOLD } else { PLAIN };
        out.write_char(' ')?;
        paint.write(&mut out, style, &visible(&line.message))?;
        for (name, value) in &line.details {
            if is_fault || is_shown(name, value) {
                out.write_char(' ')?;
                paint.write(&mut out, DIM, &format!("{name}="))?;
                out.write_str(&quoted(value))?;
            }
        }
        writeln!(out)
    }
}

/// The target of lines that guests write. Such a line shows only its subject and its text.
const GUEST: &str = "hookyard::guest";

/// Returns whether a text line shows this detail although the line reports no fault.
fn is_shown(name: &str, value: &str) -> bool {
    let is_measure = matches!(
        name,
        "decode" | "instantiate" | "run" | "memory_bytes" | "host_calls" | "host_bytes"
    );
    !is_measure && !matches!(name, "bytes" | "peer" | "provider" | "status") && value != "false"
}

/// Returns the part of the host that a line comes from, or the name of a third-party crate.
fn room(target: &str) -> &str {
    let room = ["hookyard::", "hookyard_"]
        .iter()
        .find_map(|prefix| target.strip_prefix(prefix))
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

/// Colours text, if lines are coloured.
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

/// The fields of a log event.
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

    /// Removes and returns the subject of the line, as `tenant/name`: the destination, or else the
    /// plugin, or else the source.
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

/// Returns the text as [`visible`] does, in quotes if a space or a sign in it could be misread.
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
    fn ambiguous_detail_is_quoted() {
        let check = |text: &str, expected: &str| assert_eq!(quoted(text), expected);
        check("acme/orders", "acme/orders");
        check("two words", "\"two words\"");
        check("a\nb", "\"a\\nb\"");
        check("a=b", "\"a=b\"");
        check("say \"hi\"", "\"say \\\"hi\\\"\"");
        check("\u{1b}[31mred", "\"\\u{1b}[31mred\"");
    }

    #[test]
    fn subject_of_a_line() {
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
    fn room_of_a_log_target() {
        let check = |target: &str, expected: &str| assert_eq!(room(target), expected);
        check("hookyard::ingress", "ingress");
        check("hookyard_plugin::engine::cache", "plugin");
        check("hookyard_store_sqlite", "store_sqlite");
        check("notify::inotify", "notify");
    }

    #[test]
    fn h2_warnings_are_filtered() {
        use tracing::subscriber::with_default;
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(DEFAULT_FILTER))
            .finish();
        with_default(subscriber, || {
            assert!(tracing::enabled!(target: "hookyard::ingress", Level::INFO));
            assert!(!tracing::enabled!(target: "h2::proto::streams::recv", Level::WARN));
            assert!(tracing::enabled!(target: "h2::proto::streams::recv", Level::ERROR));
        });
    }
}
