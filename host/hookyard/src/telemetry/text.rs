//! The text format of log lines: the time, the level, the room, the subject, the message and the
//! details.
//!
//! The host writes at least one line for each request. The fields of a line therefore share one
//! buffer, which each thread uses again for its next line.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::ops::Range;

use hookyard_model::{Clock, Timestamp, is_hidden, visible};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::SystemClock;

/// The buffer of a thread is not kept if a line needed more than this, in bytes.
const KEPT_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static FIELDS: RefCell<Fields> = RefCell::default();
    static TIME: RefCell<TimeText> = RefCell::default();
}

/// The text format.
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = FIELDS.take();
        fields.clear();
        event.record(&mut fields);

        let written = write_line(out, event, &fields);
        if fields.text.capacity() <= KEPT_BYTES_MAX {
            FIELDS.set(fields);
        }
        written
    }
}

fn write_line(mut out: Writer<'_>, event: &Event<'_>, fields: &Fields) -> fmt::Result {
    let metadata = event.metadata();
    let paint = Paint(out.has_ansi_escapes());
    let (level, colour) = level(metadata.level());

    paint.write(&mut out, DIM, write_now)?;
    out.write_char(' ')?;
    paint.write(&mut out, colour, |out| out.write_str(level))?;
    out.write_char(' ')?;
    let room = room(metadata.target());
    paint.write(&mut out, DIM, |out| write!(out, "{room:<8}"))?;

    let subject = fields.subject();
    if !subject.is_empty() {
        out.write_char(' ')?;
        paint.write(&mut out, SUBJECT, |out| fields.write_subject(&subject, out))?;
    }
    let message = fields.message();
    if metadata.target() == GUEST {
        out.write_str(" | ")?;
        write_visible(&mut out, message)?;
        return writeln!(out);
    }

    let is_fault = *metadata.level() <= Level::WARN;
    let style = if is_fault { BOLD } else { PLAIN };
    out.write_char(' ')?;
    paint.write(&mut out, style, |out| write_visible(out, message))?;
    for (name, value) in fields.details(&subject) {
        if is_fault || is_shown(name, value) {
            out.write_char(' ')?;
            paint.write(&mut out, DIM, |out| write!(out, "{name}="))?;
            write_quoted(&mut out, value)?;
        }
    }
    writeln!(out)
}

/// The text of the latest time. Within a second, only its milliseconds change.
#[derive(Default)]
struct TimeText {
    second: i64,
    text: String,
}

/// The length of a time up to its milliseconds, such as `2026-06-02T11:36:40.`.
const SECOND_LENGTH: usize = 20;

impl TimeText {
    fn update(&mut self, now: Timestamp) {
        let (second, millis) = (
            now.unix_millis().div_euclid(1000),
            now.unix_millis().rem_euclid(1000),
        );
        let has_millis = self.text.len() == SECOND_LENGTH + "000Z".len();
        self.text.truncate(if has_millis && self.second == second {
            SECOND_LENGTH
        } else {
            0
        });

        // Writing to a string does not fail.
        let _ = if self.text.is_empty() {
            write!(self.text, "{now}")
        } else {
            write!(self.text, "{millis:03}Z")
        };
        self.second = second;
    }
}

