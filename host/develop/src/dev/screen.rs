//! The lines that `hookyard dev` prints.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{LogLine, Message, Outcome, Response, Timestamp, Write, visible};

use super::field::Field;

/// The indentation of the lines below the first line of an attempt.
const INDENT: &str = "          ";
/// The maximum length of a value on the screen, in characters.
const VALUE_MAX: usize = 200;

/// What came of one attempt.
pub struct Attempt<'a> {
    /// The time at which the attempt ended.
    pub at: Timestamp,
    /// The type of the event.
    pub event_type: Option<&'a str>,
    /// The name of the event's fixture or sample, or its key.
    pub name: &'a str,
    /// The number of the attempt.
    pub number: u32,
    /// The outcome.
    pub outcome: &'a Outcome,
    /// How long the attempt took.
    pub duration: Duration,
    /// The memory of the plugin, in bytes.
    pub memory: u64,
    /// The lines that the plugin wrote.
    pub log: &'a [LogLine],
    /// The values that the plugin wrote.
    pub writes: &'a [Write],
    /// The messages that the plugin sent.
    pub messages: &'a [Message],
    /// The response that the plugin gave.
    pub response: Option<&'a Response>,
    /// The field that a decoding error is about.
    pub field: Option<Field>,
    /// Whether the host tries again.
    pub is_final: bool,
}

/// Returns a line with the time in front of it.
pub fn timed(at: Timestamp, text: &str) -> String {
    let time = at.to_string();
    format!("{}  {text}", time.get(11..19).unwrap_or(&time))
}

impl Attempt<'_> {
    /// Returns the lines about the attempt.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![timed(self.at, &self.headline())];
        let mut add = |label: &str, text: &str| lines.push(format!("{INDENT}{label:<5} {text}"));

        if let Outcome::Undecodable { path, message } = self.outcome {
            add("", &format!("{}: {}", visible(path), visible(message)));
        } else if let Some(reason) = reason(self.outcome) {
            add("", &visible(&reason));
        }
        if let Some(field) = &self.field {
            let place = format!("{}:{}", field.file.display(), field.line);
            add("", &format!("{place}   {}", visible(&field.text)));
        }

        for line in self.log {
            add("log", &visible(&line.text));
        }
        for Write { key, value } in self.writes {
            let key = visible(&format!("{}/{}", key.bucket, key.key));
            match value {
                Some(value) => add("kept", &format!("{key} = {}", content(value))),
                None => add("kept", &format!("{key} is deleted")),
            }
        }
        for message in self.messages {
            let event_type = message.event_type.as_deref().unwrap_or("a message");
            let (to, body) = (&message.destination, content(&message.body));
            add(
                "sent",
                &format!("{} → {to}  {body}  (shown, not sent)", visible(event_type)),
            );
        }
        if let Some(Response { status, body, .. }) = self.response {
            add("reply", &format!("{status}  {}", content(body)));
        }
        if *self.outcome != Outcome::Done {
            let again = if self.is_final {
                ""
            } else {
                "; the host tries again"
            };
            add("", &format!("nothing kept, nothing sent{again}"));
        }
        lines
    }

    fn headline(&self) -> String {
        let mark = if *self.outcome == Outcome::Done {
            '✓'
        } else {
            '✗'
        };
        let event_type = visible(self.event_type.unwrap_or("(no type)"));
        let name = visible(self.name);

        let mut line = format!("{mark} {event_type}  {name}  {}", self.outcome.name());
        if self.number > 1 {
            let _ = write!(line, ", attempt {}", self.number);
        }
        let _ = write!(line, "  {}", milliseconds(self.duration));
        if self.memory > 0 {
            let _ = write!(line, "  {:.1} MiB", self.memory as f64 / f64::from(1 << 20));
        }
        line
    }
}

/// Returns the reason of an outcome that has no other line.
fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Retry {
            reason,
            after: Some(after),
        } => Some(format!("{reason} (not before {after:?} have passed)")),
        Outcome::Retry { reason, .. } | Outcome::Rejected { reason } => Some(reason.clone()),
        Outcome::Trapped { message } => Some(message.clone()),
        _ => None,
    }
}

fn milliseconds(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1000.0;
    if millis < 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}

/// Returns the beginning of some bytes as one line.
fn content(bytes: &Bytes) -> String {
    let text = String::from_utf8_lossy(bytes);
    let cut: String = text.chars().take(VALUE_MAX).collect();
    let ellipsis = if cut.len() < text.len() { "…" } else { "" };
    visible(&cut) + ellipsis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(outcome: &Outcome) -> Attempt<'_> {
        Attempt {
            at: Timestamp::from_unix_secs(1_780_400_200),
            event_type: Some("offer.accepted"),
            name: "e-1",
            number: 1,
            outcome,
            duration: Duration::from_micros(2400),
            memory: 3 << 20,
            log: &[],
            writes: &[],
            messages: &[],
            response: None,
            field: None,
            is_final: true,
        }
    }

    #[test]
    fn done_attempt_takes_one_line() {
        assert_eq!(
            attempt(&Outcome::Done).lines(),
            ["11:36:40  ✓ offer.accepted  e-1  done  2.4 ms  3.0 MiB"]
        );
    }

    #[test]
    fn response_is_a_line() {
        let response = Response {
            status: 201,
            headers: Vec::new(),
            body: "made".into(),
        };
        let attempt = Attempt {
            response: Some(&response),
            ..attempt(&Outcome::Done)
        };
        assert_eq!(attempt.lines()[1], "          reply 201  made");
    }

    #[test]
    fn decoding_error_names_the_field() {
        let outcome = Outcome::Undecodable {
            path: "$.quantity".into(),
            message: "found a string, wanted u32".into(),
        };
        let lines = attempt(&outcome).lines();

        assert!(
            lines[0].contains("✗ offer.accepted  e-1  undecodable"),
            "{lines:?}"
        );
        assert_eq!(lines[1].trim(), "$.quantity: found a string, wanted u32");
        assert_eq!(lines[2].trim(), "nothing kept, nothing sent");
    }
}
