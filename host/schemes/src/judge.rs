//! Judges secrets when they are loaded: can this one ever work, and is something odd about it?
//!
//! A secret that can never match is a fault. One that works and looks like a slip is a note. Both name the place in the
//! secret, in bytes from 1, and never any part of its content. The caller adds the file or variable that it comes from.
//!
//! The least lengths are these. A token or a password of fewer than [`TOKEN_BYTES_MIN`] bytes can be guessed by trying
//! requests; an HMAC key of fewer than [`KEY_BYTES_MIN`] is found within a day from one signed message, without a single
//! request. Standard Webhooks asks for 24 to 64 bytes; below [`STANDARD_WEBHOOKS_BYTES_MIN`], which is what 128 bits
//! take, a secret is refused.

use crate::base64_text::kind_of;
use crate::hmac::{self, Encoding};
use crate::standard_webhooks;

/// The least bytes of a token, a password or a path secret.
pub const TOKEN_BYTES_MIN: usize = 8;
/// The least bytes of an HMAC key, once it is decoded.
pub const KEY_BYTES_MIN: usize = 8;
/// The least bytes of a secret of Standard Webhooks, once it is decoded.
pub const STANDARD_WEBHOOKS_BYTES_MIN: usize = 16;
/// Below this, a token or a key gets a note: 16 random bytes are 128 bits.
const BYTES_USUAL: usize = 16;
/// What Standard Webhooks asks for.
const STANDARD_WEBHOOKS_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What a secret is for, which decides the bytes that can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretUse {
    /// The token of `Authorization: Bearer`.
    Bearer,
    /// The whole value of a header that others send.
    Header,
    /// The whole value of a header that this host sends.
    SentHeader,
    /// A password of HTTP Basic (RFC 7617).
    Password,
    /// The last segment of a URL's path.
    Path,
    /// An HMAC key that is written like this.
    Hmac(Encoding),
    /// A secret of Standard Webhooks.
    StandardWebhooks,
}

/// What is wrong with a secret, and what is merely odd. Each text continues "the secret …".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why the secret can never work, or would protect nothing.
    pub faults: Vec<String>,
    /// What is odd about a secret that works.
    pub notes: Vec<String>,
}

impl Judgement {
    /// Nothing is wrong.
    pub fn good() -> Self {
        Self::default()
    }

    /// One fault, or none.
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

/// Judges the bytes of a secret, after one line end was taken off.
pub fn judge(secret: &[u8], used_for: SecretUse) -> Judgement {
    let mut judgement = Judgement::default();

    if let Some(mark) = byte_order_mark(secret) {
        judgement.add(
            !used_for.takes_any_text(),
            format!("{mark}; save the file without one"),
        );
        if !judgement.faults.is_empty() {
            return judgement;
        }
    }
    judge_edges(secret, used_for, &mut judgement);
    if judgement.faults.is_empty() {
        judge_inside(secret, used_for, &mut judgement);
    }
    if judgement.faults.is_empty() {
        judge_key(secret, used_for, &mut judgement);
    }
    judgement
}

/// Judges a file of JSON or PEM, in which white space means nothing.
pub fn judge_document(text: &[u8]) -> Judgement {
    let mark = byte_order_mark(text).map(|mark| format!("{mark}; save the file without one"));
    Judgement {
        faults: mark.into_iter().collect(),
        notes: Vec::new(),
    }
}

/// How text begins that an editor saved with a byte order mark.
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
    /// Whether any bytes can be meant, so that odd ones are no fault.
    const fn takes_any_text(self) -> bool {
        matches!(self, Self::Password | Self::Hmac(Encoding::Utf8))
    }

    /// Whether only printable ASCII can ever match or be sent.
    const fn is_ascii(self) -> bool {
        matches!(self, Self::Bearer | Self::SentHeader)
    }
}

