//! Secrets that are too short for the host, which refuses what can be guessed.
//!
//! The runner makes them longer. An HMAC key gets zero bytes, which HMAC adds itself (RFC 2104). A
//! token gets more letters, in the source and wherever the request has the token.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::case::Case;

/// The fewest bytes of a secret that the host takes.
const BYTES_MIN: usize = 8;
const MORE: &str = "-and-more";

/// Returns a key for the same signatures that is long enough.
pub(crate) fn lengthened_key(key: &str) -> String {
    // An empty key stays empty, because no padding makes it a secret.
    let missing = BYTES_MIN.saturating_sub(key.len());
    if key.is_empty() || missing == 0 {
        return key.to_owned();
    }
    key.to_owned() + &"\0".repeat(missing)
}

/// Returns a token that is long enough.
pub(crate) fn lengthened(token: &str) -> String {
    if token.is_empty() || token.len() >= BYTES_MIN {
        return token.to_owned();
    }
    token.to_owned() + MORE
}

/// Returns the value of a header, or the end of a path, in which the secrets of a case are longer.
pub(crate) fn with_lengthened(value: &str, case: &Case) -> String {
    case.secrets().fold(value.to_owned(), |value, token| {
        in_credentials(&value, token).unwrap_or_else(|| at_end(&value, token))
    })
}

fn at_end(value: &str, token: &str) -> String {
    match value.strip_suffix(token) {
        Some(before) => before.to_owned() + &lengthened(token),
        None => value.to_owned(),
    }
}

/// Replaces a password in the credentials of HTTP Basic. Returns `None` for other values.
fn in_credentials(value: &str, password: &str) -> Option<String> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    let (user, given) = decoded.split_once(':')?;
    if given != password {
        return Some(value.to_owned());
    }
    let encoded = BASE64_STANDARD.encode(format!("{user}:{}", lengthened(password)));
    Some(format!("{scheme} {encoded}"))
}
