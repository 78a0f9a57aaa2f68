//! Bytes as text.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use crate::base64_text::{self, Decoded};

/// The encoding of bytes as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// No encoding: the bytes are the text.
    Utf8,
    /// Hexadecimal digits in lower case.
    Hex,
    /// Hexadecimal digits in lower or upper case, for senders that write both.
    HexAnyCase,
    /// Base64 with padding (RFC 4648, 4).
    Base64,
    /// Base64 in the URL-safe alphabet, without padding (RFC 4648, 5).
    Base64Url,
}

impl Encoding {
    /// The encodings of signatures, with their names in configuration.
    pub const OF_SIGNATURES: [(&'static str, Self); 4] = [
        ("hex", Self::Hex),
        ("hex-any-case", Self::HexAnyCase),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
    ];
    /// The encodings of secrets, with their names in configuration.
    pub const OF_KEYS: [(&'static str, Self); 3] = [
        ("utf8", Self::Utf8),
        ("hex", Self::Hex),
        ("base64", Self::Base64),
    ];

    /// Writes bytes in a form that [`decode`](Self::decode) accepts.
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Hex | Self::HexAnyCase => hex(bytes),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
            Self::Base64Url => BASE64_URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// Decodes a signature or a digest. Only the canonical form is accepted: otherwise one
    /// signature could be written in several ways.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.to_vec()),
            Self::Hex => lower_hex(text),
            Self::HexAnyCase => lower_hex(&text.to_ascii_lowercase()),
            Self::Base64 => BASE64_STANDARD.decode(text).ok(),
            Self::Base64Url => BASE64_URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }

    /// Returns the words of the encoding; they complete "is not …".
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Utf8 => "text",
            Self::Hex => "hexadecimal in lower case",
            Self::HexAnyCase => "hexadecimal",
            Self::Base64 => "base64 with padding",
            Self::Base64Url => "base64url without padding",
        }
    }

    /// Decodes a secret, which may be written less strictly. The error completes "the secret …".
    pub(crate) fn decode_key(self, secret: &[u8]) -> Result<Decoded, String> {
        match self {
            Self::Utf8 => Ok(Decoded {
                bytes: secret.to_vec(),
                oddities: Vec::new(),
            }),
            Self::Base64 | Self::Base64Url => base64_text::decode(secret, 0),
            Self::Hex | Self::HexAnyCase => {
                if let Some(index) = secret.iter().position(|byte| !byte.is_ascii_hexdigit()) {
                    let position = index + 1;
                    return Err(format!(
                        "is not hexadecimal: byte {position} is not a hexadecimal digit"
                    ));
                }
                let bytes = lower_hex(&secret.to_ascii_lowercase()).ok_or(
                    "is not hexadecimal: it has an odd number of digits; copy the whole secret",
                )?;
                Ok(Decoded {
                    bytes,
                    oddities: Vec::new(),
                })
            }
        }
    }
}

/// Writes bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lower_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });

    pairs.collect()
}
