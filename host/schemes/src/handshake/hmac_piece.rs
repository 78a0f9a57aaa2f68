//! The HMAC of a value, as a piece of an answer: `{hmac-sha256-hex:json:/payload/plainToken}`.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{token, unanswerable, value};
use crate::Refusal;
use crate::value::{Fields, OwnPiece, Place, PlaceKind};

/// The HMAC-SHA256 of a value with the source's first secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacPiece {
    /// The place of the value, which must be a token.
    pub of: Place,
    /// How the HMAC is written.
    pub encoding: TagEncoding,
}

/// How an HMAC is written in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagEncoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Base64 with padding.
    Base64,
}

impl OwnPiece for HmacPiece {
    const FORMS: &'static [&'static str] =
        &["{hmac-sha256-hex:PLACE}", "{hmac-sha256-base64:PLACE}"];

    fn parse(text: &str) -> Option<Result<Self, String>> {
        let rest = text.strip_prefix("hmac-")?;
        let forms = [
            ("sha256-hex:", TagEncoding::Hex),
            ("sha256-base64:", TagEncoding::Base64),
        ];
        let known = forms
            .into_iter()
            .find_map(|(name, encoding)| Some((rest.strip_prefix(name)?, encoding)));
        Some(match known {
            Some((place, encoding)) => parse_place(place).map(|of| Self { of, encoding }),
            None => Err(format!(
                "`{{{text}}}` is not known; write `{}` or `{}`",
                Self::FORMS[0],
                Self::FORMS[1]
            )),
        })
    }
}

fn parse_place(text: &str) -> Result<Place, String> {
    let (word, name) = text.split_once(':').ok_or_else(|| {
        format!("`{text}` is not a place, such as `query:crc_token` or `json:/challenge`")
    })?;
    let kind = PlaceKind::parse(word, name).map_err(|error| error.to_string())?;
    Ok(Place::whole(kind))
}

impl HmacPiece {
    /// Returns the HMAC of the value in a request.
    pub(super) fn fill(&self, fields: &Fields<'_>, key: &hmac::Key) -> Result<String, Refusal> {
        let value = value(fields, &self.of)?;
        if !token::is_token(&[value.as_bytes()]) {
            let why = format!(
                "is not {}, and the host signs no other text",
                token::DESCRIPTION
            );
            return Err(unanswerable(&self.of.kind, &why));
        }

        let tag = hmac::sign(key, value.as_bytes());
        Ok(match self.encoding {
            TagEncoding::Hex => tag
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            TagEncoding::Base64 => BASE64_STANDARD.encode(tag),
        })
    }
}
