//! The three parts of a token in compact form (RFC 7515, 7.1), and its header.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard_model::excerpt;
use serde_json::value::RawValue;

use crate::json::{object, string};

/// The maximum length of a token, in bytes. Tokens of identity providers have one or two thousand.
const BYTES_MAX: usize = 16 << 10;

/// The parts of a token, not verified.
pub(super) struct Token<'a> {
    header: &'a str,
    payload: &'a str,
    /// The header and the payload with the dot between them.
    pub(super) signed: &'a str,
    /// The signature, in base64url.
    pub(super) signature: &'a str,
}

/// The parameters of a header that count.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: String,
    pub(super) key_id: Option<String>,
    /// An extension that the reader must know (RFC 7515, 4.1.11).
    pub(super) extension: Option<String>,
}

impl<'a> Token<'a> {
    /// Splits a token; `None` if it has not exactly three parts.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let is_token = text.len() <= BYTES_MAX && !payload.contains('.');
        is_token.then_some(Self {
            header,
            payload,
            signed,
            signature,
        })
    }

    /// Reads the header. The error completes "the header `x` …".
    pub(super) fn header(&self) -> Result<Header, &'static str> {
        const WHY: &str = "is not a JSON Web Token: its header is not JSON in base64url";
        let header = decode(self.header).ok_or(WHY)?;
        let parameters = object(&header).map_err(|_| WHY)?;
        let text = |name: &str| match parameters.get(name) {
            Some(value) => string(value)
                .map(Some)
                .ok_or("is a token whose `alg` or `kid` is not a text"),
            None => Ok(None),
        };

        Ok(Header {
            algorithm: text("alg")?.ok_or("is a token without `alg`")?,
            key_id: text("kid")?,
            extension: parameters.get("crit").map(|names| first(names)),
        })
    }

    /// Returns the payload: a JSON text. The error completes "the header `x` …".
    pub(super) fn payload(&self) -> Result<Vec<u8>, &'static str> {
        decode(self.payload).ok_or("is not a JSON Web Token: its payload is not base64url")
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}

/// Returns the first name of a list of extensions.
fn first(names: &RawValue) -> String {
    let names: Vec<String> = serde_json::from_str(names.get()).unwrap_or_default();
    names
        .first()
        .map_or("crit".to_owned(), |name| excerpt(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_has_three_parts() {
        assert!(Token::parse("a.b.c").is_some());
        for bad in [
            "",
            "a",
            "a.b",
            "a.b.c.d",
            &format!("a.b.{}", "c".repeat(BYTES_MAX)),
        ] {
            assert!(Token::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn header_is_read_strictly() {
        let header = |json: &str| {
            let header = BASE64_URL_SAFE_NO_PAD.encode(json);
            let text = format!("{header}.b.c");
            Token::parse(&text).expect("three parts").header()
        };

        assert!(header(r#"{"alg":"ES256"}"#).is_ok());
        assert!(header(r#"{"alg":"ES256","alg":"none"}"#).is_err());
        assert!(header(r#"{"kid":"a"}"#).is_err());
        assert!(header(r#"{"alg":"ES256","kid":7}"#).is_err());
        let critical = header(r#"{"alg":"ES256","crit":["b64"]}"#).expect("a header");
        assert_eq!(critical.extension.as_deref(), Some("b64"));
        let odd = header(r#"{"alg":"ES256","crit":7}"#).expect("a header");
        assert_eq!(odd.extension.as_deref(), Some("crit"));
    }
}
