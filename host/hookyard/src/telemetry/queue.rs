//! The queue of log lines, and the thread that writes them to standard error.
//!
//! A thread that logs copies its line into the queue and continues. It never waits for the line to
//! be written. A reader that stalls, a closed pipe or a full disk costs log lines and nothing else.
//! Lines that find the queue full and lines that cannot be written are counted. The log reports the
//! count as soon as it can be written again.
//!
//! The thread gathers lines for a moment before it writes them. A host with many requests would
//! otherwise wake it, and enter the system, for each line. [`Queue::flush`] ends the moment.
//!
//! `tracing-appender` has such a thread too, but bounds the number of lines rather than their
//! bytes, and does not report lost lines.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::counter;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The maximum size of the lines that wait in the queue, in bytes. The lines that are being written
/// can have the same size again.
const BYTES_MAX: usize = 4 << 20;
/// How long the thread gathers lines.
const GATHER_TIME: Duration = Duration::from_millis(10);
/// The size of gathered lines that are written without further delay, in bytes.
const GATHER_BYTES: usize = 64 << 10;
/// The pause after a non-blocking terminal or pipe (`O_NONBLOCK`) accepted nothing.
const PAUSE: Duration = Duration::from_millis(10);

/// The target of the line that reports lost lines. A full queue accepts this line as well.
pub(super) const TARGET: &str = "hookyard::log";
/// The counter of lost lines.
pub(super) const LOST: &str = "hookyard_log_lines_lost_total";

/// Lines that wait to be written.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// The number of lines that found the queue full and are not reported yet.
    dropped: u64,
    /// Whether the thread is writing lines that it took from the queue.
    is_writing: bool,
    /// The number of callers that wait for the lines to be written.
    flushes: usize,
}

impl State {
    fn is_pending(&mut self) -> bool {
        self.is_writing || !self.lines.is_empty()
    }

    fn is_gathering(&mut self) -> bool {
        self.flushes == 0 && self.lines.len() < GATHER_BYTES
    }
}

impl Queue {
    /// Starts the thread that writes lines to standard error until the process ends.
    pub(super) fn write_to_stderr(&'static self) -> io::Result<()> {
        // The thread has its own descriptor. With `io::stderr`, it would hold the lock for as long
        // as a reader stalls.
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);

        thread::Builder::new()
            .name("log".into())
            .spawn(move || self.write_to(&mut Output::new(stderr)))?;
        Ok(())
    }

    /// Adds whole lines, or drops them if the queue is full. Never waits for the reader of the log.
    pub(super) fn push(&self, lines: &[u8]) {
        self.push_if(lines, |waiting| waiting + lines.len() <= BYTES_MAX);
    }

    fn push_if(&self, lines: &[u8], has_room: impl FnOnce(usize) -> bool) {
        let mut state = self.lock();
        let waiting = state.lines.len();
        if has_room(waiting) {
            state.lines.extend_from_slice(lines);
            let is_enough = waiting < GATHER_BYTES && state.lines.len() >= GATHER_BYTES;
            drop(state);
            // Waking the thread is expensive. It waits only for the first line, and for enough.
            if waiting == 0 || is_enough {
                self.changed.notify_all();
            }
        } else {
            state.dropped += count(lines);
            drop(state);
            counter!(LOST, "reason" => "full").increment(count(lines));
        }
    }

    /// Waits until every line in the queue is written or lost, or until the time is over.
    pub(super) fn flush(&self, time_max: Duration) {
        let mut state = self.lock();
        state.flushes += 1;
        self.changed.notify_all();

        let waited = self
            .changed
            .wait_timeout_while(state, time_max, State::is_pending);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.flushes -= 1;
    }

    fn write_to(&self, output: &mut Output<impl Write>) {
        // The lines that could not be written and are not reported yet, and the last error.
        let mut unwritten = 0;
        let mut fault = None;
        let mut lines = Vec::new();
        loop {
            lines.clear();
            lines.shrink_to(GATHER_BYTES);
            self.take(&mut lines);
            let (lost, error) = output.write_lines(&lines);
            if let Some(error) = error {
                counter!(LOST, "reason" => "unwritten").increment(lost);
                unwritten += lost;
                fault = Some(error);
            }

            // A line was written, so a report of the lost ones can be written too.
            if lost < count(&lines) {
                let dropped = std::mem::take(&mut self.lock().dropped);
                report(dropped, std::mem::take(&mut unwritten), fault.take());
            }
        }
    }

    /// Waits for lines, and exchanges all of them for the empty buffer.
    fn take(&self, buffer: &mut Vec<u8>) {
        let mut state = self.lock();
        while state.lines.is_empty() {
            state.is_writing = false;
            self.changed.notify_all();
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }

        let gathered = self
            .changed
            .wait_timeout_while(state, GATHER_TIME, State::is_gathering);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        std::mem::swap(&mut state.lines, buffer);
    }

    /// Returns the lines that wait.
    #[cfg(test)]
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().lines).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs how many lines were lost. The queue always accepts this line.
fn report(dropped: u64, unwritten: u64, fault: Option<io::Error>) {
    if dropped > 0 {
        tracing::warn!(
            target: TARGET, lines = dropped,
            "log lines were lost: standard error was read too slowly"
        );
    }
    if let Some(error) = fault {
        let error = error.to_string();
        tracing::warn!(
            target: TARGET, lines = unwritten, error,
            "log lines were lost: standard error could not be written"
        );
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The output that lines are written to.
struct Output<W> {
    out: W,
    /// Whether the last byte written was not a line end.
    is_within_line: bool,
    /// Whether the rest of the last line is lost, so that a line end must come before the next
    /// line.
    is_torn: bool,
}

impl<W: Write> Output<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            is_within_line: false,
            is_torn: false,
        }
    }

    /// Writes lines. Returns how many of them were lost, and the error of the last lost line.
    fn write_lines(&mut self, lines: &[u8]) -> (u64, Option<io::Error>) {
        let mut rest = lines;
        let mut lost = 0;
        let mut fault = None;

        while !rest.is_empty() {
            match self.write(rest) {
                Ok(length) => rest = &rest[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) => {
                    // Only this line is lost: a full disk can have room for the next one.
                    let end = rest
                        .iter()
                        .position(|byte| *byte == b'\n')
                        .map_or(rest.len(), |end| end + 1);
                    rest = &rest[end..];
                    self.is_torn = self.is_within_line;
                    lost += 1;
                    fault = Some(error);
                }
            }
        }

        (lost, fault)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_torn {
            self.write_some(b"\n")?;
            self.is_torn = false;
        }
        self.write_some(bytes)
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.out.write(bytes)?;

        let last = bytes[..length].last().ok_or(ErrorKind::WriteZero)?;
        self.is_within_line = *last != b'\n';
        Ok(length)
    }
}

