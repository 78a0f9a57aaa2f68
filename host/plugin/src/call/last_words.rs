//! Finds the panic message in a guest's last output to standard error before a trap.
//!
//! Each language reports a panic in its own form; the table in the tests has them. If the form
//! is not known, the reason is the last line that is not part of a stack trace. The caller bounds
//! the lines and removes credentials.

use std::collections::VecDeque;

/// The maximum number of lines that are kept.
const LINES_MAX: usize = 32;
const PANICKED: &str = " panicked at ";

/// The form of a report of a panic.
#[derive(Clone, Copy)]
enum Form {
    Rust,
    Go,
    Python,
}

impl Form {
    /// Returns the form of the report that begins with this line.
    fn of(line: &str) -> Option<Self> {
        if line.starts_with("thread '") && line.contains(PANICKED) {
            Some(Self::Rust)
        } else if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
            Some(Self::Go)
        } else if line.starts_with("Traceback (most recent call last):") {
            Some(Self::Python)
        } else {
            None
        }
    }
}

/// The last lines of a guest's standard error.
///
/// Once a report of a panic begins, its first lines are kept, because the message comes before a
/// possibly long stack trace. Otherwise the last lines are kept.
#[derive(Default)]
pub(super) struct LastWords {
    form: Option<Form>,
    lines: VecDeque<String>,
}

