//! The screen of `hookyard dev`: lines on standard output, and the log of the host if the author
//! wants to see it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookyard_develop::dev::field::Field;
use hookyard_develop::dev::screen::{self, Attempt};
use hookyard_model::Clock as _;

use super::observer::Observed;
use super::workspace::ATTEMPTS_MAX;
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::output;
use crate::telemetry;

/// The number of lines of the host's log that are kept.
const LOG_LINES_MAX: usize = 200;

/// The screen. Clones share one state.
#[derive(Clone, Default)]
pub(super) struct Terminal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Whether the terminal needs a carriage return at the end of a line.
    is_raw: AtomicBool,
    /// Whether the log of the host is shown.
    shows_log: AtomicBool,
    log: Mutex<VecDeque<String>>,
}

impl Terminal {
    /// Starts the screen, and sends the log of the host to it.
    pub(super) fn start() -> Self {
        let terminal = Self::default();
        let writer = terminal.clone();
        telemetry::start_into(move || writer.clone());
        terminal
    }

    pub(super) fn set_raw(&self, is_raw: bool) {
        self.0.is_raw.store(is_raw, Ordering::Relaxed);
    }

    /// Prints a text of one or more lines.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let end = if self.0.is_raw.load(Ordering::Relaxed) {
            "\r\n"
        } else {
            "\n"
        };
        for line in text.lines() {
            output::text(format_args!("{line}{end}"))?;
        }
        output::flush()
    }

    /// Prints a line with the time in front of it.
    pub(super) fn timed(&self, text: &str) -> Result<(), Failure> {
        self.line(&screen::timed(SystemClock.now(), text))
    }

    /// Prints what came of an attempt. `name` is the name of the event's fixture or sample, and
    /// `field` is the field that a decoding error is about.
    pub(super) fn attempt(
        &self,
        observed: &Observed,
        name: Option<&str>,
        field: Option<Field>,
    ) -> Result<(), Failure> {
        let Observed { job, result } = observed;
        let (event, outcome) = (&job.event, &result.outcome);

        let attempt = Attempt {
            at: SystemClock.now(),
            event_type: event.event_type.as_deref(),
            name: name.unwrap_or(&event.key),
            number: job.lease.attempt,
            outcome,
            duration: result.duration,
            memory: result.measures.memory_bytes,
            log: &result.log,
            writes: &result.effects.writes,
            messages: &result.effects.messages,
            response: result.effects.response.as_ref(),
            field,
            is_final: !outcome.is_retryable() || job.lease.attempt >= ATTEMPTS_MAX,
        };
        self.line(&attempt.lines().join("\n"))
    }

    /// Shows or hides the log of the host.
    pub(super) fn toggle_log(&self) -> Result<(), Failure> {
        let is_shown = !self.0.shows_log.fetch_xor(true, Ordering::Relaxed);
        if !is_shown {
            return self.timed("the log of the host is hidden");
        }

        self.timed("the log of the host:")?;
        let lines: Vec<String> = self.log().drain(..).collect();
        self.line(&lines.concat())
    }

    fn log(&self) -> MutexGuard<'_, VecDeque<String>> {
        // No code panics while it holds the lock, so a poisoned lock is still consistent.
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes lines of the host's log.
impl io::Write for Terminal {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line).into_owned();
        if self.0.shows_log.load(Ordering::Relaxed) {
            // The screen reports a fault of standard output with its own next line.
            let _ = self.line(&text);
        } else {
            let mut log = self.log();
            log.push_back(text);
            if log.len() > LOG_LINES_MAX {
                log.pop_front();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
