//! Mistakes with bodies: a proxy or a framework that decodes and writes the body again, changes its
//! line ends, or adds one.

use super::json_text::{self, Style};
use super::{Mistake, Question};
use crate::{JsonPointer, Request};

const MARK: &[u8] = b"\xef\xbb\xbf";

/// The maximum size of a body that is written in other ways, in bytes.
const BYTES_MAX: usize = 4 << 20;

/// The names with which senders tell events of their test mode from others.
const MODES: [&str; 8] = [
    "/livemode",
    "/live_mode",
    "/live",
    "/test",
    "/test_mode",
    "/is_test",
    "/mode",
    "/environment",
];

/// A body, and the words for it, which complete "the signature fits the body …".
type Form = (String, Vec<u8>);

/// Recognizes a body that was changed on its way.
pub(super) fn changed(question: &Question<'_>) -> Option<Mistake> {
    let body = question.request.body;
    if body.len() > BYTES_MAX {
        return None;
    }
    let (how, _) = forms(body).into_iter().find(|(_, body)| {
        let request = Request {
            body,
            ..question.request
        };
        question.fits(question.scheme, &request)
    })?;
    Some(Mistake {
        name: "body-changed",
        text: format!(
            "the body was changed on its way: the signature fits the body {how}; let the proxy or \
             framework in front of this host pass the body on as it is"
        ),
    })
}

/// Names the mode of the event if the event has one: the secrets of a test mode and of a live mode
/// differ. This is a hint and no proof.
pub(super) fn other_mode(body: &[u8]) -> Option<Mistake> {
    MODES.iter().find_map(|name| {
        let pointer = JsonPointer::parse(name).ok()?;
        let value = pointer.find(body).ok().flatten()?.get();
        // An operator reads the value in a terminal.
        let is_plain = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let is_short = value.len() <= 20 && is_plain && !value.starts_with(['{', '[']);
        is_short.then(|| Mistake {
            name: "other-mode",
            text: format!(
                "the event has `{name}`: {value}; check that the secret is the one of this mode, \
                 because the secrets of test and live mode differ"
            ),
        })
    })
}

/// Returns the body in the forms in which the sender may have signed it.
fn forms(body: &[u8]) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut add = |how: &str, form: Vec<u8>| {
        if form != body {
            forms.push((how.to_owned(), form));
        }
    };

    let without_end = body.strip_suffix(b"\n").unwrap_or(body);
    let without_end = without_end.strip_suffix(b"\r").unwrap_or(without_end);
    add("without the line end at its end", without_end.to_vec());
    add("with a line feed at its end", [body, b"\n"].concat());
    add(
        "with a line end (CR LF) at its end",
        [body, b"\r\n"].concat(),
    );
    add("without white space around it", body.trim_ascii().to_vec());
    add(
        "without the byte order mark",
        body.strip_prefix(MARK).unwrap_or(body).to_vec(),
    );
    add("with a byte order mark", [MARK, body].concat());
    if let Ok(text) = std::str::from_utf8(body) {
        let unix = text.replace("\r\n", "\n");
        add(
            "with CR LF as line ends",
            unix.replace('\n', "\r\n").into_bytes(),
        );
        add("with LF as line ends", unix.into_bytes());
        if json_text::is_json(text) {
            json_forms(text, &mut add);
        }
    }
    forms
}

/// Adds the JSON in other styles, with other escapes, with and without a line feed at the end.
fn json_forms(text: &str, add: &mut impl FnMut(&str, Vec<u8>)) {
    for style in Style::ALL {
        let styled = json_text::styled(text, style);
        for (escapes, escaped) in [
            ("", styled.clone()),
            (
                ", with `\\/` for slashes",
                json_text::with_escaped_slashes(&styled),
            ),
            (", with plain slashes", styled.replace("\\/", "/")),
            (", with `\\u` escapes", json_text::with_escapes(&styled)),
            (
                ", without `\\u` escapes",
                json_text::without_escapes(&styled),
            ),
        ] {
            let how = format!("as {}{escapes}", style.words());
            add(
                &format!("{how}, with a line feed at its end"),
                format!("{escaped}\n").into_bytes(),
            );
            add(&how, escaped.into_bytes());
        }
    }
}