impl LastWords {
    /// Adds the next line.
    pub(super) fn push(&mut self, line: String) {
        if let Some(form) = Form::of(&line) {
            self.form = Some(form);
            self.lines.clear();
        } else if line.trim().is_empty() || is_from_runtime(&line) {
            return;
        }

        if self.lines.len() == LINES_MAX {
            if self.form.is_some() {
                return;
            }
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Returns the reason in one line, or `None` if the guest wrote nothing.
    pub(super) fn reason(&self) -> Option<String> {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let message = match self.form {
            Some(Form::Rust) => rust_message(&lines),
            Some(Form::Go) => Some(go_message(&lines)),
            Some(Form::Python) => Some(python_message(&lines)),
            None => None,
        };

        match message {
            Some(message) if !message.is_empty() => Some(message),
            _ => Some(lines.last()?.trim().to_owned()),
        }
    }
}

fn rust_message(lines: &[&str]) -> Option<String> {
    let (head, rest) = lines.split_first()?;
    let (_, location) = head.split_once(PANICKED)?;

    // Until Rust 1.73 the message was quoted in front of the location, and it could have several
    // lines.
    if let Some(begin) = location.strip_prefix('\'') {
        let quoted = joined(std::iter::once(&begin).chain(rest));
        let (message, _) = quoted.rsplit_once("', ")?;
        return Some(message.to_owned());
    }
    Some(joined(rest))
}

fn go_message(lines: &[&str]) -> String {
    let is_end = |line: &&&str| line.starts_with("goroutine ") || line.starts_with("[signal ");
    let message = joined(lines.iter().take_while(|line| !is_end(line)));

    match message.strip_prefix("panic: ") {
        Some(message) => message.to_owned(),
        None => message,
    }
}

fn python_message(lines: &[&str]) -> String {
    // The frames between the first line and the message are indented.
    joined(
        lines
            .iter()
            .skip(1)
            .skip_while(|line| line.starts_with(' ')),
    )
}

fn joined<'l>(lines: impl IntoIterator<Item = &'l &'l str>) -> String {
    let lines: Vec<_> = lines.into_iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// Whether a language's runtime writes this line around every message.
fn is_from_runtime(line: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "note: run with `RUST_BACKTRACE",
        "stack backtrace:",
        "thread caused non-unwinding panic",
        "Stack:",
        "Redirecting call to abort()",
        "exit status ",
    ];

    let line = line.trim();
    BEGINNINGS.iter().any(|begin| line.starts_with(begin)) || is_frame(line)
}

/// Whether a line is a frame of a JavaScript stack: `at f (a.js:1:2)` or `f@a.js:1:2`.
fn is_frame(line: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = line.trim_end_matches(')').rsplit(':');

    let has_location = parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number);
    has_location && (line.starts_with("at ") || (line.contains('@') && !line.contains(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(written: &str) -> Option<String> {
        let mut words = LastWords::default();
        written.lines().for_each(|line| words.push(line.to_owned()));
        words.reason()
    }

    #[test]
    fn panic_message_of_each_language_is_found() {
        for (written, expected) in [
            ("", None),
            ("\n \n", None),
            // Rust's current and former forms, with lines before and within the message.
            (
                "thread 'main' panicked at src/lib.rs:5:9:\nno such order\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
                Some("no such order"),
            ),
            (
                "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:5:9:\nassertion `left == right` failed\n  left: 1\n right: 2",
                Some("assertion `left == right` failed left: 1 right: 2"),
            ),
            (
                "thread '<unnamed>' panicked at 'no such order', src/lib.rs:5:9\nnote: run with `RUST_BACKTRACE=1`",
                Some("no such order"),
            ),
            (
                "thread 'main' panicked at 'assertion failed: `(left == right)`\n  left: `1`,\n right: `2`', src/lib.rs:5:9",
                Some("assertion failed: `(left == right)` left: `1`, right: `2`"),
            ),
            (
                "thread 'main' panicked at src/lib.rs:5:9:",
                Some("thread 'main' panicked at src/lib.rs:5:9:"),
            ),
            (
                "memory allocation of 1048576 bytes failed",
                Some("memory allocation of 1048576 bytes failed"),
            ),
            // Go, compiled by its own compiler and by TinyGo.
            (
                "panic: no order\n\ngoroutine 1 [running]:\nmain.handle(...)\n\t/src/main.go:7 +0x1\nexit status 2",
                Some("no order"),
            ),
            (
                "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x0 addr=0x0 pc=0x0]\n\ngoroutine 1 [running]:\nmain.handle(...)",
                Some("runtime error: invalid memory address or nil pointer dereference"),
            ),
            (
                "panic: first [recovered]\n\tpanic: second\n\ngoroutine 1 [running]:",
                Some("first [recovered] panic: second"),
            ),
            (
                "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:",
                Some("fatal error: all goroutines are asleep - deadlock!"),
            ),
            (
                "panic: runtime error: index out of range",
                Some("runtime error: index out of range"),
            ),
            // Python, also with a chain of exceptions.
            (
                "Traceback (most recent call last):\n  File \"app.py\", line 3, in handle\n    return answer(offer)\n           ^^^^^^^^^^^^^\nValueError: no order",
                Some("ValueError: no order"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'id'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3\nRuntimeError: cannot settle\noffer 7",
                Some("RuntimeError: cannot settle offer 7"),
            ),
            // JavaScript, run by StarlingMonkey and by QuickJS.
            (
                "Error: no order\nStack:\n  answer@plugin.js:3:9\n  handle@plugin.js:13:13\n\nRedirecting call to abort() to mozalloc_abort\n\n",
                Some("Error: no order"),
            ),
            (
                "plugin.js:3:9 TypeError: offer is undefined",
                Some("plugin.js:3:9 TypeError: offer is undefined"),
            ),
            (
                "Error: no order\n    at handle (app.js:3:9)\n    at app.js:9:1",
                Some("Error: no order"),
            ),
            // C and C++.
            (
                "Assertion failed: offer (plugin.c: answer: 46)",
                Some("Assertion failed: offer (plugin.c: answer: 46)"),
            ),
            (
                "libc++abi: terminating due to uncaught exception of type std::runtime_error: no order",
                Some(
                    "libc++abi: terminating due to uncaught exception of type std::runtime_error: no order",
                ),
            ),
            (
                "mail to a@b.c:1:2 failed\n\n",
                Some("mail to a@b.c:1:2 failed"),
            ),
        ] {
            assert_eq!(reason(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn long_stack_trace_does_not_hide_message() {
        let stack: String = (0..500)
            .map(|n| format!("goroutine {n} [running]:\nmain.handle(...)\n"))
            .collect();
        assert_eq!(
            reason(&format!("panic: no order\n\n{stack}")).as_deref(),
            Some("no order")
        );

        let log: String = (0..500).map(|n| format!("step {n}\n")).collect();
        assert_eq!(reason(&log).as_deref(), Some("step 499"));
        let panic = "thread 'main' panicked at src/lib.rs:5:9:\nno order";
        assert_eq!(
            reason(&format!("{panic}\n{log}{panic}")).as_deref(),
            Some("no order")
        );
    }
}
