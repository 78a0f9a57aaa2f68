//! Base64 as people paste it: with or without its padding, in either alphabet of RFC 4648.
//!
//! Only text with one possible meaning is taken. Everything else is refused with the place of what is odd. Messages say
//! what kind of byte stands there and never the byte itself, because the text is a secret.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// The bytes of a base64 text, and what is unusual about how the text is written.
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) oddities: Vec<&'static str>,
}

/// Decodes a text. `skipped` bytes stand before it, so that positions count from the beginning of the whole secret.
pub(crate) fn decode(text: &[u8], skipped: usize) -> Result<Decoded, String> {
    let place = |wanted: fn(&u8) -> bool| text.iter().position(wanted).map(|at| skipped + at + 1);
    if let Some(at) = text.iter().position(|byte| !is_base64(*byte)) {
        return Err(format!(
            "is not base64: byte {} is {}",
            skipped + at + 1,
            kind_of(text[at])
        ));
    }

    let standard = place(|byte| b"+/".contains(byte));
    let url_safe = place(|byte| b"-_".contains(byte));
    if let (Some(standard), Some(url_safe)) = (standard, url_safe) {
        return Err(format!(
            "mixes the two alphabets of base64: byte {standard} is `+` or `/`, and byte {url_safe} is `-` or `_`"
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
            "is not base64: no text of {digits} base64 characters exists; copy the secret whole"
        ));
    }
    let wanted = (4 - digits % 4) % 4;
    if padding != 0 && padding != wanted {
        return Err(format!(
            "is not base64: it ends in {padding} `=` where {wanted} belong"
        ));
    }

    let digits = &text[..digits];
    let decoded = match url_safe {
        Some(_) => BASE64_URL_SAFE_NO_PAD.decode(digits),
        None => BASE64_STANDARD_NO_PAD.decode(digits),
    };
    let bytes = decoded.map_err(|_| {
        "is not base64: its last character is one that no encoder writes".to_owned()
    })?;

    let mut oddities = Vec::new();
    if padding < wanted {
        oddities.push("lacks the `=` at the end of its base64, and is taken as if it had them");
    }
    if url_safe.is_some() {
        oddities.push("is written in the URL-safe alphabet of base64, and is taken as that");
    }
    Ok(Decoded { bytes, oddities })
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// What kind of byte it is, in words that give away nothing else.
pub(crate) const fn kind_of(byte: u8) -> &'static str {
    match byte {
        b'\n' | b'\r' => "a line end",
        b' ' | b'\t' => "a blank",
        b'"' | b'\'' | b'`' => "a quotation mark",
        0..=0x1f | 0x7f => "a control character",
        0x80.. => "part of a character beyond ASCII",
        _ => "a character that does not belong there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unambiguous_spellings_are_decoded() {
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
    fn ambiguous_spellings_are_refused_by_place() {
        for (text, expected) in [
            ("AA AA", "byte 9 is a blank"),
            ("AAAA\n", "byte 11 is a line end"),
            ("\"AAAA", "byte 7 is a quotation mark"),
            ("AA\u{e4}A", "byte 9 is part of a character beyond ASCII"),
            ("A+_A", "byte 8 is `+` or `/`, and byte 9 is `-` or `_`"),
            ("AA=A", "byte 9 is a `=` before the end"),
            ("AAAAA", "no text of 5 base64 characters"),
            ("AA=", "ends in 1 `=` where 2 belong"),
            ("AAAA=", "ends in 1 `=` where 0 belong"),
            ("AB", "last character"),
        ] {
            let why = decode(text.as_bytes(), 6).err().unwrap_or_default();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
