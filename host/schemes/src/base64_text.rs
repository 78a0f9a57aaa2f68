//! Decodes base64 as people paste it: with or without padding, in either alphabet of RFC 4648.
//!
//! Only text with one possible meaning is accepted. Everything else is refused, with the position
//! of the defect. Messages name the kind of a byte and never the byte itself, because the text is a
//! secret.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// The bytes of a base64 text, and oddities in the way in which it is written.
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// Each text completes "the secret …".
    pub(crate) oddities: Vec<&'static str>,
}

/// Decodes a text. `skipped` is the number of bytes before it, so that positions count from the
/// beginning of the whole secret. The error completes "the secret …".
pub(crate) fn decode(text: &[u8], skipped: usize) -> Result<Decoded, String> {
    if let Some(index) = text.iter().position(|byte| !is_base64(*byte)) {
        return Err(format!(
            "is not base64: byte {} is {}",
            skipped + index + 1,
            kind_of(text[index])
        ));
    }

    let position_of = |bytes: &[u8]| {
        let index = text.iter().position(|byte| bytes.contains(byte))?;
        Some(skipped + index + 1)
    };
    let standard = position_of(b"+/");
    let url_safe = position_of(b"-_");
    if let (Some(standard), Some(url_safe)) = (standard, url_safe) {
        return Err(format!(
            "mixes the two alphabets of base64: byte {standard} is `+` or `/`, and byte {url_safe} is \
             `-` or `_`"
        ));
    }

    let digits = text.iter().take_while(|byte| **byte != b'=').count();
    let padding = text.len() - digits;
    if text[digits..].iter().any(|byte| *byte != b'=') {
        return Err(format!(
            "is not base64: byte {} is a `=` before the end",
            skipped + digits + 1
        ));
    }
    if digits % 4 == 1 {
        return Err(format!(
            "is not base64: no text of {digits} base64 characters exists; copy the whole secret"
        ));
    }
    let wanted = (4 - digits % 4) % 4;
    if padding != 0 && padding != wanted {
        return Err(format!(
            "is not base64: it ends in {padding} `=` instead of {wanted}"
        ));
    }

    let digits = &text[..digits];
    let decoded = if url_safe.is_some() {
        BASE64_URL_SAFE_NO_PAD.decode(digits)
    } else {
        BASE64_STANDARD_NO_PAD.decode(digits)
    };
    let bytes = decoded.map_err(|_| {
        "is not base64: its last character is one that encoders never write".to_owned()
    })?;

    let mut oddities = Vec::new();
    if padding < wanted {
        oddities.push("lacks the `=` at the end of its base64, and is read as if it had them");
    }
    if url_safe.is_some() {
        oddities.push("is written in the URL-safe alphabet of base64, and is read as such");
    }
    Ok(Decoded { bytes, oddities })
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Returns the kind of a byte, in words that reveal nothing else.
pub(crate) const fn kind_of(byte: u8) -> &'static str {
    match byte {
        b'\n' | b'\r' => "a line break",
        b' ' | b'\t' => "a space or tab",
        b'"' | b'\'' | b'`' => "a quotation mark",
        0..=0x1f | 0x7f => "a control character",
        0x80.. => "part of a character beyond ASCII",
        _ => "an unexpected character",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_base64_is_decoded() {
        for (text, odd) in [
            ("-_8=", 1),
            ("-_8", 2),
            ("+/8=", 0),
            ("+/8", 1),
            ("AAAA", 0),
            ("", 0),
        ] {
            let decoded = decode(text.as_bytes(), 0).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                decoded.oddities.len(),
                odd,
                "{text}: {:?}",
                decoded.oddities
            );
            assert!(
                text.is_empty() || text == "AAAA" || decoded.bytes == [0xfb, 0xff],
                "{text}"
            );
        }
    }

    #[test]
    fn ambiguous_base64_is_refused_with_position() {
        for (text, expected) in [
            ("AA AA", "byte 9 is a space or tab"),
            ("AAAA\n", "byte 11 is a line break"),
            ("\"AAAA", "byte 7 is a quotation mark"),
            ("AA\u{e4}A", "byte 9 is part of a character beyond ASCII"),
            ("A+_A", "byte 8 is `+` or `/`, and byte 9 is `-` or `_`"),
            ("AA=A", "byte 9 is a `=` before the end"),
            ("AAAAA", "no text of 5 base64 characters"),
            ("AA=", "ends in 1 `=` instead of 2"),
            ("AAAA=", "ends in 1 `=` instead of 0"),
            ("AB", "last character"),
        ] {
            let why = decode(text.as_bytes(), 6).err().unwrap_or_default();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