fn judge_edges(secret: &[u8], used_for: SecretUse, judgement: &mut Judgement) {
    // A raw key may begin and end with any byte.
    if used_for == SecretUse::Hmac(Encoding::Utf8) && std::str::from_utf8(secret).is_err() {
        return;
    }
    let is_fatal = !used_for.takes_any_text();
    let why = match used_for {
        SecretUse::Bearer | SecretUse::Header | SecretUse::SentHeader => {
            ", which HTTP cuts off a header's value"
        }
        _ => "",
    };
    let is_space = |byte: &&u8| byte.is_ascii_whitespace();

    let before = secret.iter().take_while(is_space).count();
    if before == secret.len() {
        judgement.add(true, "holds nothing but white space");
        return;
    }
    if before > 0 {
        judgement.add(
            is_fatal,
            format!("begins with {} (byte 1){why}", kind_of(secret[0])),
        );
    }
    let after = secret.iter().rev().take_while(is_space).count();
    let end = secret.len() - after;
    match secret[end..].iter().filter(|byte| **byte == b'\n').count() {
        0 if after == 0 => {}
        0 => judgement.add(
            is_fatal,
            format!("ends with {} (byte {}){why}", kind_of(secret[end]), end + 1),
        ),
        // One line end was already taken off.
        lines if lines == after => {
            let more = format!(
                "ends with {} line ends, of which only the last is ignored; remove the others",
                lines + 1
            );
            judgement.add(is_fatal, more);
        }
        _ => judgement.add(
            is_fatal,
            format!(
                "ends with white space and line ends (from byte {}){why}",
                end + 1
            ),
        ),
    }
}

fn judge_inside(secret: &[u8], used_for: SecretUse, judgement: &mut Judgement) {
    let place = |wanted: fn(&u8) -> bool| secret.iter().position(wanted).map(|at| at + 1);
    let control = place(u8::is_ascii_control);
    let beyond = place(|byte| !byte.is_ascii());

    match used_for {
        // What these hold is decoded, and judged with that.
        SecretUse::StandardWebhooks | SecretUse::Hmac(Encoding::Hex | Encoding::Base64) => {}
        SecretUse::Hmac(Encoding::Utf8) => {
            if let Some(at) = control.filter(|_| std::str::from_utf8(secret).is_ok()) {
                judgement.add(
                    false,
                    format!("holds {} (byte {at})", kind_of(secret[at - 1])),
                );
            }
        }
        SecretUse::Path => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            if let Some(at) = secret.iter().position(|byte| !is_plain(byte)) {
                let kind = kind_of(secret[at]);
                judgement.add(
                    true,
                    format!(
                        "holds {kind} (byte {}); a path may hold letters, digits and `-._~`",
                        at + 1
                    ),
                );
            }
        }
        SecretUse::Password => {
            if let Some(at) = control {
                let kind = kind_of(secret[at - 1]);
                judgement.add(
                    true,
                    format!("holds {kind} (byte {at}), which no password of HTTP Basic may hold (RFC 7617)"),
                );
            }
        }
        SecretUse::Bearer | SecretUse::Header | SecretUse::SentHeader => {
            if let Some(at) = control {
                judgement.add(
                    true,
                    format!(
                        "holds {} (byte {at}), which no header can hold",
                        kind_of(secret[at - 1])
                    ),
                );
            }
            if let Some(at) = beyond {
                let text = "holds a character beyond ASCII";
                let consequence = if used_for.is_ascii() {
                    "it can never match"
                } else {
                    "few senders can send it"
                };
                judgement.add(
                    used_for.is_ascii(),
                    format!("{text} (byte {at}); {consequence}"),
                );
            }
            if let Some(at) = place(|byte| *byte == b' ').filter(|_| used_for == SecretUse::Bearer)
            {
                judgement.add(
                    false,
                    format!("holds a blank (byte {at}), which RFC 6750 does not allow in a token"),
                );
            }
        }
    }
}

/// Judges what the secret is worth once it is decoded.
fn judge_key(secret: &[u8], used_for: SecretUse, judgement: &mut Judgement) {
    match used_for {
        SecretUse::StandardWebhooks => match standard_webhooks::decode(secret) {
            Ok(decoded) => {
                judgement
                    .notes
                    .extend(decoded.oddities.into_iter().map(str::to_owned));
                judge_standard_webhooks(decoded.bytes.len(), judgement);
            }
            Err(why) => judgement.add(true, why),
        },
        SecretUse::Hmac(encoding) => match hmac::decode_key(encoding, secret) {
            Ok(decoded) => {
                judgement
                    .notes
                    .extend(decoded.oddities.into_iter().map(str::to_owned));
                judge_length(
                    decoded.bytes.len(),
                    KEY_BYTES_MIN,
                    "can be found from one signed message",
                    judgement,
                );
            }
            Err(why) => judgement.add(true, why),
        },
        _ => judge_length(secret.len(), TOKEN_BYTES_MIN, "is easy to guess", judgement),
    }
}

