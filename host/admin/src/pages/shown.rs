//! The small parts of all pages: texts that others wrote, times, sizes and states.
//!
//! These types are the only ones that write HTML themselves; everything else is in the templates,
//! which escape every value. A text of a sender, a plugin or a receiver is always a [`Written`].

use std::fmt::{self, Display, Formatter, Write};

use askama::filters::{Escaper, Html, HtmlSafe};
use hookyard_model::{WorkState, visible};

/// The maximum number of characters of a text in a list.
const CHARS_MAX: usize = 160;

/// A text that somebody else wrote: a sender, a plugin, a receiver or the author of a file.
///
/// The text is cut, its control and bidirectional characters are written as escapes, and it stands
/// in a `<bdi>`, so that it changes nothing around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Written(String);

impl Written {
    /// Shows the beginning of a text in one line.
    pub(crate) fn short(text: &str) -> Self {
        Self::cut(text, CHARS_MAX)
    }

    /// Shows at most `chars_max` characters of a text, and says that the rest is missing.
    pub(crate) fn cut(text: &str, chars_max: usize) -> Self {
        match text.char_indices().nth(chars_max) {
            None => Self(visible(text)),
            Some((end, _)) => Self(format!("{}…", visible(&text[..end]))),
        }
    }

    /// Shows several lines of a text. Only the line ends stay as they are.
    pub(crate) fn lines(text: &str) -> Self {
        let lines: Vec<_> = text.lines().map(visible).collect();
        Self(lines.join("\n"))
    }

    /// Returns whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Written {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        Html.write_escaped_str(&mut *f, &self.0)?;
        f.write_str("</bdi>")
    }
}

impl HtmlSafe for Written {}

/// A time of the host, such as `2026-06-02T11:36:40.250Z`. Times are in UTC; the script of the
/// pages can show them in the viewer's zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Time {
    at: String,
    has_date: bool,
}

impl Time {
    /// Shows the date and the time.
    pub(crate) fn full(at: &str) -> Self {
        Self {
            at: at.to_owned(),
            has_date: true,
        }
    }

    /// Shows the time, and the date unless it is the date of `now`.
    pub(crate) fn short(at: &str, now: &str) -> Self {
        Self {
            at: at.to_owned(),
            has_date: at.get(..10) != now.get(..10),
        }
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = visible(&self.at);
        let (date, time) = at.split_once('T').unwrap_or(("", &at));
        let time = time.trim_end_matches('Z');
        let format = if self.has_date { "full" } else { "time" };

        write!(f, "<time datetime=\"")?;
        Html.write_escaped_str(&mut *f, &at)?;
        write!(f, "\" title=\"")?;
        Html.write_escaped_str(&mut *f, &format!("{date} {time} UTC"))?;
        write!(f, "\" data-format=\"{format}\">")?;
        if self.has_date {
            Html.write_escaped_str(&mut *f, date)?;
            f.write_char(' ')?;
        }
        Html.write_escaped_str(&mut *f, time)?;
        f.write_str("</time>")
    }
}

impl HtmlSafe for Time {}

/// The state of a job, a message or an event: a shape, a word and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State(&'static str);

/// The states that have a shape of their own.
const STATES: [&str; 8] = [
    "pending",
    "leased",
    "waiting",
    "done",
    "dead",
    "held",
    "unrouted",
    "discarded",
];

impl State {
    /// Returns the state with this name, or a neutral one for a name that is not a state.
    pub(crate) fn named(name: &str) -> Self {
        let known = STATES.iter().find(|state| **state == name);
        Self(known.copied().unwrap_or("none"))
    }

    /// Returns the name of the state, which is also the name of its shape and colour.
    pub(crate) const fn name(&self) -> &'static str {
        self.0
    }

    /// Returns the shape alone, for a place that says the word itself.
    pub(crate) const fn shape(self) -> Shape {
        Shape(self.0)
    }
}

impl Display for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "<span class=\"state s-{name}\">{}{name}</span>",
            Shape(name)
        )
    }
}

impl HtmlSafe for State {}

