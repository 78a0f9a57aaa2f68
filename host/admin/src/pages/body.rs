//! A body as a page shows it: indented JSON, the text as it came, or bytes in hexadecimal.
//!
//! JSON is indented by its bytes and never parsed into numbers, so that all digits stay. A page
//! shows a limited part of a body; the download has all of it, byte for byte.

use std::fmt::Write;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde::Deserialize;

use super::shown::{Written, bytes};

/// The maximum size of JSON that is indented.
const PRETTY_MAX: usize = 256 << 10;
/// The maximum depth of JSON that is indented.
const DEPTH_MAX: usize = 200;
/// The maximum number of bytes that are shown of a text.
const RAW_MAX: usize = 64 << 10;
/// The maximum number of bytes that are shown in hexadecimal.
const HEX_MAX: usize = 4 << 10;

/// The form in which a body is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// Indented JSON, or the text if the body is not JSON.
    #[default]
    Pretty,
    /// The text as it came.
    Raw,
    /// The bytes in hexadecimal.
    Hex,
}

impl Form {
    const ALL: [Self; 3] = [Self::Pretty, Self::Raw, Self::Hex];

    /// Returns the form with this name; the indented form for any other name.
    pub(crate) fn named(name: &str) -> Self {
        let form = Self::ALL.into_iter().find(|form| form.name() == name);
        form.unwrap_or_default()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Raw => "raw",
            Self::Hex => "hex",
        }
    }
}

/// The query of a page with a body.
#[derive(Debug, Deserialize)]
pub(crate) struct BodyQuery {
    /// The name of the form in which the body is shown.
    #[serde(default)]
    pub(crate) form: String,
}

/// A body for a page.
pub(crate) struct BodyShown {
    pub(crate) size: String,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) text: Written,
    pub(crate) is_hex: bool,
    /// What is not shown, and why.
    pub(crate) note: Option<String>,
    /// The path of the whole body.
    pub(crate) download: String,
}

/// A link to the body in one form.
pub(crate) struct Tab {
    pub(crate) name: &'static str,
    pub(crate) path: String,
    pub(crate) is_chosen: bool,
}

impl BodyShown {
    /// Shows a body in a form. `page` is the path of the page, `download` the path of the bytes.
    pub(crate) fn of(body: &[u8], form: Form, page: &str, download: String) -> Self {
        let (text, note) = match form {
            Form::Pretty => pretty(body),
            Form::Raw => raw(body, None),
            Form::Hex => hex(body),
        };
        let tabs = Form::ALL.iter().map(|tab| Tab {
            name: tab.name(),
            path: format!("{page}?form={}#body-title", tab.name()),
            is_chosen: *tab == form,
        });

        Self {
            size: bytes(body.len() as u64),
            tabs: tabs.collect(),
            text,
            is_hex: form == Form::Hex,
            note,
            download,
        }
    }
}

/// Serves a body as a file that no browser shows or runs. The name is an id of this host.
pub(crate) fn download(body: Bytes, name: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox".to_owned(),
        ),
    ];
    (headers, Body::from(body)).into_response()
}

/// Shows a short body, such as a response or an answer.
pub(crate) fn text(body: &[u8]) -> Written {
    pretty(body).0
}

fn pretty(body: &[u8]) -> (Written, Option<String>) {
    if body.len() > PRETTY_MAX {
        let why = format!("A body above {} is not indented.", bytes(PRETTY_MAX as u64));
        return raw(body, Some(why));
    }
    match std::str::from_utf8(body).ok().filter(|text| is_json(text)) {
        None => raw(body, None),
        Some(text) => match indented(text) {
            Some(text) => (Written::lines(&text), None),
            None => {
                let why = format!("JSON with more than {DEPTH_MAX} levels is not indented.");
                raw(body, Some(why))
            }
        },
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
        && text.trim_start().starts_with(['{', '['])
}

fn raw(body: &[u8], why: Option<String>) -> (Written, Option<String>) {
    let shown = &body[..body.len().min(RAW_MAX)];
    let mut notes: Vec<_> = why.into_iter().collect();
    if std::str::from_utf8(body).is_err() {
        notes.push("The body is not valid UTF-8: other bytes are shown as �.".to_owned());
    }
    if shown.len() < body.len() {
        let (shown, all) = (bytes(shown.len() as u64), bytes(body.len() as u64));
        notes.push(format!(
            "The first {shown} of {all} are shown; the download has all of it."
        ));
    }

    let note = (!notes.is_empty()).then(|| notes.join(" "));
    (Written::lines(&String::from_utf8_lossy(shown)), note)
}

fn hex(body: &[u8]) -> (Written, Option<String>) {
    let shown = &body[..body.len().min(HEX_MAX)];
    let mut out = String::with_capacity(shown.len() * 5);
    for (index, row) in shown.chunks(16).enumerate() {
        let _ = write!(out, "{:08x}  ", index * 16);
        for position in 0..16 {
            let _ = match row.get(position) {
                Some(byte) => write!(out, "{byte:02x} "),
                None => write!(out, "   "),
            };
            if position == 7 {
                out.push(' ');
            }
        }
        out.push(' ');
        out.extend(row.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        }));
        out.push('\n');
    }

    let note = (shown.len() < body.len()).then(|| {
        let (shown, all) = (bytes(shown.len() as u64), bytes(body.len() as u64));
        format!("The first {shown} of {all} are shown; the download has all of it.")
    });
    (Written::lines(&out), note)
}

