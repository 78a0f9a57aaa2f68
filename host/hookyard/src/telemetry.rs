//! The log: its filter, its format, and its way to standard error.
//!
//! A line is text for people or one JSON object. JSON lines contain every field. Text lines begin
//! with their subject, and leave out measurements unless the line reports a fault.
//!
//! Text from outside, such as a sender's or a guest's, is quoted wherever it could break a line or
//! colour a terminal. An error reaches the log as one line: `hookyard_model::chain` joins its
//! causes.
//!
//! Repeated failures are counted and summed up ([`repeats`]).
//!
//! A thread of its own writes to standard error ([`queue`]), so that a slow reader of the log
//! cannot slow down the host.

mod queue;
mod repeats;
mod text;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use metrics::{counter, describe_counter};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use queue::{Lines, Queue};
use repeats::Summing;
use text::Text;

pub(crate) use repeats::{sum_up, sum_up_rest};

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

    let keeps_all = filter.max_level_hint() >= Some(LevelFilter::DEBUG);
    let summing = (!keeps_all).then(Summing::new);
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
            .finish()
            .with(summing)
            .init(),
        LogFormat::Text => lines
            .with_ansi(wants_colour())
            .event_format(Text)
            .finish()
            .with(summing)
            .init(),
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
    // A panic of the main thread ends the process.
    if thread::current().name() == Some("main") {
        flush();
    }
}

/// Returns whether lines are coloured: on a terminal, unless `NO_COLOR` is set (no-color.org).
fn wants_colour() -> bool {
    std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

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