/// The shape of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape(&'static str);

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "<svg width=\"16\" height=\"16\" aria-hidden=\"true\"><use href=\"#i-{name}\"/></svg>"
        )
    }
}

impl HtmlSafe for Shape {}

/// Returns what a job or message in this state waits for; empty if it waits for nothing.
pub(crate) fn status_note(state: WorkState, behind: Option<String>) -> String {
    if let Some(behind) = behind {
        return format!("waits for {behind}");
    }
    match state {
        WorkState::Waiting { until } => format!("until {until}"),
        WorkState::Held => "until its plugin can take it".to_owned(),
        _ => String::new(),
    }
}

/// Returns a number of bytes in words, such as `861 B` or `4.0 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }

    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Returns a number with separators between its thousands, such as `12,040`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count with its noun, such as `1 event` or `2 events`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

/// Returns milliseconds in words, such as `0.4 ms`, `12 ms`, `3.2 s` or `4 min`.
pub(crate) fn milliseconds(value: f64) -> String {
    match value {
        0.0 => "0 ms".to_owned(),
        ..10.0 => format!("{value:.1} ms"),
        ..1_000.0 => format!("{value:.0} ms"),
        ..60_000.0 => format!("{:.1} s", value / 1_000.0),
        ..3_600_000.0 => format!("{:.0} min", value / 60_000.0),
        ..172_800_000.0 => format!("{:.0} h", value / 3_600_000.0),
        _ => format!("{:.0} days", value / 86_400_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_text() {
        let hostile = "</script><img src=x onerror=alert(1)>\u{202e}\u{1b}[2J\0\"'";
        assert_eq!(
            Written::short(hostile).to_string(),
            "<bdi>&#60;/script&#62;&#60;img src=x onerror=alert(1)&#62;\\u{202e}\\u{1b}[2J\\u{0}\
             &#34;&#39;</bdi>"
        );
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "é".repeat(200);
        let shown = Written::short(&long).to_string();
        assert_eq!(shown, format!("<bdi>{}…</bdi>", "é".repeat(160)));
    }

    #[test]
    fn line_ends_of_several_lines_stay() {
        let shown = Written::lines("a\u{1b}\nb").to_string();
        assert_eq!(shown, "<bdi>a\\u{1b}\nb</bdi>");
    }

    #[test]
    fn time_has_a_date_unless_it_is_today() {
        let at = "2026-06-02T11:36:40.250Z";
        let today = Time::short(at, "2026-06-02T23:00:00.000Z").to_string();
        assert!(today.ends_with(">11:36:40.250</time>"), "{today}");
        let earlier = Time::short(at, "2026-06-03T00:00:00.000Z").to_string();
        assert!(
            earlier.ends_with(">2026-06-02 11:36:40.250</time>"),
            "{earlier}"
        );
        assert!(earlier.contains("datetime=\"2026-06-02T11:36:40.250Z\""));
    }

    #[test]
    fn text_in_the_place_of_a_time_is_escaped() {
        let shown = Time::full("\"><script>").to_string();
        assert!(
            !shown.contains("<script>") && !shown.contains("\"\">"),
            "{shown}"
        );
    }

    #[test]
    fn unknown_state_has_a_neutral_shape() {
        assert_eq!(State::named("x\" onload=\"").name(), "none");
        let shown = State::named("dead").to_string();
        assert!(
            shown.contains("s-dead") && shown.contains("#i-dead") && shown.ends_with("dead</span>")
        );
    }

    #[test]
    fn figures_in_words() {
        assert_eq!(
            (bytes(861), bytes(4 << 20), count(1_234_567), count(999)),
            (
                "861 B".into(),
                "4.0 MiB".into(),
                "1,234,567".into(),
                "999".into()
            )
        );
        assert_eq!(
            (
                milliseconds(0.42),
                milliseconds(12.3),
                milliseconds(3_210.0),
                milliseconds(240_000.0)
            ),
            (
                "0.4 ms".into(),
                "12 ms".into(),
                "3.2 s".into(),
                "4 min".into()
            )
        );
        assert_eq!(
            (counted(1, "job"), counted(1200, "job")),
            ("1 job".into(), "1,200 jobs".into())
        );
    }
}
