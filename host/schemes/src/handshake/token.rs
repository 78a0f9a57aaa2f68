//! Which texts of strangers the host signs, and why no such signature proves a message.
//!
//! X and Zoom want an HMAC of a text that anybody can choose, under the key that also signs the
//! sender's messages. Without a bound, anybody could ask for the signature of a forged message.
//!
//! The host therefore signs only *tokens*: 8 to 128 characters of `A-Z a-z 0-9 _ . ~ = -`. A
//! message of the sender must never be a token, which is ensured twice:
//!
//! - Zoom signs `v0:{timestamp}:{body}`. A token cannot contain the colon, so that a message of
//!   Zoom is never a token.
//! - X signs the body alone. Its bodies are JSON objects, and a token cannot contain their braces
//!   and quotes. But a stranger could send the body `12345678`, which is JSON as well. The verifier
//!   of a source that signs tokens therefore refuses a message that is a token, even if its
//!   signature is valid.
//!
//! A recipe whose messages consist of token characters only, such as `{timestamp}.{body-sha256}`,
//! is refused when it is loaded, because the second rule would refuse every message. The same key
//! in other schemes is out of the question: a JSON Web Token under HS256 is itself a text of token
//! characters. Only the `hmac` scheme therefore signs tokens.

use crate::recipe::SignedPiece;
use crate::value::{Piece, Template};

/// The minimum size of a token, in bytes. The challenges of senders are longer than this.
const BYTES_MIN: usize = 8;
/// The maximum size of a token, in bytes.
const BYTES_MAX: usize = 128;

/// What a token is, for messages.
pub(super) const DESCRIPTION: &str = "8 to 128 characters of `A-Z a-z 0-9 _ . ~ = -`";

/// Returns whether a byte can be part of a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.~=-".contains(&byte)
}

/// Returns whether a text, given as slices that follow each other, is a token.
pub(crate) fn is_token(slices: &[impl AsRef<[u8]>]) -> bool {
    let slices = || slices.iter().map(AsRef::as_ref);
    let length: usize = slices().map(<[u8]>::len).sum();
    let mut bytes = slices().flatten().copied();
    (BYTES_MIN..=BYTES_MAX).contains(&length) && bytes.all(is_token_byte)
}

/// Returns whether the messages of a sender that signs this text are tokens, so that none of them
/// could be accepted.
pub(crate) fn is_always_token(signed: &Template<SignedPiece>) -> bool {
    signed.pieces().iter().all(|piece| match piece {
        Piece::Text(text) => text.bytes().all(is_token_byte),
        Piece::Value(_) => true,
        Piece::Own(piece) => match piece {
            SignedPiece::Timestamp
            | SignedPiece::Id
            | SignedPiece::Method
            | SignedPiece::BodySha256
            | SignedPiece::BodyCrc32
            | SignedPiece::Setting(_) => true,
            // A body is JSON or a form, and a URL has a colon. Fields are joined by colons.
            SignedPiece::Body
            | SignedPiece::JsonStringify
            | SignedPiece::FormSorted
            | SignedPiece::JsonFields(_)
            | SignedPiece::Url
            | SignedPiece::UrlPort => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_has_only_its_characters_and_its_length() {
        for token in [
            "uzwcfYtzr9",
            "9b4507b3-9040-4669-9ca3-6b94edb50553",
            "qgg8vlvZRS6UYooatFL8Aw==",
            "12345678",
            &"x".repeat(128),
        ] {
            assert!(is_token(&[token]), "{token}");
            let (left, right) = token.split_at(3);
            assert!(is_token(&[left, "", right]), "{token}");
        }
        for other in [
            "",
            "1234567",
            &"x".repeat(129),
            r#"{"tweet_create_events":[]}"#,
            "v0:1700000000:x",
            "a b c d e f",
            "12345678\n",
            "1234567é",
            "12345678/",
            "12345678+",
        ] {
            assert!(!is_token(&[other]), "{other}");
        }
    }

    #[test]
    fn recipe_without_a_body_signs_only_tokens() {
        let check = |text: &str| is_always_token(&Template::parse(text).expect("a template"));
        for only in [
            "{timestamp}.{body-sha256}",
            "{id}{timestamp}",
            "{header:x-digest}",
        ] {
            assert!(check(only), "{only}");
        }
        for other in [
            "{body}",
            "v0:{timestamp}:{body-sha256}",
            "{url}",
            "{json-stringify}",
        ] {
            assert!(!check(other), "{other}");
        }
    }
}