fn judge_length(bytes: usize, bytes_min: usize, how: &str, judgement: &mut Judgement) {
    if bytes < bytes_min {
        judgement.add(
            true,
            format!(
                "has {}; a secret of fewer than {bytes_min} bytes {how}; use a longer one",
                count(bytes)
            ),
        );
    } else if bytes < BYTES_USUAL {
        judgement.add(
            false,
            format!(
                "has {}; use {BYTES_USUAL} random bytes or more",
                count(bytes)
            ),
        );
    }
}

fn judge_standard_webhooks(bytes: usize, judgement: &mut Judgement) {
    let (least, most) = (
        STANDARD_WEBHOOKS_BYTES.start(),
        STANDARD_WEBHOOKS_BYTES.end(),
    );
    let wanted = format!("Standard Webhooks asks for {least} to {most}");
    if bytes < STANDARD_WEBHOOKS_BYTES_MIN {
        let least = STANDARD_WEBHOOKS_BYTES_MIN;
        judgement.add(
            true,
            format!(
                "decodes to {}, and this host takes {least} or more; {wanted}",
                count(bytes)
            ),
        );
    } else if !STANDARD_WEBHOOKS_BYTES.contains(&bytes) {
        judgement.add(false, format!("decodes to {}; {wanted}", count(bytes)));
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
        let Judgement { faults, notes } = judge(secret, used_for);
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
    fn tokens_that_can_never_match_are_faults() {
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
                "begins with a blank (byte 1)",
                "",
            );
            check(
                format!("{GOOD} "),
                used_for,
                "ends with a blank (byte 22)",
                "",
            );
            check(format!("{GOOD}\n"), used_for, "ends with 2 line ends", "");
            check(format!("{GOOD} \n"), used_for, "from byte 22", "");
            check("correct\thorse", used_for, "holds a blank (byte 8)", "");
            check(
                "correct\0horse",
                used_for,
                "holds a control character (byte 8)",
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
            "holds a blank (byte 8)",
        );
        check("correct horse battery", Header, "", "");
    }

    #[test]
    fn passwords_may_hold_any_text() {
        use SecretUse::Password;
        check("correct-h\u{f6}rse-battery", Password, "", "");
        check(
            format!("{GOOD} "),
            Password,
            "",
            "ends with a blank (byte 22)",
        );
        check(
            format!("{GOOD}\n"),
            Password,
            "holds a line end (byte 22)",
            "2 line ends",
        );
        check(format!("\u{feff}{GOOD}"), Password, "", "byte order mark");
        check("short", Password, "has 5 bytes", "");
    }

    #[test]
    fn keys_are_judged_by_what_they_decode_to() {
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
            "ends with 2 line ends",
            "",
        );
        check(
            format!("\"{SECRET}\""),
            StandardWebhooks,
            "byte 1 is a quotation mark",
            "",
        );

        check(GOOD, Hmac(Encoding::Utf8), "", "");
        check(format!("{GOOD}\n"), Hmac(Encoding::Utf8), "", "2 line ends");
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
            "byte 2 is no hexadecimal digit",
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
    fn paths_are_judged_by_place() {
        check("a-secret-of-a-path", SecretUse::Path, "", "");
        check("a/secret-of-a-path", SecretUse::Path, "byte 2", "");
    }

    #[test]
    fn documents_may_end_in_any_white_space() {
        assert_eq!(judge_document(b"{}\n\n"), Judgement::good());
        assert!(judge_document("\u{feff}{}".as_bytes()).faults[0].contains("byte order mark"));
        assert!(judge_document(b"\xff\xfe{\0}\0").faults[0].contains("UTF-16"));
    }
}
