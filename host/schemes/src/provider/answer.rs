//! An answer to a sender, given as data: the status, the headers and the body.
//!
//! A provider or a source sets the answer to stored events, and a handshake fills one in. The
//! constructor refuses what HTTP cannot carry and what the host decides, so that no text can break
//! out of a header and no answer says anything about the connection.

use crate::SetupError;
use crate::scheme::header_name;

/// The maximum size of the body of an answer, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// The maximum number of headers of an answer.
const HEADERS_MAX: usize = 16;
/// The maximum size of the value of a header, in bytes.
const HEADER_BYTES_MAX: usize = 2 << 10;

/// Headers that describe the connection or the body, or that the host always sets.
const RESERVED_HEADERS: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

/// The type of a text whose type is not given.
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// An answer to a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerParts {
    status: u16,
    /// Names in lower case, with their values.
    headers: Vec<(String, String)>,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl AnswerParts {
    /// Returns an answer without headers and without a body.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if `status` does not say that the request was accepted.
    pub fn new(status: u16) -> Result<Self, SetupError> {
        if !(200..300).contains(&status) {
            return Err(SetupError::Answer {
                why: format!(
                    "the status {status} tells the sender that the request failed; use 200 to 299"
                ),
            });
        }
        Ok(Self {
            status,
            headers: Vec::new(),
            content_type: None,
            body: Vec::new(),
        })
    }

    /// Adds a header.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if HTTP cannot carry the header, or if the host sets it.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, SetupError> {
        let name = answer_header(name)?;
        if !is_header_value(value) {
            return Err(SetupError::Answer {
                why: format!(
                    "the value of the header `{name}` is not 1 to {HEADER_BYTES_MAX} printable \
                     ASCII characters without surrounding spaces"
                ),
            });
        }
        if self.headers.len() == HEADERS_MAX {
            return Err(SetupError::Answer {
                why: format!("it has more than {HEADERS_MAX} headers"),
            });
        }
        self.headers.push((name, value.to_owned()));
        Ok(self)
    }

    /// Sets the body. Without `content_type`, the body is plain text.
    ///
    /// # Errors
    ///
    /// Returns [`SetupError`] if the status has no body (RFC 9110, 15.3.5 and 15.3.6), or if the
    /// body is too large or its type is not a header value.
    pub fn with_body(
        mut self,
        content_type: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> Result<Self, SetupError> {
        let refuse = |why: String| Err(SetupError::Answer { why });
        let (body, content_type) = (body.into(), content_type.unwrap_or(PLAIN_TEXT));

        if matches!(self.status, 204 | 205) {
            return refuse(format!(
                "an answer with the status {} has no body",
                self.status
            ));
        }
        if body.len() > BODY_BYTES_MAX {
            return refuse(format!("the body is larger than {BODY_BYTES_MAX} bytes"));
        }
        if !is_header_value(content_type) {
            return refuse("`type` is not a media type, such as \"text/xml\"".to_owned());
        }
        self.content_type = Some(content_type.to_owned());
        self.body = body;
        Ok(self)
    }

    /// Returns the status, from 200 to 299.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the names, in lower case, and the values of the headers.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the type of the body, if the answer has a body.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Returns the name of a header in lower case, if an answer may set the header.
pub(crate) fn answer_header(given: &str) -> Result<String, SetupError> {
    let name = header_name(given)?;
    if RESERVED_HEADERS.contains(&name.as_str()) {
        return Err(SetupError::Answer {
            why: format!("the host sets the header `{name}`; remove it"),
        });
    }
    Ok(name)
}

/// Returns whether a text can be the value of a header: printable ASCII, without line breaks.
fn is_header_value(value: &str) -> bool {
    let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_trimmed = !value.starts_with(' ') && !value.ends_with(' ');
    is_printable && is_trimmed && (1..=HEADER_BYTES_MAX).contains(&value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok() -> AnswerParts {
        AnswerParts::new(200).expect("a status")
    }

    #[test]
    fn status_must_accept_the_request() {
        for status in [200, 202, 204, 299] {
            assert_eq!(AnswerParts::new(status).map(|it| it.status()), Ok(status));
        }
        for status in [0, 100, 199, 300, 404, 500] {
            assert!(AnswerParts::new(status).is_err(), "{status}");
        }
    }

    #[test]
    fn header_cannot_break_out() {
        let long = "x".repeat(HEADER_BYTES_MAX + 1);
        for value in [
            "a\r\nset-cookie: b",
            "a\nb",
            "a\0b",
            "é",
            " a",
            "a ",
            "",
            &long,
        ] {
            assert!(ok().with_header("x-echo", value).is_err(), "{value:?}");
        }
        for name in RESERVED_HEADERS
            .iter()
            .chain(&["Content-Length", "a b", "", "a:"])
        {
            assert!(ok().with_header(name, "a").is_err(), "{name}");
        }
        let answer = ok()
            .with_header("X-Hook-Secret", "b53 7")
            .expect("a header");
        assert_eq!(answer.headers(), [("x-hook-secret".into(), "b53 7".into())]);
    }

    #[test]
    fn body_needs_a_status_that_has_one() {
        let answer = ok()
            .with_body(Some("text/xml"), "<Response/>")
            .expect("a body");
        assert_eq!(
            (answer.content_type(), answer.body()),
            (Some("text/xml"), &b"<Response/>"[..])
        );
        let plain = ok().with_body(None, "[accepted]").expect("a body");
        assert_eq!(plain.content_type(), Some(PLAIN_TEXT));

        let empty = AnswerParts::new(204).expect("a status");
        assert!(empty.with_body(None, "x").is_err());
        assert!(
            ok().with_body(None, vec![b'x'; BODY_BYTES_MAX + 1])
                .is_err()
        );
        assert!(ok().with_body(Some("text/xml\r\nx: y"), "x").is_err());
    }
}
