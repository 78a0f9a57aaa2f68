//! Collects a guest's standard output and standard error as lines, up to a limit.
//!
//! A write always succeeds at once, so that a guest that writes too many lines behaves as it would
//! elsewhere. Lines over the limit are counted and dropped. Everything that is written counts as
//! bytes passed to the host, and that limit does end an attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hookyard_model::{LogLine, is_hidden};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::budget::Budget;
use super::last_words::LastWords;
use crate::terms::Terms;

/// The beginning of the host's own lines in an attempt's log.
const HOST_PREFIX: &str = "hookyard:";
/// Put before a guest's line that begins like a line of the host, so that it cannot pass for one.
const QUOTE: &str = "> ";
/// The maximum number of bytes that a guest may write at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Collects the lines of one attempt. Clones share the lines.
#[derive(Clone)]
pub(crate) struct Output {
    lines: Arc<Mutex<Lines>>,
    budget: Budget,
}

struct Lines {
    kept: Vec<LogLine>,
    kept_max: usize,
    dropped: usize,
    terms: Arc<Terms>,
    /// The maximum size of an unfinished line, in bytes. The rest of the line is dropped.
    unfinished_bytes_max: usize,
    /// The unfinished lines of standard output and standard error.
    unfinished: [Vec<u8>; 2],
    /// The last lines of standard error, including lines that were dropped.
    last_words: LastWords,
}

impl Output {
    /// Creates the output of one attempt.
    pub(crate) fn new(terms: &Arc<Terms>, budget: &Budget) -> Self {
        let lines = Lines {
            kept: Vec::new(),
            kept_max: terms.limits.log_lines_max,
            dropped: 0,
            // One more byte than is shown tells a cut line from a line that just fits. A credential
            // at the cut must be complete, or it would not be found.
            unfinished_bytes_max: terms
                .limits
                .log_line_max
                .saturating_add(1 + terms.scrub.longest()),
            terms: Arc::clone(terms),
            unfinished: [Vec::new(), Vec::new()],
            last_words: LastWords::default(),
        };

        Self {
            lines: Arc::new(Mutex::new(lines)),
            budget: budget.clone(),
        }
    }

    /// Begins the output of another attempt of the same instance.
    pub(crate) fn begin(&self) {
        let mut lines = self.lock();
        lines.kept.clear();
        lines.dropped = 0;
        lines.unfinished = [Vec::new(), Vec::new()];
        lines.last_words = LastWords::default();
    }

    /// Returns the guest's standard output.
    pub(crate) fn stdout(&self) -> Stream {
        Stream {
            output: self.clone(),
            is_error: false,
        }
    }

    /// Returns the guest's standard error.
    pub(crate) fn stderr(&self) -> Stream {
        Stream {
            output: self.clone(),
            is_error: true,
        }
    }

    /// Adds a whole line that the guest wrote.
    pub(crate) fn guest_line(&self, is_error: bool, text: &str) {
        self.lock().keep_guest_line(is_error, text);
    }

    /// Adds a line of the host, about something that the guest asked for.
    pub(crate) fn host_line(&self, text: &str) {
        self.lock().keep(true, &format!("{HOST_PREFIX} {text}"));
    }

    /// Returns the reason for the trap, according to the guest's last output to standard error.
    /// Must be called when the guest no longer runs.
    pub(crate) fn last_words(&self) -> Option<String> {
        let mut lines = self.lock();
        lines.finish_last_line(true);

        let words = lines.last_words.reason()?;
        Some(lines.terms.scrub.text(&words).into_owned())
    }

    /// Takes all lines so far, including unfinished lines. If lines were dropped, the last line
    /// says how many.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        let mut lines = self.lock();
        lines.finish_last_line(false);
        lines.finish_last_line(true);

        let mut kept = std::mem::take(&mut lines.kept);
        if lines.dropped > 0 {
            kept.push(LogLine {
                is_error: true,
                text: format!("({} more lines were not kept)", lines.dropped),
            });
        }
        kept
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // The lines are consistent whenever the lock is free, even after a panic.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn write(&mut self, is_error: bool, bytes: &[u8]) {
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let unfinished = &mut self.unfinished[usize::from(is_error)];
            let room = self.unfinished_bytes_max.saturating_sub(unfinished.len());
            unfinished.extend_from_slice(&part[..part.len().min(room)]);

