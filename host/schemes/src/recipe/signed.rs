//! The pieces of the text that is signed.

use crate::value::{OwnPiece, Template};
use crate::{JsonPointer, SetupError};

/// The maximum number of fields in one `{json-fields:…}`.
const FIELDS_MAX: usize = 64;

/// A piece of the text that is signed, besides the places that every template can contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedPiece {
    /// `{body}`: the body, byte for byte.
    Body,
    /// `{timestamp}`: the time of signing, as it is written in the request.
    Timestamp,
    /// `{id}`: the id of the message.
    Id,
    /// `{url}`: the public URL of the source, with the query of the request.
    Url,
    /// `{url-port}`: the URL with the default port written, or without the port that it has.
    UrlPort,
    /// `{method}`: the method of the request.
    Method,
    /// `{form-sorted}`: the fields of a form, sorted by name, each name followed by its value.
    FormSorted,
    /// `{body-sha256}`: the SHA-256 of the body in hexadecimal.
    BodySha256,
    /// `{body-crc32}`: the CRC-32 of the body as a decimal number. Anybody can make another body
    /// with the same number, so that it does not cover the body.
    BodyCrc32,
    /// `{json-fields:/ROOT:a,b/c}`: the fields below a location, joined by `:`.
    JsonFields(JsonFields),
    /// `{json-stringify}`: what ECMAScript's `JSON.stringify(JSON.parse(body))` returns.
    JsonStringify,
    /// `{setting:NAME}`: a value that the operator writes in the source.
    Setting(String),
}

/// Fields of the body whose values are joined by `:`. An absent field counts as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFields(pub Vec<JsonPointer>);

impl JsonFields {
    /// Parses `/ROOT:a,b/c`.
    fn parse(text: &str) -> Result<Self, String> {
        let form = || "write `{json-fields:/ROOT:a,b/c}`, with the fields below ROOT".to_owned();
        let (root, fields) = text.rsplit_once(':').ok_or_else(form)?;
        let pointers: Vec<_> = fields
            .split(',')
            .map(|field| JsonPointer::parse(&format!("{root}/{}", field.trim())))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;

        if pointers.len() > FIELDS_MAX || fields.split(',').any(|field| field.trim().is_empty()) {
            return Err(format!("{}; at most {FIELDS_MAX}", form()));
        }
        Ok(Self(pointers))
    }
}

impl OwnPiece for SignedPiece {
    const FORMS: &'static [&'static str] = &[
        "{body}",
        "{timestamp}",
        "{id}",
        "{url}",
        "{url-port}",
        "{method}",
        "{form-sorted}",
        "{body-sha256}",
        "{body-crc32}",
        "{json-fields:/ROOT:a,b/c}",
        "{json-stringify}",
        "{setting:NAME}",
    ];

    fn parse(text: &str) -> Option<Result<Self, String>> {
        let piece = match text.split_once(':') {
            Some(("json-fields", rest)) => {
                return Some(JsonFields::parse(rest).map(Self::JsonFields));
            }
            Some(("setting", "")) => return Some(Err("`{setting:NAME}` needs a name".to_owned())),
            Some(("setting", name)) => Self::Setting(name.to_owned()),
            Some(_) => return None,
            None => match text {
                "body" => Self::Body,
                "timestamp" => Self::Timestamp,
                "id" => Self::Id,
                "url" => Self::Url,
                "url-port" => Self::UrlPort,
                "method" => Self::Method,
                "form-sorted" => Self::FormSorted,
                "body-sha256" => Self::BodySha256,
                "body-crc32" => Self::BodyCrc32,
                "json-stringify" => Self::JsonStringify,
                _ => return None,
            },
        };
        Some(Ok(piece))
    }
}

/// A text that is signed.
pub(super) type SignedText = Template<SignedPiece>;

impl SignedText {
    /// Returns whether the text contains one of these pieces.
    pub(crate) fn has(&self, pieces: &[SignedPiece]) -> bool {
        self.own_pieces().any(|piece| pieces.contains(piece))
    }

    /// Returns the error that refuses this text; `why` names the defect and the way out.
    pub(super) fn refused(&self, why: impl Into<String>) -> SetupError {
        SetupError::Recipe {
            key: "signed",
            why: why.into(),
        }
    }
}
