//! Checks secrets when they are loaded: whether a secret can work, and whether it looks like a
//! slip.
//!
//! A secret that can never match is a fault. A secret that works but looks odd gets a note. Faults
//! and notes name the position in the secret, in bytes from 1, and never any part of its content.
//! The caller adds the file or variable that the secret comes from.
//!
//! A token or password of fewer than [`TOKEN_BYTES_MIN`] bytes can be guessed by trying requests.
//! An HMAC key of fewer than [`KEY_BYTES_MIN`] bytes can be found within a day from one signed
//! message, without a single request. Standard Webhooks asks for 24 to 64 bytes; a secret of fewer
//! than [`STANDARD_WEBHOOKS_BYTES_MIN`] bytes (128 bits) is refused.

use crate::base64_text::kind_of;
use crate::recipe::Encoding;
use crate::verify::standard_webhooks::decode_secret;

/// The minimum size of a token, a password or a path secret, in bytes.
const TOKEN_BYTES_MIN: usize = 8;
/// The minimum size of a decoded HMAC key, in bytes.
const KEY_BYTES_MIN: usize = 8;
/// The minimum size of a decoded secret of Standard Webhooks, in bytes.
const STANDARD_WEBHOOKS_BYTES_MIN: usize = 16;
/// The recommended size of a token or key, in bytes: 16 random bytes are 128 bits.
const BYTES_USUAL: usize = 16;
/// The size that Standard Webhooks asks for, in bytes.
const STANDARD_WEBHOOKS_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The use of a secret, which decides the bytes that can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// The token of `Authorization: Bearer`.
    Bearer,
    /// The whole value of a header that a sender sends.
    Header,
    /// The whole value of a header that this host sends.
    SentHeader,
    /// A token at any other place of a request.
    Token,
    /// A password of HTTP Basic (RFC 7617).
    Password,
    /// The last segment of the path of a URL.
    Path,
    /// An HMAC key with this encoding.
    Hmac(Encoding),
    /// A secret of Standard Webhooks.
    StandardWebhooks,
}

/// The faults and oddities of a secret. Each text completes "the secret …".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretReport {
    /// The reasons for which the secret can never work, or would protect nothing.
    pub faults: Vec<String>,
    /// The oddities of a secret that works.
    pub notes: Vec<String>,
}

impl SecretReport {
    /// Returns a report whose only fault is the error of `result`, if there is one.
    pub fn of<T>(result: Result<T, impl ToString>) -> Self {
        Self {
            faults: result
                .err()
                .map(|error| error.to_string())
                .into_iter()
                .collect(),
            notes: Vec::new(),
        }
    }

    /// Adds a fault, or a note where the oddity is harmless.
    fn add(&mut self, is_fatal: bool, text: impl Into<String>) {
        let list = if is_fatal {
            &mut self.faults
        } else {
            &mut self.notes
        };
        list.push(text.into());
    }
}

/// Checks the bytes of a secret. The caller must have removed a trailing line break.
pub fn check_secret(secret: &[u8], used_for: SecretUse) -> SecretReport {
    let mut report = SecretReport::default();

    if let Some(mark) = byte_order_mark(secret) {
        report.add(
            !used_for.takes_any_text(),
            format!("{mark}; save the file without one"),
        );
        if !report.faults.is_empty() {
            return report;
        }
    }

    check_edges(secret, used_for, &mut report);
    if report.faults.is_empty() {
        check_content(secret, used_for, &mut report);
    }
    if report.faults.is_empty() {
        check_strength(secret, used_for, &mut report);
    }
    report
}

/// Checks a file of JSON or PEM, where white space has no meaning.
pub fn check_document(text: &[u8]) -> SecretReport {
    let mark = byte_order_mark(text).map(|mark| format!("{mark}; save the file without one"));
    SecretReport {
        faults: mark.into_iter().collect(),
        notes: Vec::new(),
    }
}

/// Returns a description of the byte order mark with which an editor saved a text.
fn byte_order_mark(text: &[u8]) -> Option<&'static str> {
    match text {
        [0xef, 0xbb, 0xbf, ..] => Some("begins with a byte order mark (bytes 1 to 3)"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("is text in UTF-16, as its byte order mark shows (bytes 1 and 2)")
        }
        _ => None,
    }
}