            let has_line_end = parts.peek().is_some();
            if has_line_end {
                self.finish_line(is_error);
            }
        }
    }

    fn finish_line(&mut self, is_error: bool) {
        let line = std::mem::take(&mut self.unfinished[usize::from(is_error)]);
        let text = String::from_utf8_lossy(&line);
        if is_error {
            self.last_words.push(text.as_ref().to_owned());
        }
        self.keep_guest_line(is_error, &text);
    }

    /// Finishes a line that has no line end, if there is one.
    fn finish_last_line(&mut self, is_error: bool) {
        if !self.unfinished[usize::from(is_error)].is_empty() {
            self.finish_line(is_error);
        }
    }

    fn keep_guest_line(&mut self, is_error: bool, text: &str) {
        // Whitespace and invisible characters in front do not make the line look different.
        let visible = text.trim_start_matches(|c: char| c.is_whitespace() || is_hidden(c));
        if visible.starts_with(HOST_PREFIX) {
            self.keep(is_error, &format!("{QUOTE}{text}"));
        } else {
            self.keep(is_error, text);
        }
    }

    fn keep(&mut self, is_error: bool, text: &str) {
        if self.kept.len() == self.kept_max {
            self.dropped += 1;
            return;
        }
        let text = self.terms.line(text);
        self.kept.push(LogLine { is_error, text });
    }
}

/// One of the guest's two output streams.
#[derive(Clone)]
pub(crate) struct Stream {
    output: Output,
    is_error: bool,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // WASI 0.2 uses `p2_stream`. This stream is for WASI 0.3, which the host does not offer.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.output
            .budget
            .count_bytes(bytes.len())
            .map_err(|exceeded| StreamError::Trap(exceeded.into()))?;

        self.output.lock().write(self.is_error, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK_BYTES_MAX)
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn lines(writes: &[(bool, &str)]) -> Vec<(bool, String)> {
        let limits = Limits {
            log_lines_max: 3,
            log_line_max: 5,
            ..Limits::default()
        };
        let output = Output::new(&Terms::limited(limits.clone()), &Budget::new(&limits));
        for (is_error, text) in writes {
            let mut stream = if *is_error {
                output.stderr()
            } else {
                output.stdout()
            };
            stream
                .write(Bytes::copy_from_slice(text.as_bytes()))
                .expect("writing cannot fail");
        }
        output
            .take()
            .into_iter()
            .map(|line| (line.is_error, line.text))
            .collect()
    }

    #[test]
    fn writes_become_log_lines() {
        let line = |is_error, text: &str| (is_error, text.to_owned());
        assert_eq!(
            lines(&[(false, "a"), (true, "x\n"), (false, "b\r\nc")]),
            [line(true, "x"), line(false, "ab"), line(false, "c"),]
        );
        assert_eq!(
            lines(&[(false, "\n\n")]),
            [line(false, ""), line(false, "")]
        );
        assert_eq!(
            lines(&[(false, "12345\n123456789\n")]),
            [line(false, "12345"), line(false, "12345…")]
        );
    }

    #[test]
    fn guest_line_cannot_pass_for_host_line() {
        let limits = Limits::default();
        let output = Output::new(&Terms::limited(limits.clone()), &Budget::new(&limits));
        output.host_line("denied");
        output.guest_line(false, "hookyard: granted");
        output
            .stdout()
            .write(Bytes::from_static(
                b"\r hookyard: all is well\nsaid hookyard:\n",
            ))
            .expect("writing cannot fail");
        let texts: Vec<_> = output.take().into_iter().map(|line| line.text).collect();
        assert_eq!(
            texts,
            [
                "hookyard: denied",
                "> hookyard: granted",
                ">   hookyard: all is well",
                "said hookyard:"
            ]
        );
    }

    #[test]
    fn hidden_characters_do_not_disguise_guest_line() {
        let limits = Limits::default();
        let output = Output::new(&Terms::limited(limits.clone()), &Budget::new(&limits));
        for line in [
            "\u{200b}hookyard: a",
            "\u{3164} \u{feff}hookyard: b",
            "hook\u{200b}yard: c",
            "\u{202e}:draykooh",
        ] {
            output.guest_line(true, line);
        }
        let texts: Vec<_> = output.take().into_iter().map(|line| line.text).collect();
        let expected = [
            "> \\u{200b}hookyard: a",
            "> \\u{3164} \\u{feff}hookyard: b",
            "hook\\u{200b}yard: c",
            "\\u{202e}:draykooh",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn lines_over_limit_are_counted() {
        let all = lines(&[(false, &"x\n".repeat(5)), (true, "y")]);
        assert_eq!(all.len(), 4);
        assert_eq!(all[3].1, "(3 more lines were not kept)");
    }
}