/// Makes a writer for each log line.
pub(super) struct Lines(pub(super) &'static Queue);

/// Adds one log line to the queue.
pub(super) struct Line {
    queue: &'static Queue,
    /// Whether the queue accepts the line even if it is full.
    is_reserved: bool,
}

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line {
            queue: self.0,
            is_reserved: false,
        }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> Line {
        Line {
            queue: self.0,
            is_reserved: metadata.target() == TARGET,
        }
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_reserved {
            self.queue.push_if(line, |_| true)
        } else {
            self.queue.push(line)
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that accepts as many bytes in each step as the script says. A negative step is an
    /// error of the system.
    struct Script {
        steps: Vec<i32>,
        written: Vec<u8>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.steps.pop() {
                Some(error @ ..0) => Err(io::Error::from_raw_os_error(-error)),
                step => {
                    let length = step.map_or(bytes.len(), |most| bytes.len().min(most as usize));
                    self.written.extend_from_slice(&bytes[..length]);
                    Ok(length)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lost_lines_are_counted_and_others_stay_whole() {
        const FULL: i32 = -28;
        const AGAIN: i32 = -11;
        const INTERRUPTED: i32 = -4;
        let check = |steps: &[i32], expected: &str, lost: u64| {
            let script = Script {
                steps: steps.iter().rev().copied().collect(),
                written: Vec::new(),
            };
            let mut output = Output::new(script);
            assert_eq!(
                output.write_lines(b"one\ntwo\nthree\n").0,
                lost,
                "{steps:?}"
            );
            assert_eq!(
                String::from_utf8_lossy(&output.out.written),
                expected,
                "{steps:?}"
            );
        };
        check(&[], "one\ntwo\nthree\n", 0);
        check(&[2, INTERRUPTED, AGAIN, 5], "one\ntwo\nthree\n", 0);
        check(&[FULL], "two\nthree\n", 1);
        check(&[FULL, FULL, FULL], "", 3);
        check(&[0], "two\nthree\n", 1);
        check(&[5, FULL], "one\nt\nthree\n", 1);
        check(&[5, FULL, FULL], "one\nt", 2);
        check(&[4, FULL], "one\nthree\n", 1);
    }

    #[test]
    fn full_queue_drops_lines_without_waiting() {
        let queue = Queue::default();
        let line = [b'x'; 1023]
            .iter()
            .chain(b"\n")
            .copied()
            .collect::<Vec<_>>();
        for _ in 0..5000 {
            queue.push(&line);
        }
        let state = queue.lock();
        assert_eq!((state.lines.len(), state.dropped), (BYTES_MAX, 5000 - 4096));
        drop(state);
        queue.flush(Duration::from_millis(1));
    }
}