impl SecretUse {
    /// Returns whether any bytes can be intended, so that unusual bytes are not a fault.
    const fn takes_any_text(self) -> bool {
        matches!(
            self,
            Self::Password | Self::Token | Self::Hmac(Encoding::Utf8)
        )
    }

    /// Returns whether only printable ASCII can match or be sent.
    const fn is_ascii(self) -> bool {
        matches!(self, Self::Bearer | Self::SentHeader)
    }
}

fn check_edges(secret: &[u8], used_for: SecretUse, report: &mut SecretReport) {
    // A raw key may begin and end with any byte.
    if used_for == SecretUse::Hmac(Encoding::Utf8) && std::str::from_utf8(secret).is_err() {
        return;
    }
    let is_fatal = !used_for.takes_any_text();
    let why = match used_for {
        SecretUse::Bearer | SecretUse::Header | SecretUse::SentHeader => {
            ", which HTTP removes from the value of a header"
        }
        _ => "",
    };
    let is_space = |byte: &&u8| byte.is_ascii_whitespace();

    let before = secret.iter().take_while(is_space).count();
    if before == secret.len() {
        report.add(true, "contains nothing but white space");
        return;
    }
    if before > 0 {
        report.add(
            is_fatal,
            format!("begins with {} (byte 1){why}", kind_of(secret[0])),
        );
    }
    let after = secret.iter().rev().take_while(is_space).count();
    let end = secret.len() - after;
    match secret[end..].iter().filter(|byte| **byte == b'\n').count() {
        0 if after == 0 => {}
        0 => report.add(
            is_fatal,
            format!("ends with {} (byte {}){why}", kind_of(secret[end]), end + 1),
        ),
        // The caller has already removed one line break.
        lines if lines == after => {
            let more = format!(
                "ends with {} line breaks, and only the last one is ignored; remove the others",
                lines + 1
            );
            report.add(is_fatal, more);
        }
        _ => report.add(
            is_fatal,
            format!(
                "ends with white space and line breaks (from byte {}){why}",
                end + 1
            ),
        ),
    }
}

fn check_content(secret: &[u8], used_for: SecretUse, report: &mut SecretReport) {
    let place = |wanted: fn(&u8) -> bool| secret.iter().position(wanted).map(|at| at + 1);
    let control = place(u8::is_ascii_control);
    let beyond = place(|byte| !byte.is_ascii());

    match used_for {
        // The content of these secrets is checked when they are decoded.
        SecretUse::StandardWebhooks
        | SecretUse::Hmac(
            Encoding::Hex | Encoding::HexAnyCase | Encoding::Base64 | Encoding::Base64Url,
        ) => {}
        SecretUse::Hmac(Encoding::Utf8) | SecretUse::Token => {
            if let Some(at) = control.filter(|_| std::str::from_utf8(secret).is_ok()) {
                report.add(
                    false,
                    format!("contains {} (byte {at})", kind_of(secret[at - 1])),
                );
            }
        }
        SecretUse::Path => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            if let Some(at) = secret.iter().position(|byte| !is_plain(byte)) {
                let kind = kind_of(secret[at]);
                report.add(
                    true,
                    format!(
                        "contains {kind} (byte {}); a path can contain letters, digits and `-._~`",
                        at + 1
                    ),
                );
            }
        }
        SecretUse::Password => {
            if let Some(at) = control {
                let kind = kind_of(secret[at - 1]);
                report.add(
                    true,
                    format!(
                        "contains {kind} (byte {at}), which HTTP Basic does not allow in a password \
                         (RFC 7617)"
                    ),
                );
            }
        }
        SecretUse::Bearer | SecretUse::Header | SecretUse::SentHeader => {
            if let Some(at) = control {
                report.add(
                    true,
                    format!(
                        "contains {} (byte {at}), which a header cannot contain",
                        kind_of(secret[at - 1])
                    ),
                );
            }
            if let Some(at) = beyond {
                let text = "contains a character beyond ASCII";
                let consequence = if used_for.is_ascii() {
                    "it can never match"
                } else {
                    "few senders can send it"
                };
                report.add(
                    used_for.is_ascii(),
                    format!("{text} (byte {at}); {consequence}"),
                );
            }
            if let Some(at) = place(|byte| *byte == b' ').filter(|_| used_for == SecretUse::Bearer)
            {
                report.add(
                    false,
                    format!(
                        "contains a space (byte {at}), which RFC 6750 does not allow in a token"
                    ),
                );
            }
        }
    }
}

