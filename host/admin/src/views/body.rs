//! Bodies and headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookyard_model::Header;
use serde::Serialize;
use utoipa::ToSchema;

/// The number of bytes of a body in JSON. The whole body is at `…/body`.
pub const BODY_MAX: usize = 256 << 10;

/// A body: text if it is UTF-8, and base64 otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Body {
    /// The body as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body in base64, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Whether the body is longer than shown; the whole body is at `…/body`.
    pub is_cut: bool,
}

impl Body {
    /// Returns at most the first [`BODY_MAX`] bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let is_cut = bytes.len() > BODY_MAX;
        let shown = &bytes[..bytes.len().min(BODY_MAX)];
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text),
            // A cut within a character leaves at most three bytes of the character.
            Err(error) if is_cut && error.error_len().is_none() => {
                std::str::from_utf8(&shown[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        Self {
            body: text.map(str::to_owned),
            body_base64: text.is_none().then(|| STANDARD.encode(shown)),
            is_cut,
        }
    }
}

/// Returns the names and values of headers as text.
pub fn headers(headers: &[Header]) -> Vec<(String, String)> {
    let text = |header: &Header| {
        let value = String::from_utf8_lossy(&header.value).into_owned();
        (header.name.clone(), value)
    };
    headers.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_text_or_base64() {
        let text = Body::of(b"{}");
        assert_eq!((text.body.as_deref(), text.is_cut), (Some("{}"), false));
        let bytes = Body::of(&[0xff]);
        assert_eq!(
            (bytes.body, bytes.body_base64.as_deref()),
            (None, Some("/w=="))
        );
    }

    #[test]
    fn long_body_is_cut_between_characters() {
        let long = format!("a{}", "é".repeat(BODY_MAX));
        let body = Body::of(long.as_bytes());
        assert!(body.is_cut);
        assert_eq!(body.body.map(|text| text.len()), Some(BODY_MAX - 1));
    }
}
