//! What a guest wrote last on its standard error before it trapped: the message, without what its runtime writes around.
//!
//! Languages report a panic in forms of their own; the table in the tests has them. Where no form is known, the reason is
//! the last line that is no part of a stack. The caller bounds the lines and takes credentials out of them.

use std::collections::VecDeque;

/// Lines that are kept.
const LINES_MAX: usize = 32;

/// How a report of a panic begins.
#[derive(Clone, Copy)]
enum Form {
    Rust,
    Go,
    Python,
}

impl Form {
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

const PANICKED: &str = " panicked at ";

/// The last lines of a guest's standard error. From the beginning of a report on its first lines are kept, since a long
/// stack follows the message, else the last ones.
#[derive(Default)]
pub(crate) struct LastWords {
    form: Option<Form>,
    lines: VecDeque<String>,
}

impl LastWords {
    /// Takes the next line.
    pub(crate) fn push(&mut self, line: String) {
        if let Some(form) = Form::of(&line) {
            self.form = Some(form);
            self.lines.clear();
        } else if line.trim().is_empty() || is_of_the_runtime(&line) {
            return;
        }

        if self.lines.len() == LINES_MAX {
            match self.form {
                Some(_) => return,
                None => drop(self.lines.pop_front()),
            }
        }
        self.lines.push_back(line);
    }

    /// The reason, in one line; `None` where the guest wrote nothing.
    pub(crate) fn reason(&self) -> Option<String> {
        let lines: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        let message = match self.form {
            Some(Form::Rust) => rust(&lines),
            Some(Form::Go) => go(&lines),
            Some(Form::Python) => python(&lines),
            None => None,
        };
        message
            .filter(|message| !message.is_empty())
            .or_else(|| Some((*lines.last()?).trim().to_owned()))
    }
}

fn rust(lines: &[&str]) -> Option<String> {
    let (head, rest) = lines.split_first()?;
    let (_, place) = head.split_once(PANICKED)?;

    // Until Rust 1.73 the message stood in quotes before the place, and may have had lines of its own.
    if let Some(begin) = place.strip_prefix('\'') {
        let quoted = joined(std::iter::once(&begin).chain(rest));
        return quoted
            .rsplit_once("', ")
            .map(|(message, _)| message.to_owned());
    }
    Some(joined(rest))
}

fn go(lines: &[&str]) -> Option<String> {
    let is_end = |line: &&&str| line.starts_with("goroutine ") || line.starts_with("[signal ");
    let message = joined(lines.iter().take_while(|line| !is_end(line)));
    Some(
        message
            .strip_prefix("panic: ")
            .map(str::to_owned)
            .unwrap_or(message),
    )
}

/// The frames between the head and the message are set in.
fn python(lines: &[&str]) -> Option<String> {
    Some(joined(
        lines
            .iter()
            .skip(1)
            .skip_while(|line| line.starts_with(' ')),
    ))
}

fn joined<'l>(lines: impl IntoIterator<Item = &'l &'l str>) -> String {
    lines
        .into_iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a runtime writes this around a message, whatever the message is.
fn is_of_the_runtime(line: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "note: run with `RUST_BACKTRACE",
        "stack backtrace:",
        "thread caused non-unwinding panic",
        "Stack:",
        "Redirecting call to abort()",
        "exit status ",
    ];
    let line = line.trim();
    BEGINNINGS
        .iter()
        .any(|beginning| line.starts_with(beginning))
        || is_frame(line)
}

/// Whether a line is a frame of a JavaScript stack: `at f (a.js:1:2)` or `f@a.js:1:2`.
fn is_frame(line: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = line.trim_end_matches(')').rsplit(':');
    let has_place = parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number);
    has_place && (line.starts_with("at ") || (line.contains('@') && !line.contains(' ')))
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
    fn every_language_has_its_reason() {
        for (written, expected) in [
            ("", None),
            ("\n \n", None),
            // Rust, of today and as it was, with lines before it and in it.
            (
                "thread 'main' panicked at src/lib.rs:5:9:\nno such order\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
                Some("no such order"),
            ),
            (
                "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:5:9:\nassertion `left == right` failed\n  left: 1\n right: 2",
                Some("assertion `left == right` failed left: 1 right: 2"),
            ),
            (
                "thread '<unnamed>' panicked at 'it isn't there', src/lib.rs:5:9\nnote: run with `RUST_BACKTRACE=1`",
                Some("it isn't there"),
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
            // Go, by its own compiler and by TinyGo.
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
            // Python, with a chain of exceptions.
            (
                "Traceback (most recent call last):\n  File \"app.py\", line 3, in handle\n    return answer(offer)\n           ^^^^^^^^^^^^^\nValueError: no order",
                Some("ValueError: no order"),
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'id'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3\nRuntimeError: cannot settle\noffer 7",
                Some("RuntimeError: cannot settle offer 7"),
            ),
            // JavaScript, by StarlingMonkey and by QuickJS.
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
            // C, C++.
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
    fn neither_a_long_stack_nor_a_long_log_hides_the_message() {
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