/// Checks the length of the secret, decoded.
fn check_strength(secret: &[u8], used_for: SecretUse, report: &mut SecretReport) {
    match used_for {
        SecretUse::StandardWebhooks => match decode_secret(secret) {
            Ok(decoded) => {
                report
                    .notes
                    .extend(decoded.oddities.into_iter().map(str::to_owned));
                check_standard_webhooks_length(decoded.bytes.len(), report);
            }
            Err(why) => report.add(true, why),
        },
        SecretUse::Hmac(encoding) => match encoding.decode_key(secret) {
            Ok(decoded) => {
                report
                    .notes
                    .extend(decoded.oddities.into_iter().map(str::to_owned));
                check_length(
                    decoded.bytes.len(),
                    KEY_BYTES_MIN,
                    "can be found from one signed message",
                    report,
                );
            }
            Err(why) => report.add(true, why),
        },
        _ => check_length(secret.len(), TOKEN_BYTES_MIN, "is easy to guess", report),
    }
}

fn check_length(bytes: usize, bytes_min: usize, how: &str, report: &mut SecretReport) {
    if bytes < bytes_min {
        report.add(
            true,
            format!(
                "has {}; a secret of fewer than {bytes_min} bytes {how}; use a longer one",
                count(bytes)
            ),
        );
    } else if bytes < BYTES_USUAL {
        report.add(
            false,
            format!(
                "has {}; use {BYTES_USUAL} random bytes or more",
                count(bytes)
            ),
        );
    }
}

fn check_standard_webhooks_length(bytes: usize, report: &mut SecretReport) {
    let (least, most) = (
        STANDARD_WEBHOOKS_BYTES.start(),
        STANDARD_WEBHOOKS_BYTES.end(),
    );
    let wanted = format!("Standard Webhooks asks for {least} to {most}");

    if bytes < STANDARD_WEBHOOKS_BYTES_MIN {
        let least = STANDARD_WEBHOOKS_BYTES_MIN;
        report.add(
            true,
            format!(
                "decodes to {}, and this host requires {least} or more; {wanted}",
                count(bytes)
            ),
        );
    } else if !STANDARD_WEBHOOKS_BYTES.contains(&bytes) {
        report.add(false, format!("decodes to {}; {wanted}", count(bytes)));
    }
}