/// Indents valid JSON by its characters; `None` if it is too deep.
fn indented(json: &str) -> Option<String> {
    let mut writer = Indenting::default();
    for c in json.chars() {
        writer.add(c)?;
    }
    Some(writer.out)
}

/// Writes JSON with one value in a line.
#[derive(Default)]
struct Indenting {
    out: String,
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    /// Whether an object or array has begun and nothing of it is written yet.
    is_opened: bool,
}

impl Indenting {
    /// Adds a character of the JSON; `None` if the JSON is too deep.
    fn add(&mut self, c: char) -> Option<()> {
        if self.is_in_string {
            self.out.push(c);
            self.is_in_string = c != '"' || self.is_escaped;
            self.is_escaped = c == '\\' && !self.is_escaped;
            return Some(());
        }

        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '}' | ']' => self.close(c),
            _ => {
                if std::mem::take(&mut self.is_opened) {
                    self.new_line();
                }
                self.write(c);
            }
        }
        (self.depth <= DEPTH_MAX).then_some(())
    }

    fn write(&mut self, c: char) {
        self.out.push(c);
        match c {
            '{' | '[' => {
                self.depth += 1;
                self.is_opened = true;
            }
            ',' => self.new_line(),
            ':' => self.out.push(' '),
            _ => self.is_in_string = c == '"',
        }
    }

    fn close(&mut self, c: char) {
        self.depth -= 1;
        if !std::mem::take(&mut self.is_opened) {
            self.new_line();
        }
        self.out.push(c);
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &[u8], form: Form) -> (String, Option<String>) {
        let shown = BodyShown::of(body, form, "/events/1", "/body".into());
        (shown.text.to_string(), shown.note)
    }

    #[test]
    fn json_is_indented_and_keeps_its_digits() {
        let body =
            br#"{"n":1234567890123456789012345678901234567890.0,"e":{},"a":[ ],"s":"a\"{,:"}"#;
        let expected = "{\n  \"n\": 1234567890123456789012345678901234567890.0,\n  \"e\": {},\n  \"a\": [],\n  \"s\": \"a\\\"{,:\"\n}";
        let text = std::str::from_utf8(body).expect("a text");
        assert_eq!(indented(text).as_deref(), Some(expected));
        assert_eq!(shown(body, Form::Pretty).1, None);
    }

    #[test]
    fn deep_json_is_shown_as_it_came() {
        let body = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(indented(&body).is_none());
        let (text, _) = shown(body.as_bytes(), Form::Pretty);
        assert!(text.contains("[[[[") && !text.contains('\n'));
    }

    #[test]
    fn large_body_is_cut_and_says_so() {
        let body = vec![b'a'; 4 << 20];
        let (text, note) = shown(&body, Form::Pretty);
        assert!(text.len() < RAW_MAX + 100);
        let note = note.expect("a note");
        assert!(note.contains("64.0 KiB of 4.0 MiB"), "{note}");
    }

    #[test]
    fn invalid_text_says_so() {
        let (text, note) = shown(b"a\xff\0", Form::Raw);
        assert_eq!(text, "<bdi>a\u{fffd}\\u{0}</bdi>");
        assert!(note.is_some_and(|note| note.contains("not valid UTF-8")));
    }

    #[test]
    fn bytes_in_hexadecimal() {
        let (text, _) = shown(b"0123456789abcdef\n", Form::Hex);
        let rows: Vec<_> = text.lines().collect();
        assert_eq!(
            rows[0],
            "<bdi>00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef"
        );
        assert!(rows[1].starts_with("00000010  0a ") && rows[1].contains(" ."));
    }

    #[test]
    fn form_is_named() {
        assert_eq!(
            (Form::named("hex"), Form::named("?")),
            (Form::Hex, Form::Pretty)
        );
    }
}