fn write_now(out: &mut Writer<'_>) -> fmt::Result {
    TIME.with_borrow_mut(|time| {
        time.update(SystemClock.now());
        out.write_str(&time.text)
    })
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
    fn write(
        &self,
        out: &mut Writer<'_>,
        style: &str,
        text: impl FnOnce(&mut Writer<'_>) -> fmt::Result,
    ) -> fmt::Result {
        if !self.0 {
            return text(out);
        }
        write!(out, "\x1b[{style}m")?;
        text(out)?;
        out.write_str("\x1b[0m")
    }
}

/// The fields of a log event. The texts of all fields are in one buffer.
#[derive(Debug, Default)]
struct Fields {
    text: String,
    message: Range<usize>,
    details: Vec<(&'static str, Range<usize>)>,
}

/// The places of the details that name the subject of a line: a tenant, and a name.
type Subject = [Option<usize>; 2];

impl Fields {
    fn clear(&mut self) {
        self.text.clear();
        self.message = 0..0;
        self.details.clear();
    }

    fn add(&mut self, field: &Field, start: usize) {
        let range = start..self.text.len();
        if field.name() == "message" {
            self.message = range;
        } else if !range.is_empty() {
            self.details.push((field.name(), range));
        }
    }

    fn message(&self) -> &str {
        &self.text[self.message.clone()]
    }

    fn detail(&self, place: usize) -> &str {
        &self.text[self.details[place].1.clone()]
    }

    /// Returns the details that are not part of the subject, in their order.
    fn details(&self, subject: &Subject) -> impl Iterator<Item = (&'static str, &str)> {
        let details = self.details.iter().enumerate();
        details
            .filter(|(place, _)| !subject.contains(&Some(*place)))
            .map(|(_, (name, range))| (*name, &self.text[range.clone()]))
    }

    /// Returns the subject of the line: the tenant, and the destination, or else the plugin, or
    /// else the source.
    fn subject(&self) -> Subject {
        let place_of = |name: &str| self.details.iter().position(|(given, _)| *given == name);
        let name = ["destination", "plugin", "source"]
            .into_iter()
            .find_map(place_of);
        [place_of("tenant"), name]
    }

    /// Writes the subject as `tenant/name`.
    fn write_subject(&self, subject: &Subject, out: &mut Writer<'_>) -> fmt::Result {
        let mut names = subject.iter().flatten().map(|place| self.detail(*place));
        if let Some(first) = names.next() {
            write_visible(out, first)?;
        }
        for name in names {
            out.write_char('/')?;
            write_visible(out, name)?;
        }
        Ok(())
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.add(field, start);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let start = self.text.len();
        // Writing to a string does not fail. A value that reports an error is cut.
        let _ = write!(self.text, "{value:?}");
        self.add(field, start);
    }
}

/// Writes the text as [`visible`] does.
fn write_visible(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        out.write_str(text)
    } else {
        out.write_str(&visible(text))
    }
}

/// Writes the text as [`visible`] does, in quotes if a space or a sign in it could be misread.
fn write_quoted(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    // Most texts are plain ASCII, which is faster to recognize.
    let is_plain_byte = |byte| matches!(byte, b'!'..=b'~' if byte != b'"' && byte != b'=');
    let is_plain = |c: char| !c.is_whitespace() && !is_hidden(c) && c != '"' && c != '=';
    if text.bytes().all(is_plain_byte) || text.chars().all(is_plain) {
        out.write_str(text)
    } else {
        write!(out, "\"{}\"", visible(text).replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;

    use super::*;

    #[test]
    fn ambiguous_detail_is_quoted() {
        let check = |text: &str, expected: &str| {
            let mut written = String::new();
            write_quoted(&mut Writer::new(&mut written), text).expect("written");
            assert_eq!(written, expected);
        };
        check("acme/orders", "acme/orders");
        check("two words", "\"two words\"");
        check("a\nb", "\"a\\nb\"");
        check("a=b", "\"a=b\"");
        check("say \"hi\"", "\"say \\\"hi\\\"\"");
        check("\u{1b}[31mred", "\"\\u{1b}[31mred\"");
    }

    #[test]
    fn time_text_is_that_of_the_timestamp() {
        let mut time = TimeText::default();
        for millis in [
            1_780_400_200_250,
            1_780_400_200_251,
            1_780_400_200_999,
            1_780_400_201_000,
            0,
            -1,
            i64::MAX,
            5,
            1_780_400_201_007,
        ] {
            let now = Timestamp::from_unix_millis(millis);
            time.update(now);
            assert_eq!(time.text, now.to_string());
        }
    }

    #[test]
    fn room_of_a_log_target() {
        let check = |target: &str, expected: &str| assert_eq!(room(target), expected);
        check("hookyard::ingress", "ingress");
        check("hookyard_plugin::engine::cache", "plugin");
        check("hookyard_store_sqlite", "store_sqlite");
        check("notify::inotify", "notify");
    }

    /// The bytes that were written.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines that `log` writes, without their times.
    fn lines(is_coloured: bool, log: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(is_coloured)
            .event_format(Text)
            .finish();
        with_default(subscriber, log);

        let bytes = written.0.lock().expect("no panic").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines()
            .map(|line| {
                let (time, rest) = line.split_once(' ').expect("a time");
                assert!(time.contains("T") && time.contains("Z"), "{line}");
                rest.to_owned()
            })
            .collect()
    }

    #[test]
    fn lines_show_subject_message_and_details() {
        let lines = lines(false, || {
            tracing::info!(
                target: "hookyard::ingress",
                tenant = "acme", source = "orders", provider = "topi", bytes = 1408, repeat = false,
                key = "msg_1", "type" = "", note = "two words", "accepted"
            );
            tracing::info!(target: "hookyard::ingress", tenant = "acme", source = "orders", repeat = true, "accepted");
            tracing::warn!(
                target: "hookyard::ingress",
                tenant = "acme", source = "orders", status = 401, detail = "a\nb", "refused"
            );
            tracing::error!(
                target: "hookyard_delivery::gate",
                plugin = "acme/books", source = "orders", "line\nbreak"
            );
            tracing::info!(
                target: "hookyard::delivery",
                tenant = "acme", plugin = "books", destination = "partner", "sent"
            );
            tracing::info!(target: "hookyard::guest", tenant = "acme", plugin = "books", stream = "stdout", "hello\u{7}");
            tracing::info!(target: "hookyard::serve", address = "127.0.0.1:1", "listening");
        });

        assert_eq!(
            lines,
            [
                " INFO ingress  acme/orders accepted key=msg_1 note=\"two words\"",
                " INFO ingress  acme/orders accepted repeat=true",
                " WARN ingress  acme/orders refused status=401 detail=\"a\\nb\"",
                "ERROR delivery acme/books line\\nbreak source=orders",
                " INFO delivery acme/partner sent plugin=books",
                " INFO guest    acme/books | hello\\u{7}",
                " INFO serve     listening address=127.0.0.1:1",
            ]
        );
    }

    #[test]
    fn coloured_line_ends_every_colour() {
        let lines = lines(true, || {
            tracing::warn!(target: "hookyard::ingress", tenant = "acme", status = 401, "refused");
        });
        assert_eq!(
            lines,
            [
                "\u{1b}[33m WARN\u{1b}[0m \u{1b}[2mingress \u{1b}[0m \u{1b}[36macme\u{1b}[0m \
                 \u{1b}[1mrefused\u{1b}[0m \u{1b}[2mstatus=\u{1b}[0m401"
            ]
        );
    }
}