fn count(bytes: usize) -> String {
    if bytes == 1 {
        "1 byte".to_owned()
    } else {
        format!("{bytes} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct-horse-battery";

    fn check(secret: impl AsRef<[u8]>, used_for: SecretUse, fault: &str, note: &str) {
        let secret = secret.as_ref();
        let SecretReport { faults, notes } = check_secret(secret, used_for);
        let what = format!(
            "{:?} for {used_for:?}: {faults:?} {notes:?}",
            secret.escape_ascii().to_string()
        );
        let is_expected = |list: &[String], expected: &str| match expected {
            "" => list.is_empty(),
            expected => list.iter().any(|text| text.contains(expected)),
        };

        assert!(is_expected(&faults, fault), "fault of {what}");
        assert!(is_expected(&notes, note), "note of {what}");
    }

    #[test]
    fn unmatchable_token_is_a_fault() {
        use SecretUse::{Bearer, Header, SentHeader};
        for used_for in [Bearer, Header, SentHeader] {
            check(GOOD, used_for, "", "");
            check(
                format!("\u{feff}{GOOD}"),
                used_for,
                "byte order mark (bytes 1 to 3)",
                "",
            );
            check(
                format!(" {GOOD}"),
                used_for,
                "begins with a space or tab (byte 1)",
                "",
            );
            check(
                format!("{GOOD} "),
                used_for,
                "ends with a space or tab (byte 22)",
                "",
            );
            check(format!("{GOOD}\n"), used_for, "ends with 2 line breaks", "");
            check(format!("{GOOD} \n"), used_for, "from byte 22", "");
            check(
                "correct\thorse",
                used_for,
                "contains a space or tab (byte 8)",
                "",
            );
            check(
                "correct\0horse",
                used_for,
                "contains a control character (byte 8)",
                "",
            );
            check("x", used_for, "has 1 byte", "");
            check("12345678", used_for, "", "has 8 bytes");
            check(" \n ", used_for, "nothing but white space", "");
        }
        check(
            "correct-h\u{f6}rse-battery",
            Bearer,
            "beyond ASCII (byte 10); it can never match",
            "",
        );
        check(
            "correct-h\u{f6}rse-battery",
            SentHeader,
            "beyond ASCII (byte 10); it can never match",
            "",
        );
        check(
            "correct-h\u{f6}rse-battery",
            Header,
            "",
            "few senders can send it",
        );
        check(
            "correct horse battery",
            Bearer,
            "",
            "contains a space (byte 8)",
        );
        check("correct horse battery", Header, "", "");
    }

    #[test]
    fn password_may_contain_any_text() {
        use SecretUse::Password;
        check("correct-h\u{f6}rse-battery", Password, "", "");
        check(
            format!("{GOOD} "),
            Password,
            "",
            "ends with a space or tab (byte 22)",
        );
        check(
            format!("{GOOD}\n"),
            Password,
            "contains a line break (byte 22)",
            "2 line breaks",
        );
        check(format!("\u{feff}{GOOD}"), Password, "", "byte order mark");
        check("short", Password, "has 5 bytes", "");
    }

    #[test]
    fn key_is_checked_after_decoding() {
        use SecretUse::{Hmac, StandardWebhooks};
        const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        check(SECRET, StandardWebhooks, "", "");
        check(
            format!("v1,{SECRET}"),
            StandardWebhooks,
            "",
            "begins with `v1,`",
        );
        check(
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
            StandardWebhooks,
            "looks like a signature",
            "",
        );
        check(
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            StandardWebhooks,
            "begins like `whsec_`",
            "",
        );
        check(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA",
            StandardWebhooks,
            "",
            "lacks the `=`",
        );
        check(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
            StandardWebhooks,
            "",
            "URL-safe",
        );
        check("whsec_MfKQ", StandardWebhooks, "decodes to 3 bytes", "");
        check(
            "whsec_MDEyMzQ1Njc4OWFiY2RlZg==",
            StandardWebhooks,
            "",
            "asks for 24 to 64",
        );
        check(
            format!("{SECRET}\n"),
            StandardWebhooks,
            "ends with 2 line breaks",
            "",
        );
        check(
            format!("\"{SECRET}\""),
            StandardWebhooks,
            "byte 1 is a quotation mark",
            "",
        );

        check(GOOD, Hmac(Encoding::Utf8), "", "");
        check(
            format!("{GOOD}\n"),
            Hmac(Encoding::Utf8),
            "",
            "2 line breaks",
        );
        check(
            b"\xff\x01\x80 raw key bytes \n",
            Hmac(Encoding::Utf8),
            "",
            "",
        );
        check("x", Hmac(Encoding::Utf8), "has 1 byte", "");
        check(
            "00112233445566778899aabbccddeeff",
            Hmac(Encoding::Hex),
            "",
            "",
        );
        check(
            "0x112233445566778899aabbccddeeff",
            Hmac(Encoding::Hex),
            "byte 2 is not a hexadecimal digit",
            "",
        );
        check("001", Hmac(Encoding::Hex), "odd number", "");
        check(
            "AAECAwQFBgcICQoLDA0ODw",
            Hmac(Encoding::Base64),
            "",
            "lacks the `=`",
        );
    }

    #[test]
    fn path_secret_fault_names_position() {
        check("a-secret-of-a-path", SecretUse::Path, "", "");
        check("a/secret-of-a-path", SecretUse::Path, "byte 2", "");
    }

    #[test]
    fn document_may_end_in_white_space() {
        assert_eq!(check_document(b"{}\n\n"), SecretReport::default());
        assert!(check_document("\u{feff}{}".as_bytes()).faults[0].contains("byte order mark"));
        assert!(check_document(b"\xff\xfe{\0}\0").faults[0].contains("UTF-16"));
    }
}
