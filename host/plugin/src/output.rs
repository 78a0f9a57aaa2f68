//! What a guest writes to its standard output and error: lines, kept up to a limit.
//!
//! Writing always succeeds at once, so that a guest that writes too many lines behaves as it would elsewhere; what is over
//! the limit on lines is counted, not kept. All that is written counts as passed to the host, and that ends an attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hookyard_model::{LogLine, is_hidden};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::budget::Budget;
use crate::last_words::LastWords;
use crate::load::Terms;

/// How the host's own lines begin. A guest's that begins so is set in by `GUESTS`, so that it can't pass for one.
const HOSTS: &str = "hookyard:";
const GUESTS: &str = "> ";
/// What a guest may write at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Takes the lines of one attempt.
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
    /// What is kept of a line before it has its end.
    open_bytes_max: usize,
    /// The beginnings of lines that have no end yet, of output and error.
    open: [Vec<u8>; 2],
    /// Of standard error, whether its lines are kept or not.
    last_words: LastWords,
}

impl Output {
    /// With the limits on lines; what is written counts as passed to the host.
    pub(crate) fn new(terms: &Arc<Terms>, budget: &Budget) -> Self {
        let lines = Lines {
            kept: Vec::new(),
            kept_max: terms.limits.log_lines_max,
            dropped: 0,
            // One byte more than is kept tells a cut line from one that just fits, and a credential must be seen in whole.
            open_bytes_max: terms
                .limits
                .log_line_max
                .saturating_add(1 + terms.scrub.reach()),
            terms: Arc::clone(terms),
            open: [Vec::new(), Vec::new()],
            last_words: LastWords::default(),
        };
        Self {
            lines: Arc::new(Mutex::new(lines)),
            budget: budget.clone(),
        }
    }

    /// Standard output.
    pub(crate) fn stdout(&self) -> Stream {
        Stream {
            output: self.clone(),
            is_error: false,
        }
    }

    /// Standard error.
    pub(crate) fn stderr(&self) -> Stream {
        Stream {
            output: self.clone(),
            is_error: true,
        }
    }

    /// A line that comes in whole.
    pub(crate) fn line(&self, is_error: bool, text: &str) {
        self.lock().keep_guests(is_error, text);
    }

    /// A line of the host's about what the guest asked for.
    pub(crate) fn note(&self, text: &str) {
        self.lock().keep(true, &format!("{HOSTS} {text}"));
    }

    /// Why the guest trapped, by what it wrote last on its standard error. To be asked once it runs no more.
    pub(crate) fn last_words(&self) -> Option<String> {
        let mut lines = self.lock();
        lines.end(true, true);
        lines
            .last_words
            .reason()
            .map(|words| lines.terms.scrub.text(&words).into_owned())
    }

    /// All lines so far, those without an end included. A last line tells how many were not kept.
    pub(crate) fn take(&self) -> Vec<LogLine> {
        let mut lines = self.lock();
        lines.end(false, true);
        lines.end(true, true);
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
        // Lines are whole whenever the lock is free, even if somebody panicked meanwhile.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn write(&mut self, is_error: bool, bytes: &[u8]) {
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let open = &mut self.open[usize::from(is_error)];
            let room = self.open_bytes_max.saturating_sub(open.len());
            open.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                self.end(is_error, false);
            }
        }
    }

    /// Ends a line; at the end of all, only one that was begun.
    fn end(&mut self, is_error: bool, is_last: bool) {
        let open = std::mem::take(&mut self.open[usize::from(is_error)]);
        if is_last && open.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&open);
        if is_error {
            self.last_words.push(text.as_ref().to_owned());
        }
        self.keep_guests(is_error, &text);
    }

    fn keep_guests(&mut self, is_error: bool, text: &str) {
        match text
            .trim_start_matches(|c: char| c.is_whitespace() || is_hidden(c))
            .starts_with(HOSTS)
        {
            true => self.keep(is_error, &format!("{GUESTS}{text}")),
            false => self.keep(is_error, text),
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

/// One of the two streams.
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
        // WASI 0.2 uses the stream below; this one is for WASI 0.3, which isn't offered.
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
            .bytes(bytes.len())
            .map_err(|excess| StreamError::Trap(excess.into()))?;
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
                .expect("writing can't fail");
        }
        output
            .take()
            .into_iter()
            .map(|line| (line.is_error, line.text))
            .collect()
    }

    #[test]
    fn writes_become_lines() {
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
    fn a_guest_cannot_speak_for_the_host() {
        let limits = Limits::default();
        let output = Output::new(&Terms::limited(limits.clone()), &Budget::new(&limits));
        output.note("denied");
        output.line(false, "hookyard: granted");
        output
            .stdout()
            .write(Bytes::from_static(
                b"\r hookyard: all is well\nsaid hookyard:\n",
            ))
            .expect("writing can't fail");
        let told: Vec<_> = output.take().into_iter().map(|line| line.text).collect();
        assert_eq!(
            told,
            [
                "hookyard: denied",
                "> hookyard: granted",
                ">   hookyard: all is well",
                "said hookyard:"
            ]
        );
    }

    #[test]
    fn nothing_hidden_lets_a_guest_pass_for_the_host() {
        let limits = Limits::default();
        let output = Output::new(&Terms::limited(limits.clone()), &Budget::new(&limits));
        for line in [
            "\u{200b}hookyard: a",
            "\u{3164} \u{feff}hookyard: b",
            "hook\u{200b}yard: c",
            "\u{202e}:draykooh",
        ] {
            output.line(true, line);
        }
        let told: Vec<_> = output.take().into_iter().map(|line| line.text).collect();
        let expected = [
            "> \\u{200b}hookyard: a",
            "> \\u{3164} \\u{feff}hookyard: b",
            "hook\\u{200b}yard: c",
            "\\u{202e}:draykooh",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_over_the_limit_is_counted() {
        let all = lines(&[(false, &"x\n".repeat(5)), (true, "y")]);
        assert_eq!(all.len(), 4);
        assert_eq!(all[3].1, "(3 more lines were not kept)");
    }
}
